"""Forget the oldest events, by size and by age, in pieces that never hold the writer up.

One call does one piece of some milliseconds: the caller (the agent's loop) writes in between.
Pages that become free are given back to the file system, so the file really shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from eventstore.connection import sqlite_errors_named, writing
from eventstore.schema import EVENT_TABLES
from eventstore.segments import Segment, read_segments, stored_range

PIECE_EVENTS = 1_000
PIECE_ROWS = 2_000
PIECE_PAGES = 64


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one piece did: events removed, pages given back, and whether there is more to do."""

    events: int
    pages: int
    more: bool


def prune_piece(
    connection: apsw.Connection, *, max_bytes: int | None = None, keep_since: int | None = None
) -> Pruned:
    """Do one piece towards at most `max_bytes` and no event older than `keep_since` (µs).

    The age of an event is judged by its place in the recording: what was recorded before a
    segment that began too long ago is too old, whatever a wrong clock wrote into it. Raises
    `StoreBusy`, or `StoreFull` when not even the log of the removal finds room.
    """
    with sqlite_errors_named():
        stored = stored_range(connection)
        segments = read_segments(connection, since=stored.start)
        through = _last_to_go(connection, stored, segments, max_bytes, keep_since)
    leftovers = _remove(connection, stored, through, segments)
    with sqlite_errors_named():
        before = connection.pragma("freelist_count")
        # Every row of the result is one page moved: the statement must be run to its end.
        list(connection.execute(f"PRAGMA incremental_vacuum({PIECE_PAGES})"))
        after = connection.pragma("freelist_count")
    removed = max(0, through + 1 - stored.start)
    return Pruned(removed, before - after, bool(removed or leftovers or after))


def _last_to_go(
    connection: apsw.Connection,
    stored: range,
    segments: list[Segment],
    max_bytes: int | None,
    keep_since: int | None,
) -> int:
    """Return the last id of the piece; the one before the first stored id if none has to go."""
    piece_end = min(stored.start + PIECE_EVENTS, stored.stop)
    if max_bytes is not None and stored and _used_bytes(connection) > max_bytes:
        return piece_end - 1
    if keep_since is None or not stored or not segments:
        return stored.start - 1
    later = [s.events[0] for s in segments[1:] if s.started_at < keep_since]
    if later:
        return min(piece_end, later[-1]) - 1
    young = [piece_end, segments[0].events[1]]
    for table in EVENT_TABLES:
        first = connection.execute(
            f"SELECT min(id) FROM {table.name} WHERE id < ? AND at >= ?",  # noqa: S608
            (young[0], keep_since - segments[0].started_at),
        ).get
        if first is not None:
            young.append(first)
    return min(young) - 1


def _remove(
    connection: apsw.Connection, stored: range, through: int, segments: list[Segment]
) -> bool:
    """Remove events up to this id, and some of what only removed segments refer to.

    Return whether more of the latter is left.
    """
    oldest = next((s for s in segments if s.events[1] > through + 1), None)
    with writing(connection):
        if through >= stored.start:
            for table in EVENT_TABLES:
                connection.execute(f"DELETE FROM {table.name} WHERE id <= ?", (through,))  # noqa: S608
            connection.execute("INSERT OR REPLACE INTO state VALUES('pruned', ?)", (through,))
        return oldest is not None and _remove_leftovers(connection, oldest)


def _remove_leftovers(connection: apsw.Connection, oldest: Segment) -> bool:
    ends = {
        "string": oldest.strings[0],
        "process": oldest.processes[0],
        "ancestor": oldest.ancestors[0],
        "ancestry": oldest.ancestries[0],
    }
    left = False
    for table, end in ends.items():
        first = connection.execute(f"SELECT min(id) FROM {table}").get  # noqa: S608
        if first is not None and first < end:
            piece_end = min(first + PIECE_ROWS, end)
            connection.execute(f"DELETE FROM {table} WHERE id < ?", (piece_end,))  # noqa: S608
            left = left or piece_end < end
    if not left:
        connection.execute("DELETE FROM segment WHERE id < ?", (oldest.id,))
    return left


def _used_bytes(connection: apsw.Connection) -> int:
    used = connection.pragma("page_count") - connection.pragma("freelist_count")
    return int(used * connection.pragma("page_size"))
