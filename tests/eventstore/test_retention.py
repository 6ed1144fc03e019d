"""The store forgets the oldest by size and by age, and its file shrinks."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventstore import retention
from eventstore import writer as writer_module
from eventstore.store import EventStore
from protocol.events import FileEvent
from tests.eventstore.samples import KEY, START, file_events, process

DAY = 86_400_000_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let segments and pieces be small."""
    monkeypatch.setattr(writer_module, "SEGMENT_EVENTS", 100)
    monkeypatch.setattr(retention, "PIECE_EVENTS", 70)
    monkeypatch.setattr(retention, "PIECE_ROWS", 60)


def prune(store: EventStore, *, max_bytes: int | None = None, keep_since: int | None = None) -> int:
    """Prune to the end; return how many events went."""
    removed = 0
    while True:
        piece = store.prune(max_bytes=max_bytes, keep_since=keep_since)
        removed += piece.events
        if not piece.more:
            return removed


def ids(store: EventStore) -> list[int]:
    """Return the ids in the store."""
    return [row.id for row in store.rows(range(1, store.last_id() + 1))]


class TestBySize:
    def test_removes_the_oldest_and_shrinks_the_file(self, store: EventStore, path: Path) -> None:
        store.append(file_events(5_000))
        store.connection.pragma("wal_checkpoint", "truncate")
        before = path.stat().st_size

        removed = prune(store, max_bytes=before // 2)

        store.connection.pragma("wal_checkpoint", "truncate")
        assert path.stat().st_size <= before // 2
        assert ids(store) == list(range(removed + 1, 5_001))
        assert [row.event for row in store.rows([5_000])] == file_events(1, start=4_999)
        store.check()

    def test_removes_texts_and_processes_with_their_segment(self, store: EventStore) -> None:
        store.append(file_events(1_000))

        prune(store, max_bytes=0)

        store.append(file_events(150))
        prune(store, max_bytes=store.size_bytes())
        assert store.connection.execute("SELECT count(*) FROM segment").get <= 3
        assert store.connection.execute("SELECT count(*) FROM process").get <= 3

    def test_does_nothing_below_the_limit(self, store: EventStore) -> None:
        store.append(file_events(100))

        assert prune(store, max_bytes=10**9) == 0
        assert prune(store) == 0

    def test_never_gives_an_id_twice(self, path: Path) -> None:
        with EventStore.open(path, key=KEY) as store:
            store.append(file_events(30))
            assert prune(store, max_bytes=0) == 30
        with EventStore.open(path, key=KEY) as store:
            assert store.last_id() == 30
            assert store.append(file_events(1)) == range(31, 32)

    def test_lets_the_writer_write_in_between(self, store: EventStore) -> None:
        store.append(file_events(500))
        while store.prune(max_bytes=0).more and store.last_id() < 600:
            store.append(file_events(10))

        kept = ids(store)
        assert kept == list(range(store.last_id() + 1 - len(kept), store.last_id() + 1))
        assert store.last_id() > 500


class TestByAge:
    def test_removes_what_is_older(self, store: EventStore) -> None:
        store.append(file_events(350))

        assert prune(store, keep_since=START + 217) == 217
        assert ids(store)[0] == 218
        assert prune(store, keep_since=START) == 0

    def test_keeps_an_empty_store(self, store: EventStore) -> None:
        assert prune(store, keep_since=START) == 0

    def test_outlives_a_clock_that_was_wrong(self, store: EventStore) -> None:
        by = process()
        ahead = [
            FileEvent(at=START + 900 * DAY, process=by, operation="write", path="/x")
            for _ in range(100)
        ]
        store.append(ahead)
        store.append(file_events(150))

        assert prune(store, keep_since=START + 120) == 220
        assert ids(store)[0] == 221
