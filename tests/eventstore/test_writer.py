"""Events come back as they were, each text and process is stored once, faults lose nothing."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import writer as writer_module
from eventstore.exceptions import StoreBusy, StoreFull
from eventstore.store import EventStore
from protocol.events import Event, FileEvent, NetworkEvent, ProcessExited, ProcessStarted
from tests.eventstore.samples import (
    HOSTILE_NAMES,
    KEY,
    START,
    events,
    file_event,
    file_events,
    process,
)


def stored_events(store: EventStore) -> list[Event]:
    """Return everything in the store, oldest first."""
    return [row.event for row in store.rows(range(1, store.last_id() + 1))]


def count(store: EventStore, table: str) -> int:
    """Return the number of rows in a table."""
    number: int = store.connection.execute(f"SELECT count(*) FROM {table}").get  # noqa: S608
    return number


def fill(store: EventStore) -> None:
    """Write events, 500 at a time, until the store refuses."""
    for start in range(0, 1_000_000, 500):
        store.append(file_events(500, start=start))


class TestRoundTrip:
    @settings(
        max_examples=120,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(recorded=st.lists(events, max_size=6))
    def test_gives_every_event_back_as_it_was(
        self, store: EventStore, recorded: list[Event]
    ) -> None:
        before = copy.deepcopy(recorded)

        ids = store.append(recorded)

        rows = store.rows(ids)
        assert [row.event for row in rows] == before
        assert [row.id for row in rows] == list(ids)

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_keeps_hostile_names(self, store: EventStore, name: str) -> None:
        by = process(arguments=("sh", "-c", name), path=f"/tmp/{name}")  # noqa: S108
        event = file_event(1, by, path=f"/srv/{name}")

        ids = store.append([event])

        assert store.rows(ids)[0].event == event

    def test_keeps_long_arguments_and_their_true_length(self, store: EventStore) -> None:
        by = process(arguments=("x" * 8_192,), arguments_length=20_015)

        ids = store.append([ProcessStarted(at=START, process=by)])

        assert store.rows(ids)[0].event.process == by

    def test_shows_a_lone_surrogate_as_an_escape(self, store: EventStore) -> None:
        by = process(arguments=("a b", "x\ud800"))

        ids = store.append([file_event(1, by, path="/tmp/\udcff")])  # noqa: S108

        stored = store.rows(ids)[0].event
        assert isinstance(stored, FileEvent)
        assert stored.path == r"/tmp/\udcff"  # noqa: S108
        assert stored.process is not None
        assert stored.process.arguments == ("a b", r"x\ud800")


class TestProcesses:
    def test_are_written_once(self, store: EventStore) -> None:
        by = process()
        equal = copy.deepcopy(by)

        store.append([file_event(1, by), file_event(2, by), file_event(3, equal)])

        assert count(store, "process") == 1

    def test_get_their_hashes_later(self, store: EventStore) -> None:
        by = process()
        ids = store.append([ProcessStarted(at=START, process=by)])

        by.sha256 = "ab" * 32
        store.append([file_event(1, by)])

        assert count(store, "process") == 1
        assert store.rows(ids)[0].event.process == by

    def test_are_written_again_when_another_object_says_otherwise(self, store: EventStore) -> None:
        first, second = process(), process(sha1="cd" * 20)

        ids = store.append([file_event(1, first), file_event(2, second)])

        assert [row.event.process for row in store.rows(ids)] == [first, second]

    def test_know_their_exit(self, store: EventStore) -> None:
        by = process()
        ended = ProcessExited(at=START + 9, process=by, exit_code=3)

        store.append([ProcessStarted(at=START, process=by), ended])
        store.append([ProcessExited(at=START, process=None)])

        exits = store.connection.execute("SELECT exit FROM process WHERE key = ?", (by.key,))
        (row,) = store.rows([exits.get])
        assert row.event == ended

    def test_are_remembered_up_to_a_limit(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer_module, "PROCESSES_KEPT", 2)
        actors = [process(number) for number in (1, 2, 3, 1)]

        ids = store.append([file_event(1, by) for by in actors])

        assert count(store, "process") == 4
        assert [row.event.process for row in store.rows(ids)] == actors


class TestSegments:
    def test_refer_to_nothing_older(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer_module, "SEGMENT_EVENTS", 10)
        parent = process()
        by = process(2, parent=parent)
        recorded: list[Event] = [file_event(number, by) for number in range(25)]

        ids = store.append(recorded)

        assert count(store, "segment") == 3
        assert count(store, "process") == 3
        assert [row.event for row in store.rows(ids)] == recorded

    def test_begin_anew_when_the_store_is_opened(self, path: Path) -> None:
        recorded = file_events(3)
        with EventStore.open(path, key=KEY) as store:
            first = store.append(recorded)
        with EventStore.open(path, key=KEY) as store:
            second = store.append(recorded)

            assert second == range(first.stop, first.stop + 3)
            assert stored_events(store) == recorded * 2


class TestFlush:
    def test_refuses_numbers_beyond_64_bits_and_keeps_the_rest(self, store: EventStore) -> None:
        good = file_event(1)
        bad = NetworkEvent(
            at=START,
            process=None,
            operation="connect",
            protocol="tcp",
            local_address="::1",
            local_port=2**70,
            address="::1",
            port=1,
        )

        store.append([good, bad])

        assert store.writer.refused == 1
        assert stored_events(store) == [good]

    def test_keeps_everything_when_the_disk_is_full_and_resumes(self, store: EventStore) -> None:
        before = file_events(100)
        store.append(before)
        pages = store.connection.pragma("page_count")
        store.connection.pragma("max_page_count", pages + 1)
        more = [file_event(n, path=f"/srv/{n:0>200}") for n in range(1_000)]

        with pytest.raises(StoreFull):
            store.append(more)
        assert stored_events(store) == before
        store.check()
        assert store.writer.pending == 1_000

        store.connection.pragma("max_page_count", pages + 1_000)
        assert store.writer.flush() == 1_000
        assert stored_events(store) == before + more

    def test_says_so_when_another_program_holds_the_store(
        self, store: EventStore, path: Path
    ) -> None:
        with EventStore.open(path, key=KEY) as other:
            other.connection.execute("BEGIN IMMEDIATE")
            store.connection.set_busy_timeout(20)
            with pytest.raises(StoreBusy):
                store.append(file_events(2))
            other.connection.execute("ROLLBACK")

        store.append(file_events(2))
        assert len(stored_events(store)) >= 2

    @pytest.mark.root
    def test_survives_a_full_file_system(self, tmp_path: Path) -> None:
        mount = tmp_path / "small"
        mount.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)],
            check=True,
        )
        filler = mount / "other-data"
        try:
            filler.write_bytes(bytes(1_000_000))
            with EventStore.open(mount / "recorder.db", key=KEY) as store:
                with pytest.raises(StoreFull):
                    fill(store)
                committed = stored_events(store)
                assert committed == file_events(len(committed))
                store.check()

                filler.unlink()
                assert store.writer.flush() == 500
                assert stored_events(store) == file_events(len(committed) + 500)
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=True)


_CHILD = """
import sys
from pathlib import Path
from eventstore.store import EventStore
from tests.eventstore.samples import KEY, file_events
store = EventStore.open(Path(sys.argv[1]), key=KEY)
start = 0
while True:
    ids = store.append(file_events(100, start=start))
    start += 100
    print(ids.stop - 1, flush=True)
"""


class TestKilledWriter:
    @pytest.mark.slow
    def test_leaves_every_committed_batch(self, path: Path) -> None:
        root = Path(__file__).parents[2]
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert child.stdout is not None
        for _ in range(20):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        confirmed = [int(line) for line in child.stdout.read().split()]
        child.stdout.close()
        child.wait()

        with EventStore.open(path, key=KEY) as store:
            assert not store.closed_properly
            store.check()
            assert store.last_id() >= (confirmed[-1] if confirmed else 2_000)
            assert stored_events(store) == file_events(store.last_id())


def test_apsw_is_the_encrypting_build() -> None:
    assert hasattr(apsw, "mc_version")
