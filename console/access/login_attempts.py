"""Slow down guessing of passwords, on the login page and in the API alike.

Failures count per source address, and more strictly per user name and source address. Nothing
counts per user name alone: that would let a stranger lock an administrator out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NoReturn

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from console.access.exceptions import TooManyAttempts
from console.core.rates import Rate
from console.core.requests import network_of, source_address_of

_WINDOW: Final = 300
PER_ADDRESS: Final = Rate("login-address", allowed=50, seconds=_WINDOW)
PER_NAME: Final = Rate("login-name", allowed=10, seconds=_WINDOW)


class LoginGuard(BaseBackend):
    """The first authentication backend: refuses before any password is looked at."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, **_: Any
    ) -> None:
        """Let the next backend decide. Raises PermissionDenied after too many failures."""
        if request is None or username is None:
            return
        try:
            refuse_if_guessing(request, username, now=timezone.now())
        except TooManyAttempts as refusal:
            raise PermissionDenied(refusal.detail) from refusal


def refuse_if_guessing(request: HttpRequest, username: str, *, now: datetime) -> None:
    """Raise `TooManyAttempts` when this address has failed too often in this window."""
    network, name = _subjects(request, username)
    if PER_ADDRESS.counted(network, now=now) >= PER_ADDRESS.allowed:
        _refuse(PER_ADDRESS, now)
    if PER_NAME.counted(name, now=now) >= PER_NAME.allowed:
        _refuse(PER_NAME, now)


def count_failure(request: HttpRequest, username: str, *, now: datetime) -> bool:
    """Count one failed attempt and tell whether it was still within what is allowed."""
    network, name = _subjects(request, username)
    by_address = PER_ADDRESS.count(network, now=now)
    by_name = PER_NAME.count(name, now=now)
    return by_address <= PER_ADDRESS.allowed and by_name <= PER_NAME.allowed


def _subjects(request: HttpRequest, username: str) -> tuple[str, str]:
    network = network_of(source_address_of(request))
    return network, f"{username.casefold()}\n{network}"


def _refuse(rate: Rate, now: datetime) -> NoReturn:
    raise TooManyAttempts(rate.retry_after(now=now))
