"""Instants for people: ISO 8601 in UTC, to the second, with how far away that is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil


def how_long_ago(instant: datetime, *, now: datetime) -> str:
    """Say how long ago something was, by the endpoint's clock; one that is ahead is now."""
    if now - instant < timedelta(minutes=1):
        return "just now"
    return f"{timesince(instant, now)} ago"


def how_far_away(instant: datetime, *, now: datetime) -> str:
    """Say how long ago an instant of the console's own clock was, or how far ahead it lies."""
    if instant - now >= timedelta(minutes=1):
        return f"in {timeuntil(instant, now, depth=1)}"
    if now - instant < timedelta(minutes=1):
        return "just now"
    return f"{timesince(instant, now, depth=1)} ago"


def show_instant(instant: datetime | None, *, now: datetime) -> SafeString | str:
    """Show an instant in a list: the exact time, and below it how far away it is."""
    if instant is None:
        return "never"
    return format_html(
        '<time class="v-instant" datetime="{}">{} UTC</time> <span class="v-help">{}</span>',
        f"{instant:%Y-%m-%dT%H:%M:%SZ}",
        f"{instant:%Y-%m-%d %H:%M:%S}",
        how_far_away(instant, now=now),
    )
