"""Read recorded events from a stream of JSON lines, one at a time, whoever wrote them.

A line is an event of our own (`protocol.event_json`) or a Sysmon record; the reader tells by
looking at each line. Memory stays constant: a line longer than `MAX_LINE_BYTES` is refused
without being held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from detection.exceptions import UnreadableEvent
from detection.signals.sysmon import read_sysmon, record_id_of
from protocol.event_json import event_from_json
from protocol.events import Event
from protocol.exceptions import MalformedEvent

MAX_LINE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line: its number from 1, and the event, or the problem, or neither.

    Neither: the line is a record of another log or of a kind that we have no event for.
    """

    number: int
    event: Event | None = None
    record_id: int | str | None = None
    problem: str = ""


def read_event_lines(stream: BinaryIO) -> Iterator[EventLine]:
    """Yield every line that is not blank. Raises `OSError` or `EOFError` as the stream does."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_rest_of_line(stream)
            yield EventLine(number, problem=f"longer than {MAX_LINE_BYTES} bytes")
        elif not line.isspace():
            yield _read_line(number, line)


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while piece := stream.readline(MAX_LINE_BYTES):
        if piece.endswith(b"\n"):
            return


def _read_line(number: int, line: bytes) -> EventLine:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return EventLine(number, problem=f"not JSON: {error}")
    if not isinstance(record, dict):
        return EventLine(number, problem="not a JSON object")
    try:
        if "kind" in record and "EventID" not in record:
            return EventLine(number, event_from_json(record))
        return EventLine(number, read_sysmon(record), record_id_of(record))
    except (UnreadableEvent, MalformedEvent) as error:
        return EventLine(number, problem=str(error))
