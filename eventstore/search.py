"""Search a store for the events that satisfy an expression, newest first, in small steps.

A process term is asked of the process behind any event; every other term is false of an event of
another kind, negated or not, as in Signals. Unlike a Signal, a search of nothing but process
terms finds every event of those processes, not only their starts.

One segment is asked at a time, so that a caller with other work to do (the agent's loop) is held
up for milliseconds; the matches of the past are complete before new events are added, so a total
that was once reported tells exactly which rows its reader knows.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Collection

from detection.signals.binding import push_negations
from detection.signals.expression import Expression
from detection.signals.parser import parse_signal
from eventstore.conditions import (
    Clause,
    SegmentConditions,
    as_sql,
    refuse_unsearchable,
    register_functions,
)
from eventstore.connection import sqlite_errors_named
from eventstore.exceptions import NotSearchable, SearchCancelled
from eventstore.matches import Matches
from eventstore.rows import read_rows
from eventstore.schema import EVENT_TABLES, SEGMENT_EVENTS, EventTable
from eventstore.segments import Segment, read_segments, stored_range
from eventstore.store import EventStore
from protocol.events import KIND_OF, KINDS
from protocol.live import EventRow

SEARCH_TERM_LIMIT = 100


def search_from_text(text: str) -> Expression | None:
    """Read what an analyst typed; blank means everything (None).

    Raises `detection.exceptions.SignalError` with line, column and what was expected.
    """
    if not text.strip():
        return None
    return parse_signal(text, term_limit=SEARCH_TERM_LIMIT)


class EventSearch:
    """One search on one store, with a connection of its own. Close it.

    `total` counts the matches found so far; `complete` tells that all events stored when the
    search began (or was last refreshed) were asked. An event whose process got its hashes after
    it was asked is not asked again.
    """

    def __init__(
        self,
        store: EventStore,
        expression: Expression | None = None,
        *,
        kinds: Collection[str] = (),
    ) -> None:
        """Begin; `kinds` leaves only events of these kinds, empty means all.

        Raises `NotSearchable` for a kind that does not exist.
        """
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise NotSearchable(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
        self._tables = [t for t in EVENT_TABLES if not kinds or KIND_OF[t.event] in kinds]
        self.expression = None if expression is None else push_negations(expression)
        if self.expression is not None:
            refuse_unsearchable(self.expression)
        self._matches = Matches()
        self._connection = store.reader()
        register_functions(self._connection)
        with sqlite_errors_named():
            stored = stored_range(self._connection)
            self._waiting = [
                segment
                for segment in read_segments(self._connection, since=stored.start)
                if segment.events[0] < stored.stop
            ]
        self._oldest = stored.start
        self._seen_before = stored.stop
        self._past_total = 0
        self._cancelled = False

    @property
    def total(self) -> int:
        """How many matches were found so far."""
        return self._matches.total

    @property
    def complete(self) -> bool:
        """Whether every event stored when the search began was asked."""
        return not self._waiting

    def step(self, budget_rows: int = SEGMENT_EVENTS) -> bool:
        """Ask about this many stored events more, newest first; return `complete`.

        Whole segments are asked, at least one. Raises `StoreBusy`, `StoreDamaged` or
        `SearchCancelled`.
        """
        asked = 0
        while self._waiting and asked < budget_rows:
            segment = self._waiting[-1]
            start = max(segment.events[0], self._oldest)
            end = min(segment.events[1], self._seen_before)
            self._matches.add_older(segment.events[0], self._ask(segment, start, end))
            self._waiting.pop()
            asked += end - start
            self._past_total = self._matches.total
        return self.complete

    def refresh(self) -> bool:
        """Add what was recorded since; return whether more rows match now.

        Does nothing while the search is not complete.
        """
        if not self.complete:
            return False
        with sqlite_errors_named():
            end = stored_range(self._connection).stop
            if end <= self._seen_before:
                return False
            segments = read_segments(self._connection, since=self._seen_before)
        before = self.total
        for segment in segments:
            start = max(segment.events[0], self._seen_before)
            stop = min(segment.events[1], end)
            self._matches.add_newer(segment.events[0], self._ask(segment, start, stop))
        self._seen_before = end
        return self.total > before

    def rows(self, offset: int, limit: int, *, through: int | None = None) -> list[EventRow]:
        """Return `limit` rows from position `offset` on, newest first.

        `through` is a total that this search once reported: positions count as they did then,
        whatever arrived since. Rows that retention removed meanwhile are left out.
        """
        known = self.total if through is None else min(through, self.total)
        arrived = self.total - max(known, self._past_total)
        ids = self._matches.newest(arrived + offset, min(limit, max(0, known - offset)))
        with sqlite_errors_named():
            return read_rows(self._connection, ids)

    def run(self, seconds: float = float("inf")) -> bool:
        """Step until complete or out of time; return `complete`."""
        deadline = time.monotonic() + seconds
        while not self.step(1) and time.monotonic() < deadline:
            pass
        return self.complete

    def cancel(self) -> None:
        """Stop, from any thread: what runs, or is called next, raises `SearchCancelled`."""
        self._cancelled = True
        self._connection.interrupt()

    def close(self) -> None:
        """Let the store go. Not while another thread works on the search: `cancel` first."""
        self._connection.close()

    def __enter__(self) -> EventSearch:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def _clause(self, conditions: SegmentConditions, table: EventTable) -> Clause:
        if self.expression is None:
            return True
        return conditions.clause(self.expression, table, KIND_OF[table.event])

    def _ask(self, segment: Segment, start: int, end: int) -> range | array[int]:
        """Return how far the matching events from `start` to `end` are from the first one."""
        if self._cancelled:
            raise SearchCancelled("the search was cancelled")
        first = segment.events[0]
        if self.expression is None and len(self._tables) == len(EVENT_TABLES):
            return range(start - first, end - first)
        found: list[int] = []
        with sqlite_errors_named():
            # One transaction: strings and events of the same moment.
            self._connection.execute("BEGIN")
            try:
                conditions = SegmentConditions(self._connection, segment)
                for table in self._tables:
                    clause = self._clause(conditions, table)
                    if clause is False:
                        continue
                    bounds = {"origin": first, "first": start, "end": end}
                    rows = self._connection.execute(
                        f"SELECT id - :origin FROM {table.name} "  # noqa: S608 -- our names
                        f"WHERE id >= :first AND id < :end AND {as_sql(clause)}",
                        {**conditions.bindings, **bounds},
                    )
                    found.extend(offset for (offset,) in rows)
            finally:
                self._connection.execute("ROLLBACK")
        return array("H", sorted(found))
