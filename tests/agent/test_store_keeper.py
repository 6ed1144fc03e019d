"""The event store's keeper: fresh, bounded, and calm when the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import store_keeper
from agent.settings import StoreSettings
from agent.store_keeper import StoreKeeper
from eventstore.exceptions import StoreFull
from eventstore.store import EventStore
from protocol.messages import KindCounters
from tests.agent.gateway import eventually
from tests.agent.recorded import file_written, started

GIB = 1 << 30


class Disk:
    """How much room the disk has, as a test says."""

    free = 100 * GIB


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with EventStore.open(tmp_path / "recorder.db", key=bytes(32)) as opened:
        yield opened


@pytest.fixture
def keeper(store: EventStore, disk: Disk) -> StoreKeeper:
    return StoreKeeper(store, settings=StoreSettings(), free_bytes=lambda: disk.free)


class TestStoreKeeper:
    def test_puts_events_on_disk(self, keeper: StoreKeeper, store: EventStore) -> None:
        event = started("/bin/true")

        keeper.take([event])
        keeper.flush()

        assert store.rows([store.last_id()])[0].event == event

    def test_stops_storing_when_the_disk_is_full_and_says_so(
        self, keeper: StoreKeeper, store: EventStore, disk: Disk
    ) -> None:
        disk.free = 0
        keeper.flush()

        keeper.take([file_written("/srv/a"), file_written("/srv/b"), started("/bin/true")])

        assert keeper.full
        assert "The disk is full" in keeper.problems()[0]
        assert "(3 so far)" in keeper.problems()[0]
        assert store.last_id() == 0

    def test_counts_what_was_not_stored_as_lost(self, keeper: StoreKeeper, disk: Disk) -> None:
        disk.free = 0
        keeper.flush()
        keeper.take([file_written("/srv/a")])

        corrected = keeper.corrected({"file": KindCounters(seen=10, recorded=8, filtered=2)})

        assert corrected["file"] == KindCounters(seen=10, recorded=7, filtered=2, lost=1)

    async def test_resumes_by_itself(
        self, keeper: StoreKeeper, store: EventStore, disk: Disk
    ) -> None:
        before = started("/bin/true")
        keeper.take([before])
        disk.free = 0
        keeper.flush()
        disk.free = GIB

        def resumed() -> bool:
            keeper.flush()
            return not keeper.full

        await eventually(resumed)
        keeper.take([started("/bin/false")])
        keeper.flush()

        assert store.last_id() == 2
        assert keeper.problems() == []

    def test_holds_a_bounded_number_of_events_in_memory(
        self, keeper: StoreKeeper, store: EventStore
    ) -> None:
        event = started("/bin/true")
        for _ in range(2 + store_keeper.MOST_PENDING // 10_000):
            keeper.take([event] * 10_000)

        assert store.writer.pending <= store_keeper.MOST_PENDING + 10_000
        keeper.flush()

    def test_forgets_what_is_too_old(self, store: EventStore, disk: Disk) -> None:
        keeper = StoreKeeper(
            store, settings=StoreSettings(max_days=1), free_bytes=lambda: disk.free
        )
        old = started("/bin/true")
        old.at -= 3 * store_keeper.DAY
        keeper.take([old, started("/bin/false")])
        keeper.flush()

        keeper.prune()

        assert store.rows([1]) == []
        assert len(store.rows([2])) == 1


class TestCountersByTheHour:
    def test_outlive_the_agent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        counted = {"process": KindCounters(seen=9, recorded=7, filtered=1, lost=1)}
        for _ in range(2):
            with EventStore.open(tmp_path / "again.db", key=bytes(32)) as store:
                keeper = StoreKeeper(
                    store,
                    settings=StoreSettings(),
                    free_bytes=lambda: 100 * GIB,
                    counters=lambda: counted,
                )
                keeper.finish()
                keeper.finish()

        with EventStore.open(tmp_path / "again.db", key=bytes(32)) as store:
            after = StoreKeeper(store, settings=StoreSettings(), free_bytes=lambda: 100 * GIB)
            kept = store.counters()

        assert after.problems() == ["Events were lost in the last 24 hours: 2 process."]
        assert sum(hour.seen for hour in kept) == 18
        assert sum(hour.recorded for hour in kept) == 14

    def test_say_nothing_when_nothing_was_lost(self, keeper: StoreKeeper) -> None:
        keeper.finish()

        assert keeper.problems() == []


class TestStandIn:
    def test_keeps_nothing_and_begins_again_when_there_is_room(
        self, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_keeper, "REOPEN_AFTER", 0.0)
        monkeypatch.setattr(store_keeper, "RETRY_INTERVAL", 0.0)
        begun: list[bool] = []
        with EventStore.stand_in(tmp_path / "recorder.db") as store:
            keeper = StoreKeeper(
                store,
                settings=StoreSettings(),
                free_bytes=lambda: disk.free,
                begin_again=lambda: begun.append(True),
            )
            disk.free = 0

            keeper.take([started("/bin/true")])
            keeper.flush()

            assert "(1 so far)" in keeper.problems()[0]
            assert not begun
            disk.free = 100 * GIB
            keeper.flush()
            assert begun == [True]
            assert list(tmp_path.iterdir()) == []
            with pytest.raises(StoreFull):
                store.reader()
