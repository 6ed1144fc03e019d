"""Recorded events as JSON objects that explain themselves.

The recorder's files, the matcher, the REST API and the event grid share this form. Writing an
event and reading it back gives the same event; a reader refuses what it does not know, because a
mistyped name would look like an event that never matches.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from protocol.event_reading import read_event
from protocol.event_shapes import EventShape
from protocol.event_writing import shape_event
from protocol.events import Event
from protocol.exceptions import MalformedEvent

_encoder: Final = msgspec.json.Encoder()


def event_to_json(event: Event) -> dict[str, Any]:
    """Show an event as a JSON object; what was not recorded is left out."""
    shown: dict[str, Any] = msgspec.to_builtins(shape_event(event))
    return shown


def event_to_line(event: Event) -> bytes:
    """Write an event as one line of JSON, without the line's end."""
    return _encoder.encode(shape_event(event))


def event_from_json(shown: dict[str, Any]) -> Event:
    """Read what `event_to_json` wrote, or what a person wrote by hand.

    Only `time`, `kind` and the section of that kind are needed. Raises `MalformedEvent`, which
    names the field, for wrong types, unknown names and derived fields that contradict the others.
    """
    try:
        shape = msgspec.convert(shown, EventShape)
        # Text of Python can hold half a surrogate pair, which no encoding of the wire can.
        _encoder.encode(shape)
    except msgspec.ValidationError as error:
        raise _malformed(error) from error
    except UnicodeEncodeError as error:
        raise MalformedEvent("event", f"text that is not Unicode: {error}") from error
    return read_event(shape)


def _malformed(error: msgspec.ValidationError) -> MalformedEvent:
    # msgspec writes the reason, then the place: "... - at `$.process.pid`".
    reason, _, place = str(error).partition(" - at ")
    return MalformedEvent(place.strip("`").removeprefix("$.") or "event", reason)
