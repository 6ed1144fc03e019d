"""Instants as text: integer microseconds since the epoch, and RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_AT: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_AT: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def instant_to_text(at: int) -> str:
    """Show microseconds since the epoch as RFC 3339 text in UTC, always with six decimals.

    What lies outside of the years 1 to 9999 is shown as their nearest instant: an endpoint with a
    broken clock must not break the page that shows it.
    """
    within = min(max(at, _FIRST_AT), _LAST_AT)
    naive = (_EPOCH + timedelta(microseconds=within)).replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds") + "Z"


def instant_from_text(text: str) -> int:
    """Read an RFC 3339 instant as microseconds since the epoch.

    Raises `ValueError` for anything else, and for an instant without its time zone.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return (instant - _EPOCH) // _MICROSECOND
