"""Who is behind an HTTP request, and from which address.

`X-Forwarded-For` is written by anybody, so it counts only where the connection itself comes from
one of `settings.VEDETTE_TRUSTED_PROXIES`.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from console.core.actor import Actor

# A proxy on a Unix socket, and Django's test client without one, have no address.
NO_ADDRESS: Final = ""


def source_address_of(request: HttpRequest) -> str:
    """Return the address that the request came from, in its canonical form.

    Behind trusted proxies it is the right-most address that is not one of them.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not _is_trusted_proxy(peer):
        return _canonical(peer)
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    for address in reversed([part.strip() for part in forwarded if part.strip()]):
        if not _is_trusted_proxy(address):
            return _canonical(address)
    return _canonical(peer)


def actor_of(request: HttpRequest) -> Actor:
    """Return the user behind an authenticated request, or the anonymous actor of its address."""
    user = request.user
    if isinstance(user, AnonymousUser):
        return Actor("anonymous", source_address=source_address_of(request))
    return Actor(user.get_username(), user.pk, source_address_of(request))


def network_of(address: str) -> str:
    """Return what one customer of a network has: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NO_ADDRESS
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _canonical(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NO_ADDRESS
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _is_trusted_proxy(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(
        parsed in ipaddress.ip_network(network, strict=False)
        for network in settings.VEDETTE_TRUSTED_PROXIES
    )
