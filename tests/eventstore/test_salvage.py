"""A damaged store is set aside, and what can be read lives on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventstore.exceptions import StoreDamaged, WrongStoreKey
from eventstore.salvage import open_or_salvage, salvage
from eventstore.search import EventSearch, search_from_text
from eventstore.store import EventStore, HourCounters
from protocol.events import FileEvent
from tests.eventstore.samples import KEY, file_events

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PAGE = 4_096


def make_store(path: Path, count: int = 5_000) -> None:
    """Write a store and leave it without closing it properly."""
    store = EventStore.open(path, key=KEY)
    store.append(file_events(count))
    store.add_counters([HourCounters(1, "file", seen=count, filtered=0, recorded=count, lost=0)])
    store.connection.pragma("wal_checkpoint", "truncate")
    store.abandon()


def damage(path: Path, *pages: int) -> None:
    """Overwrite pages, counted from 1."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def root_of(path: Path, table: str) -> int:
    """Return the page at which a table begins."""
    with EventStore.open(path, key=KEY, read_only=True) as store:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        page: int = store.connection.execute(query, (table,)).get
    return page


def leaves_of(path: Path, table: str) -> list[int]:
    """Return the pages that hold a table's rows, in order."""
    with EventStore.open(path, key=KEY, read_only=True) as store:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
        return [page for (page,) in store.connection.execute(query, (table,))]


class TestOpenOrSalvage:
    def test_opens_a_sound_store(self, path: Path) -> None:
        with EventStore.open(path, key=KEY) as store:
            store.append(file_events(3))

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        with opened:
            assert report is None
            assert opened.last_id() == 3

    def test_checks_a_store_that_was_not_closed(self, path: Path) -> None:
        make_store(path)

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        with opened:
            assert report is None
            assert opened.last_id() == 5_000

    def test_saves_what_can_be_read(self, path: Path) -> None:
        make_store(path)
        damage(path, leaves_of(path, "file")[3])

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        assert report is not None
        assert report.set_aside.name == "recorder.db.damaged-20260504T030201.000000Z"
        assert report.set_aside.stat().st_size > PAGE
        assert 0 < report.lost < 500
        assert report.saved == 5_000 - report.lost
        with opened:
            opened.check()
            rows = opened.rows(range(1, 5_001))
            assert len(rows) == report.saved
            everything = file_events(5_000)
            assert all(row.event == everything[row.id - 1] for row in rows)
            assert opened.counters()[0].seen == 5_000
            assert opened.append(file_events(1)) == range(5_001, 5_002)

    def test_gives_events_whose_texts_are_lost(self, path: Path) -> None:
        make_store(path)
        damage(path, *leaves_of(path, "string")[2:4])

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        assert report is not None
        assert report.saved == 5_000
        with opened:
            events = [row.event for row in opened.rows(range(1, 5_001))]
            blank = [e for e in events if isinstance(e, FileEvent) and not e.path.endswith(".log")]
            assert 0 < len(blank) < 1_000
            with EventSearch(opened, search_from_text("file.path ends with '.log'")) as search:
                search.run()
                assert search.total == 5_000 - len(blank)

    def test_is_content_with_little(self, path: Path) -> None:
        make_store(path, 500)
        damage(path, *(root_of(path, table) for table in ("file", "segment", "state")))

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        assert report is not None
        assert report.saved == 0
        with opened:
            assert opened.append(file_events(2)) == range(1, 3)

    def test_starts_anew_when_the_schema_cannot_be_read(self, path: Path) -> None:
        make_store(path, 10)
        with EventStore.open(path, key=KEY) as store:
            store.connection.execute("PRAGMA writable_schema = ON")
            store.connection.execute("UPDATE sqlite_schema SET rootpage = 9999")

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        assert report is not None
        assert report.saved == 0
        opened.close()

    def test_gives_up_on_a_table_without_an_end(self, path: Path) -> None:
        make_store(path)
        damage(path, leaves_of(path, "file")[-1])

        opened, report = open_or_salvage(path, key=KEY, now=NOW)

        assert report is not None
        with opened:
            assert 4_500 < report.saved < 5_000

    def test_takes_a_wrong_key_for_what_it_is(self, path: Path) -> None:
        make_store(path, 5)

        with pytest.raises(WrongStoreKey):
            open_or_salvage(path, key=b"another key, long enough", now=NOW)

        assert path.exists()


class TestSalvage:
    def test_sets_aside_what_cannot_be_opened_at_all(self, path: Path) -> None:
        make_store(path, 5)
        damage(path, 1)

        report = salvage(path, key=KEY, reason="first page", now=NOW)

        assert (report.saved, report.lost) == (0, 0)
        assert report.set_aside.exists()
        with EventStore.open(path, key=KEY) as store:
            assert store.last_id() == 0

    def test_takes_the_log_along(self, path: Path) -> None:
        store = EventStore.open(path, key=KEY)
        store.append(file_events(50))
        for suffix in ("", "-wal", "-shm"):
            copy = path.with_name(f"copy.db{suffix}")
            copy.write_bytes(path.with_name(path.name + suffix).read_bytes())
        store.close()

        report = salvage(path.with_name("copy.db"), key=KEY, reason="asked for", now=NOW)

        assert report.saved == 50
        assert report.lost == 0


def test_check_names_damage(path: Path) -> None:
    make_store(path)
    damage(path, leaves_of(path, "file")[5])

    with EventStore.open(path, key=KEY, read_only=True) as store, pytest.raises(StoreDamaged):
        store.check()
