"""Open a store after a crash; if it is damaged, set it aside and save what can be read.

The damaged file is renamed, never deleted: an investigator may still want it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from eventstore.connection import connect, writing
from eventstore.exceptions import EventStoreError, StoreDamaged
from eventstore.schema import EVENT_TABLES, SEGMENT_EVENTS, insertion
from eventstore.segments import stored_range
from eventstore.store import EventStore

CHUNK = 4_096
# Where the end of a table cannot be read: how far behind its newest segment's start to look.
# The texts and processes of one segment could be more than its events, rarely this many.
BEYOND = 4 * SEGMENT_EVENTS

_UNREADABLE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, UnicodeDecodeError)
_TEXT_COLUMNS = ("value", "folded", "name", "kind", "argument_lengths")
_FIRST_IN_SEGMENT = {
    "string": "first_string",
    "process": "first_process",
    "ancestor": "first_ancestor",
    "ancestry": "first_ancestry",
}
_TABLES = ("segment", *_FIRST_IN_SEGMENT, *(table.name for table in EVENT_TABLES))


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """Where the damaged file is now, why, and how many events were saved and lost."""

    set_aside: Path
    reason: str
    saved: int
    lost: int


def open_or_salvage(
    path: Path, *, key: bytes, cipher: str = "aes128cbc", now: datetime
) -> tuple[EventStore, SalvageReport | None]:
    """Open a store for writing; check it if it was not closed properly, salvage it if need be.

    Raises what `EventStore.open` raises, but not `StoreDamaged`. A wrong key is never taken for
    damage: the first page decides, and a store whose first page is damaged is refused too; a
    caller that is sure of its key may call `salvage` on it.
    """
    store: EventStore | None = None
    try:
        store = EventStore.open(path, key=key, cipher=cipher)
        if not store.closed_properly:
            store.check()
    except StoreDamaged as damage:
        if store is not None:
            store.abandon()
        report = salvage(path, key=key, cipher=cipher, reason=str(damage), now=now)
        return EventStore.open(path, key=key, cipher=cipher), report
    return store, None


def salvage(
    path: Path, *, key: bytes, cipher: str = "aes128cbc", reason: str, now: datetime
) -> SalvageReport:
    """Set a damaged store aside and write a new one with the rows that can still be read."""
    aside = _set_aside(path, now)
    with EventStore.open(path, key=key, cipher=cipher) as store:
        try:
            damaged = connect(aside, key=key, cipher=cipher)
        except EventStoreError:
            return SalvageReport(aside, reason, saved=0, lost=0)
        try:
            _copy(damaged, store.connection)
        finally:
            damaged.close()
        stored = stored_range(store.connection)
        saved = sum(
            store.connection.execute(f"SELECT count(*) FROM {table.name}").get  # noqa: S608
            for table in EVENT_TABLES
        )
    return SalvageReport(aside, reason, saved=saved, lost=len(stored) - saved)


def _set_aside(path: Path, now: datetime) -> Path:
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    # The log belongs to the file and is found by its name; the index is made anew.
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    return aside


def _copy(damaged: apsw.Connection, target: apsw.Connection) -> None:
    for table in ("state", "counter"):
        _insert(target, table, _readable(damaged, table, "", ()))
    for table in _TABLES:
        end = _end_of(damaged, table)
        for low in range(0, end, CHUNK):
            _insert(target, table, _rows_between(damaged, table, low, min(low + CHUNK, end)))


def _rows_between(
    damaged: apsw.Connection, table: str, low: int, high: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the readable rows with ids from `low` up to `high`, halving around what is not."""
    rows = _readable(damaged, table, "WHERE id >= ? AND id < ?", (low, high))
    if rows is not None:
        yield from rows
    elif high - low > 1:
        middle = (low + high) // 2
        yield from _rows_between(damaged, table, low, middle)
        yield from _rows_between(damaged, table, middle, high)


def _readable(
    damaged: apsw.Connection, table: str, where: str, bindings: tuple[int, ...]
) -> list[tuple[Any, ...]] | None:
    try:
        return list(damaged.execute(f"SELECT * FROM {table} {where}", bindings))  # noqa: S608
    except _UNREADABLE:
        return None


def _insert(target: apsw.Connection, table: str, rows: Any) -> None:
    columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    types = [str if column in _TEXT_COLUMNS else int for column in columns]
    with writing(target):
        target.executemany(
            insertion(table, tuple(columns)).replace("INSERT", "INSERT OR REPLACE", 1),
            [row for row in rows or () if _is_sane(row, types)],
        )


def _is_sane(row: tuple[Any, ...], types: Sequence[type]) -> bool:
    """Tell whether a row holds what the column is for: pages without a MAC may hold garbage."""
    return len(row) == len(types) and all(
        value is None or isinstance(value, expected)
        for value, expected in zip(row, types, strict=True)
    )


def _end_of(damaged: apsw.Connection, table: str) -> int:
    """Return the id after the last one, or a bound on it where that cannot be read."""
    try:
        return int(damaged.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").get)  # noqa: S608
    except _UNREADABLE:
        column = _FIRST_IN_SEGMENT.get(table, "first_event")
    try:
        newest = damaged.execute(f"SELECT coalesce(max({column}), 0) FROM segment").get  # noqa: S608
    except _UNREADABLE:
        return BEYOND
    return int(newest) + (SEGMENT_EVENTS if column == "first_event" else BEYOND)
