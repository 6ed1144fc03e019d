"""The event store of one endpoint: one encrypted file, one writer, any number of readers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import apsw

from eventstore.connection import connect, prepare, sqlite_errors_named, writing
from eventstore.exceptions import EventStoreError, StoreBusy, StoreDamaged, StoreFull
from eventstore.retention import Pruned, prune_piece
from eventstore.rows import read_rows
from eventstore.schema import EVENT_TABLES
from eventstore.segments import stored_range
from eventstore.writer import EventWriter
from protocol.events import Event
from protocol.live import EventRow

COUNTER_HOURS = 90 * 24


@dataclass(frozen=True, slots=True)
class HourCounters:
    """How many events of one kind an hour saw; `hour` counts hours since the epoch."""

    hour: int
    kind: str
    seen: int
    filtered: int
    recorded: int
    lost: int


class EventStore:
    """Open with `EventStore.open`; close when done."""

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        *,
        key: bytes,
        cipher: str | None,
        read_only: bool,
        stands_in: bool = False,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.stands_in = stands_in
        self._connection = connection
        self._key = key
        self._cipher = cipher
        self._writer: EventWriter | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        key: bytes,
        cipher: str | None = "aes128cbc",
        read_only: bool = False,
    ) -> EventStore:
        """Open a store; create it unless `read_only`.

        `key` has at least 16 bytes and should be random; `cipher` is `aes128cbc` or `aegis`
        (which detects tampering); None writes plain text and exists to compare speeds.
        Raises `NotAnEventStore`, `WrongStoreKey`, `StoreTooNew`, `StoreBusy`.
        """
        connection = connect(path, key=key, cipher=cipher, read_only=read_only)
        try:
            prepare(connection, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, key=key, cipher=cipher, read_only=read_only)

    @classmethod
    def stand_in(cls, path: Path) -> EventStore:
        """Stand in for a store that cannot be opened because its disk has no room.

        It is empty, keeps nothing and cannot be searched: `reader` raises `StoreFull`.
        """
        connection = apsw.Connection(":memory:")
        prepare(connection, read_only=False)
        return cls(path, connection, key=b"", cipher=None, read_only=False, stands_in=True)

    @property
    def connection(self) -> apsw.Connection:
        """The connection that writes (or, of a read-only store, reads)."""
        return self._connection

    def reader(self) -> apsw.Connection:
        """Open another connection that only reads and never waits for the writer."""
        if self.stands_in:
            raise StoreFull("the disk had no room to open the event store")
        return connect(self.path, key=self._key, cipher=self._cipher, read_only=True)

    @property
    def writer(self) -> EventWriter:
        """The store's one writer."""
        if self._writer is None:
            self._set_state("open", 1)
            with sqlite_errors_named():
                self._writer = EventWriter(self._connection)
        return self._writer

    @property
    def closed_properly(self) -> bool:
        """Whether the last program that wrote here closed the store."""
        with sqlite_errors_named():
            return not self._connection.execute("SELECT value FROM state WHERE name = 'open'").get

    def append(self, events: Sequence[Event]) -> range:
        """Write events in one transaction and return their ids; see `EventWriter`."""
        ids = self.writer.append(events)
        self.writer.flush()
        return ids

    def rows(self, ids: Sequence[int]) -> list[EventRow]:
        """Return the events with these ids in that order; pruned ones are left out."""
        with sqlite_errors_named():
            return read_rows(self._connection, ids)

    def last_id(self) -> int:
        """Return the id of the newest event ever stored, 0 if there was none."""
        with sqlite_errors_named():
            return stored_range(self._connection).stop - 1

    def oldest_at(self) -> int | None:
        """Return the instant (µs) of the oldest stored event, None if there is none."""
        with sqlite_errors_named():
            oldest = [
                self._connection.execute(f"SELECT min(id) FROM {table.name}").get  # noqa: S608
                for table in EVENT_TABLES
            ]
        first = min((number for number in oldest if number is not None), default=0)
        rows = self.rows([first])
        return rows[0].event.at if rows else None

    def size_bytes(self) -> int:
        """Return the room that the store takes on disk, its write-ahead log included."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def add_counters(self, counted: Sequence[HourCounters]) -> None:
        """Add to what these hours counted for these kinds of events; forget hours long past."""
        with writing(self._connection):
            self._connection.executemany(
                "INSERT INTO counter VALUES(?,?,?,?,?,?) ON CONFLICT(hour, kind) DO UPDATE SET "
                "seen = seen + excluded.seen, filtered = filtered + excluded.filtered, "
                "recorded = recorded + excluded.recorded, lost = lost + excluded.lost",
                [astuple(one) for one in counted],
            )
            newest = max((one.hour for one in counted), default=0)
            self._connection.execute(
                "DELETE FROM counter WHERE hour < ?", (newest - COUNTER_HOURS,)
            )

    def counters(self, since: int = 0) -> list[HourCounters]:
        """Return the counters from this hour on, oldest first."""
        with sqlite_errors_named():
            rows = self._connection.execute(
                "SELECT * FROM counter WHERE hour >= ? ORDER BY hour, kind", (since,)
            )
            return [HourCounters(*row) for row in rows]

    def check(self) -> None:
        """Read every page; raises `StoreDamaged` with the first complaint."""
        with sqlite_errors_named():
            complaint = self._connection.execute("PRAGMA quick_check(1)").get
        if complaint != "ok":
            raise StoreDamaged(str(complaint))

    def prune(self, *, max_bytes: int | None = None, keep_since: int | None = None) -> Pruned:
        """Do one short piece of retention; see `eventstore.retention.prune_piece`."""
        return prune_piece(self._connection, max_bytes=max_bytes, keep_since=keep_since)

    def close(self) -> None:
        """Write what is pending, note that all is well, and close the file.

        Raises `StoreFull` or `StoreBusy` like `flush`, with the file still open.
        """
        if self._writer is not None:
            self._writer.flush()
            self._set_state("open", 0)
            self._writer = None
        self._connection.close()

    def close_without_pending(self) -> None:
        """Close the file without what is pending; note that all is well if there is room for that.

        For a disk that is too full for the events: the note spares the next start the check of
        the whole file.
        """
        if self._writer is not None:
            self._writer = None
            with contextlib.suppress(StoreFull, StoreBusy):
                self._set_state("open", 0)
        self._connection.close()

    def abandon(self) -> None:
        """Close the file without writing: what is pending is lost."""
        self._writer = None
        self._connection.close()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_unused: object) -> None:
        try:
            self.close()
        except EventStoreError:
            self.abandon()
            raise

    def _set_state(self, name: str, value: int) -> None:
        with writing(self._connection):
            self._connection.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (name, value))
