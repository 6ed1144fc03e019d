"""Turn what an endpoint reports into what the console keeps: bounded, and text only.

An endpoint may be in the hands of an attacker. Whatever it sends becomes plain text of a bounded
length that every database stores; nothing of it is interpreted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from console.core.storable import storable_text
from protocol.event_json import event_to_json
from protocol.events import Event, Process
from protocol.exceptions import MalformedEvent
from protocol.messages import AlertRaised

# An honest alert is below 200 KiB (see `protocol.limits`); what is longer is cut, and says so.
LONGEST_TEXT: Final = 16 * 1024
LONGEST_LIST: Final = 1024
LARGEST_EVENT: Final = 128 * 1024
MOST_TERMS: Final = 64
LONGEST_TERM: Final = 1024

# What remains of each text when the whole is still too large.
SHORT_TEXT: Final = 256
SHORT_LIST: Final = 32

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
_LARGEST_REVISION: Final = 2**62


def evidence_of(alert: AlertRaised) -> dict[str, Any]:
    """Show the alert's event as JSON that any database stores, its process included."""
    event = alert.event
    if event.process is None and alert.process is not None:
        event = msgspec.structs.replace(event, process=alert.process)
    told = _shown(event)
    encoded = msgspec.json.encode(told)
    if len(encoded) <= LONGEST_TEXT and b"\\u0000" not in encoded:
        # Nothing in it can be too long: most alerts are spared the walk through all their parts.
        return told
    shown: dict[str, Any] = _bound(told, LONGEST_TEXT, LONGEST_LIST)
    if len(msgspec.json.encode(shown)) <= LARGEST_EVENT:
        return shown
    cut: dict[str, Any] = _bound(shown, SHORT_TEXT, SHORT_LIST)
    return cut | {"cut": True}


def terms_of(alert: AlertRaised) -> list[dict[str, str]]:
    """Show the matched terms as JSON that any database stores."""
    terms = msgspec.to_builtins(alert.matched[:MOST_TERMS])
    bounded: list[dict[str, str]] = _bound(terms, LONGEST_TERM, MOST_TERMS)
    return bounded


def process_of(alert: AlertRaised) -> Process | None:
    """Return the process that did it, wherever the endpoint put it."""
    return alert.process or alert.event.process


def revision_of(alert: AlertRaised) -> int:
    """Return the rule's revision, within what a column holds."""
    return min(max(alert.intel_revision, 0), _LARGEST_REVISION)


def happened_at(alert: AlertRaised, *, received_at: datetime) -> datetime:
    """Return when it happened by the endpoint's clock; when it arrived, if that cannot be.

    A clock that is an hour off is believed. A day ahead, or before this millennium, is not a
    clock: such an alert would stand on top of every list, or below all of them, for ever.
    """
    try:
        told = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=alert.at)
    except OverflowError:
        return received_at
    return told if _EARLIEST <= told <= received_at + _AHEAD else received_at


def _shown(event: Event) -> dict[str, Any]:
    try:
        return event_to_json(event)
    except MalformedEvent as error:
        # Instants outside of the calendar: the rest of the evidence still counts.
        shown: dict[str, Any] = msgspec.to_builtins(event_to_json(_with_calendar(event)))
        return shown | {"problem": str(error)}


def _with_calendar(event: Event) -> Event:
    process = event.process
    if process is not None:
        process = msgspec.structs.replace(process, started_at=-1)
    return msgspec.structs.replace(event, at=0, process=process)


def _bound(shown: Any, longest_text: int, longest_list: int) -> Any:
    if isinstance(shown, str):
        return storable_text(shown, longest_text)
    if isinstance(shown, dict):
        return {
            storable_text(name): _bound(value, longest_text, longest_list)
            for name, value in shown.items()
        }
    if isinstance(shown, list | tuple):
        return [_bound(value, longest_text, longest_list) for value in shown[:longest_list]]
    return shown
