"""The segments of a store: which rows of each table belong together (see `eventstore.schema`)."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from eventstore.schema import EVENT_TABLES

_END = 2**63 - 1
_NO_MORE = (_END,) * 5


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: for each table its first id, and the first that is no longer part of it.

    The end of the newest segment is open.
    """

    id: int
    started_at: int
    events: tuple[int, int]
    strings: tuple[int, int]
    processes: tuple[int, int]
    ancestors: tuple[int, int]
    ancestries: tuple[int, int]


def read_segments(connection: apsw.Connection, *, since: int = 0) -> list[Segment]:
    """List the segments that hold events from this id on, oldest first."""
    rows = list(
        connection.execute(
            "SELECT id, started_at, first_event, first_string, first_process, first_ancestor, "
            "first_ancestry FROM segment WHERE id >= "
            "(SELECT coalesce(max(id), 0) FROM segment WHERE first_event <= ?) ORDER BY id",
            (since,),
        )
    )
    ends = [*(row[2:] for row in rows[1:]), _NO_MORE][: len(rows)]
    return [
        Segment(row[0], row[1], *zip(row[2:], end, strict=True))
        for row, end in zip(rows, ends, strict=True)
    ]


def stored_range(connection: apsw.Connection) -> range:
    """Return the range of ids in which every stored event lies."""
    newest = max(
        connection.execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").get  # noqa: S608
        for table in EVENT_TABLES
    )
    pruned = connection.execute("SELECT value FROM state WHERE name = 'pruned'").get or 0
    return range(pruned + 1, max(newest, pruned) + 1)
