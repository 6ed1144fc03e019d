"""Under which addresses endpoints reach this console."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def name_reached_by(request: HttpRequest) -> str:
    """Return the name of the console that this request used, so that later ones work, too.

    Only a name that stands in the server certificate counts; otherwise it is the first of them.
    """
    try:
        name = urlsplit(f"//{request.META.get('HTTP_HOST', '')}").hostname
    except ValueError:
        name = None
    return name if name in settings.VEDETTE_NAMES else default_name()


def name_for_others(request: HttpRequest) -> str:
    """Return the name under which another computer reaches the console.

    It is the one that this request used, unless that leads every computer to itself.
    """
    name = name_reached_by(request)
    return default_name() if name in _OWN_NAMES else name


def default_name() -> str:
    """Return the name that installers use: the first of `settings.VEDETTE_NAMES`."""
    return str(settings.VEDETTE_NAMES[0])


def address(name: str, port: int) -> str:
    """Join a name and a port; an IPv6 address goes into brackets."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
