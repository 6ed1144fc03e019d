"""Opening, refusing, counting; readers beside the writer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import apsw
import pytest

from eventstore.connection import sqlite_errors_named
from eventstore.exceptions import (
    NotAnEventStore,
    SearchCancelled,
    StoreBusy,
    StoreDamaged,
    StoreFull,
    StoreTooNew,
    WrongStoreKey,
)
from eventstore.store import COUNTER_HOURS, EventStore, HourCounters
from tests.eventstore.samples import KEY, START, file_event, file_events


class TestOpen:
    def test_writes_nothing_that_can_be_read_without_the_key(self, path: Path) -> None:
        with EventStore.open(path, key=KEY) as store:
            store.append([file_event(1, path="/home/alice/secret-plan")])
        content = path.read_bytes()

        assert b"secret-plan" not in content
        assert b"SQLite format 3" not in content

    @pytest.mark.parametrize("cipher", ["aes128cbc", "aegis", None])
    def test_reads_what_it_wrote(self, path: Path, cipher: str | None) -> None:
        with EventStore.open(path, key=KEY, cipher=cipher) as store:
            store.append(file_events(3))
        with EventStore.open(path, key=KEY, cipher=cipher, read_only=True) as store:
            assert [row.event for row in store.rows([1, 2, 3])] == file_events(3)

    def test_refuses_a_wrong_key(self, store: EventStore, path: Path) -> None:
        with pytest.raises(WrongStoreKey):
            EventStore.open(path, key=b"not the key at all")

    def test_takes_a_key_that_looks_like_sql(self, path: Path) -> None:
        key = b"'; ATTACH 'x' AS y; --"
        with EventStore.open(path, key=key) as store:
            store.append(file_events(1))
        with EventStore.open(path, key=key) as store:
            assert store.last_id() == 1

    def test_refuses_a_short_key(self, path: Path) -> None:
        with pytest.raises(ValueError, match="15 bytes"):
            EventStore.open(path, key=b"x" * 15)

    def test_refuses_an_unknown_cipher(self, path: Path) -> None:
        with pytest.raises(ValueError, match="rot13"):
            EventStore.open(path, key=KEY, cipher="rot13")

    def test_refuses_text_files(self, path: Path) -> None:
        path.write_text("not a database, but long enough to look at")

        with pytest.raises(NotAnEventStore):
            EventStore.open(path, key=KEY)

    def test_refuses_folders(self, tmp_path: Path) -> None:
        with pytest.raises(NotAnEventStore):
            EventStore.open(tmp_path, key=KEY)

    def test_refuses_a_missing_file_when_reading(self, path: Path) -> None:
        with pytest.raises(NotAnEventStore):
            EventStore.open(path, key=KEY, read_only=True)

    def test_refuses_plain_databases_of_others(self, path: Path) -> None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE x(y)")
        other.execute("PRAGMA user_version = 7")
        other.close()

        with pytest.raises(NotAnEventStore):
            EventStore.open(path, key=KEY)
        with pytest.raises(NotAnEventStore):
            EventStore.open(path, key=KEY, cipher=None)

    def test_refuses_a_newer_schema(self, store: EventStore, path: Path) -> None:
        store.connection.pragma("user_version", 99)

        with pytest.raises(StoreTooNew):
            EventStore.open(path, key=KEY)

    def test_refuses_to_migrate_when_reading(self, store: EventStore, path: Path) -> None:
        store.connection.pragma("user_version", 0)

        with pytest.raises(NotAnEventStore):
            EventStore.open(path, key=KEY, read_only=True)

    def test_takes_an_empty_file_for_a_new_store(self, path: Path) -> None:
        path.touch()
        with EventStore.open(path, key=KEY) as store:
            assert store.last_id() == 0


class TestClose:
    def test_writes_what_is_pending(self, path: Path) -> None:
        with EventStore.open(path, key=KEY) as store:
            store.writer.append(file_events(2))
        with EventStore.open(path, key=KEY) as store:
            assert store.last_id() == 2
            assert store.closed_properly

    def test_gives_the_file_back_when_nothing_can_be_written(self, path: Path) -> None:
        store = EventStore.open(path, key=KEY)
        store.append(file_events(1))
        pages = store.connection.pragma("page_count")
        store.connection.pragma("max_page_count", pages)
        with pytest.raises(StoreFull), store:
            store.writer.append(file_events(5_000))
        with EventStore.open(path, key=KEY) as store:
            assert store.last_id() == 1
            assert not store.closed_properly

    def test_without_what_is_pending_counts_as_proper_where_there_is_room(self, path: Path) -> None:
        store = EventStore.open(path, key=KEY)
        store.append(file_events(1))
        store.writer.append(file_events(5_000))

        store.close_without_pending()

        with EventStore.open(path, key=KEY) as again:
            assert again.last_id() == 1
            assert again.closed_properly

    def test_is_noticed_when_it_did_not_happen(self, path: Path) -> None:
        store = EventStore.open(path, key=KEY)
        store.append(file_events(2))
        store.abandon()
        with EventStore.open(path, key=KEY) as store:
            assert not store.closed_properly


class TestFigures:
    def test_tell_the_oldest_instant_and_the_size(self, store: EventStore) -> None:
        assert store.oldest_at() is None
        store.append(file_events(5, start=7))

        assert store.oldest_at() == START + 7
        assert store.size_bytes() > 4_096
        assert store.last_id() == 5

    def test_add_counters_by_hour_and_kind(self, store: EventStore) -> None:
        store.add_counters([HourCounters(10, "file", seen=5, filtered=1, recorded=3, lost=1)])
        store.add_counters(
            [
                HourCounters(10, "file", seen=5, filtered=1, recorded=4, lost=0),
                HourCounters(11, "dns", seen=1, filtered=0, recorded=1, lost=0),
            ]
        )

        assert store.counters() == [
            HourCounters(10, "file", 10, 2, 7, 1),
            HourCounters(11, "dns", 1, 0, 1, 0),
        ]
        assert [counters.hour for counters in store.counters(since=11)] == [11]

    def test_forget_the_counters_of_hours_long_past(self, store: EventStore) -> None:
        for hour in (10, 11, 11 + COUNTER_HOURS):
            store.add_counters([HourCounters(hour, "file", 1, 0, 1, 0)])

        assert [counted.hour for counted in store.counters()] == [11, 11 + COUNTER_HOURS]


class TestRows:
    def test_come_in_the_order_asked_for_without_missing_ones(self, store: EventStore) -> None:
        store.append(file_events(3))

        assert [row.id for row in store.rows([3, 99, 1])] == [3, 1]
        assert store.rows([]) == []

    def test_are_read_while_another_connection_writes(self, store: EventStore, path: Path) -> None:
        store.append(file_events(3))
        store.connection.execute("BEGIN IMMEDIATE")
        with EventStore.open(path, key=KEY, read_only=True) as reader:
            assert len(reader.rows([1, 2, 3])) == 3
        store.connection.execute("ROLLBACK")


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "refusal"),
        [
            (apsw.SQLITE_BUSY, StoreBusy),
            (apsw.SQLITE_LOCKED, StoreBusy),
            (apsw.SQLITE_FULL, StoreFull),
            (apsw.SQLITE_IOERR_WRITE, StoreFull),
            (apsw.SQLITE_IOERR_SHMSIZE, StoreFull),
            (apsw.SQLITE_IOERR_READ, StoreDamaged),
            (apsw.SQLITE_CORRUPT, StoreDamaged),
            (apsw.SQLITE_NOTADB, StoreDamaged),
            (apsw.SQLITE_INTERRUPT, SearchCancelled),
        ],
    )
    def test_get_our_names(self, code: int, refusal: type[Exception]) -> None:
        with pytest.raises(refusal), sqlite_errors_named():
            raise apsw.exception_for(code)
