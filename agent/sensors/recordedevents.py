"""Search this endpoint's recorded events for a sensor: newest first, between two instants.

The store is opened to read, beside the agent that writes it, as a live session does. An event of a
process that ran before the recording began bears the process' own start, which is earlier than its
place in the store; every other one stands where its instant says, but for a few seconds.
"""

from __future__ import annotations

import bisect
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from agent.sensors.context import SensorContext
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.patterns import expression
from agent.sensors.reading import read_start
from detection.signals.expression import Condition, Expression, Term, all_of
from eventstore.connection import sqlite_errors_named
from eventstore.exceptions import EventStoreError
from eventstore.search import EventSearch
from eventstore.segments import read_segments
from eventstore.store import EventStore
from protocol.events import Event
from sensors.definitions import ValueType
from sensors.exceptions import ConditionRefused
from sensors.values import read_operand

MOST_ROWS: Final = 10_000
_PAGE_ROWS: Final = 500
_KEY_BYTES: Final = 64
# Sources report in batches, and not in one order.
_DISORDER: Final = 60 * 1_000_000
_MICROSECONDS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = re.compile(r"(?:last\s+)?(\d{1,9})\s*([a-z]*)", re.IGNORECASE)
_UNITS: Final = {
    **dict.fromkeys(("", "m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "second", "seconds"), 1),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_BETWEEN: Final = re.compile(r"\s+to\s+|\s*\|\s*", re.IGNORECASE)
_ALL: Final = ("", "all")


class Span(NamedTuple):
    """From `start` up to, but without, `end`; in µs since the epoch."""

    start: int
    end: int


def read_span(text: str, *, now: int) -> Span:
    """Read `last 90 minutes`, `24 hours`, `2024-05-01 10:00 to 2024-05-01 12:00`, or `all`.

    A number alone is minutes. Raises `SensorFailed`.
    """
    written = text.strip()
    if written.lower() in _ALL:
        return Span(0, 2**62)
    last = _LAST.fullmatch(written)
    if last is not None and last[2].lower() in _UNITS:
        seconds = int(last[1]) * _UNITS[last[2].lower()]
        # Endpoints whose clock is ahead record events in the console's future.
        return Span(now - seconds * _MICROSECONDS, 2**62)
    parts = _BETWEEN.split(written)
    try:
        # One instant alone is the whole day, hour or minute that it names.
        periods = [read_operand(ValueType.INSTANT, part) for part in (parts[0], parts[-1])]
    except ConditionRefused:
        periods = []
    if not periods or len(parts) > 2:
        raise SensorFailed(
            f"{text[:80]!r} is no time range: write “last 60 minutes”, “last 7 days”, “all” or "
            "“2024-05-01 10:00 to 2024-05-01 12:00” (UTC)."
        )
    first, last_period = periods
    length = last_period.length if len(parts) == 1 or _is_day(parts[-1]) else timedelta()
    return Span(_microseconds(first.start), _microseconds(last_period.start + length))


def _is_day(text: str) -> bool:
    return len(text.strip()) == len("2024-05-01")


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


class Wanted(NamedTuple):
    """What to search for: events of these kinds that satisfy the expression (None: all)."""

    kinds: Sequence[str]
    condition: Expression | None
    span: Span
    most: int


def conditions_from(
    parameters: Mapping[str, str], properties: Mapping[str, str], *, is_expression: bool
) -> list[Expression]:
    """Make a condition of every parameter that is filled in: parameter → property.

    Text must be contained; an expression must fit the whole. Raises `SensorFailed`.
    """
    made: list[Expression] = []
    for key, name in properties.items():
        value = parameters[key]
        if not value:
            continue
        if is_expression:
            expression(value)
        condition = Condition.MATCHES if is_expression else Condition.CONTAINS
        made.append(Term(name, condition, value))
    return made


def joined(conditions: Sequence[Expression]) -> Expression | None:
    """Join conditions; None when there are none."""
    return all_of(*conditions) if conditions else None


def recorded_events(context: SensorContext, wanted: Wanted) -> Iterator[Event]:
    """Yield matching events, newest first, at most `wanted.most`.

    Raises `SensorUnavailable` where nothing is recorded, and `SensorFailed`.
    """
    try:
        with (
            contextlib.closing(open_store(context)) as store,
            EventSearch(store, wanted.condition, kinds=wanted.kinds) as search,
        ):
            for _segment in range(_segments_since(store, wanted.span.start)):
                if search.step(1):
                    break
            yield from _found(search, wanted)
    except EventStoreError as error:
        raise SensorFailed(f"The recorded events cannot be searched: {error}.") from error


def open_store(context: SensorContext) -> EventStore:
    """Open the event store to read. Raises `SensorUnavailable` or `EventStoreError`."""
    directories = context.directories
    try:
        key = read_start(directories.store_key_file, _KEY_BYTES)
    except FileNotFoundError as error:
        raise SensorUnavailable("This endpoint has no event store: nothing is recorded.") from error
    if not directories.store_file.exists():
        raise SensorUnavailable("This endpoint has no event store: nothing is recorded.")
    return EventStore.open(directories.store_file, key=key, read_only=True)


def _segments_since(store: EventStore, start: int) -> int:
    """Return how many of the newest segments may hold events from `start` on."""
    with sqlite_errors_named():
        segments = read_segments(store.connection)
    ends = [segment.started_at for segment in segments[1:]]
    for place, end in enumerate(ends):
        # One that begins before its predecessor begins with processes that already ran.
        if end + _DISORDER >= start or end < segments[place].started_at:
            return len(segments) - place
    return 1


def _found(search: EventSearch, wanted: Wanted) -> Iterator[Event]:
    span, given = wanted.span, 0
    position = _first_before(search, span.end + _DISORDER)
    while position < search.total:
        for row in search.rows(position, _PAGE_ROWS):
            if given >= wanted.most:
                return
            if span.start <= row.event.at < span.end:
                yield row.event
                given += 1
        position += _PAGE_ROWS


def _first_before(search: EventSearch, end: int) -> int:
    """Return the position, newest first, at which events before an instant begin."""

    def is_before(position: int) -> bool:
        rows = search.rows(position, 1)
        return not rows or rows[0].event.at < end

    return bisect.bisect_left(range(search.total), True, key=is_before)
