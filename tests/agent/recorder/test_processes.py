"""Who is behind a pid: keys, ancestry, the dead, and images that replace each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.clock import BootClock
from agent.recorder.processes import KEPT_AFTER_EXIT, MOST_ENDED, ProcessTable, RememberedImage
from agent.recorder.procfs import ProcessSnapshot
from protocol.events import Process, process_key

BOOTED_AT = 1_790_000_000_000_000
T = BOOTED_AT + 60_000_000


@pytest.fixture
def table() -> ProcessTable:
    return ProcessTable(BootClock(BOOTED_AT))


def run(table: ProcessTable, pid: int, path: str, *, at: int = T, parent: int = 1) -> Process:
    started_at, ancestors = table.place(pid, parent_pid=parent, at=at)
    process = Process(
        key=process_key(pid, started_at),
        pid=pid,
        started_at=started_at,
        path=path,
        arguments=(path,),
        ancestors=ancestors,
    )
    table.started(process, started_ns=(at - BOOTED_AT) * 1000)
    return process


def snapshot(pid: int, *, ticks: int = 500, path: str = "/bin/daemon") -> ProcessSnapshot:
    return ProcessSnapshot(
        pid=pid,
        parent_pid=1,
        started_ticks=ticks,
        path=path,
        arguments=(path,),
        arguments_length=len(path),
        cwd="/",
        user_id=0,
        group_id=0,
        login_user_id=-1,
        session_id=-1,
        memory_only=False,
        kernel_thread=False,
    )


class TestKeys:
    def test_differ_for_images_of_one_pid_within_a_millisecond(self, table: ProcessTable) -> None:
        keys = {run(table, 7, f"/bin/{n}", at=T + n).key for n in range(10)}

        assert len(keys) == 10

    def test_differ_between_a_forked_process_and_its_first_image(self, table: ProcessTable) -> None:
        run(table, 7, "/bin/sh")
        table.forked(8, parent_pid=7, at=T + 5000, started_ns=0)
        forked = table.find(8)
        image = run(table, 8, "/bin/ls", at=T + 5100)

        assert forked is not None
        assert forked.key != image.key

    def test_stay_the_same_over_a_restart_of_the_agent(self, table: ProcessTable) -> None:
        process = run(table, 7, "/bin/daemon", at=T + 123_456)
        images = list(table.images())
        later = ProcessTable(BootClock(BOOTED_AT))
        later.remember(images)

        again = later.add_snapshot(snapshot(7, ticks=images[0].process_ticks))

        assert again.key == process.key

    def test_are_not_taken_from_another_process_with_the_same_pid(
        self, table: ProcessTable
    ) -> None:
        table.remember([RememberedImage(7, 400, T, "/bin/daemon")])

        assert table.add_snapshot(snapshot(7, ticks=500)).started_at == BOOTED_AT + 5_000_000

    def test_do_not_depend_on_the_wall_clock(self, table: ProcessTable) -> None:
        first = table.add_snapshot(snapshot(7))
        moved = ProcessTable(BootClock(BOOTED_AT))

        assert moved.add_snapshot(snapshot(7)).key == first.key

    @given(st.lists(st.tuples(st.integers(2, 5), st.integers(0, 3000)), max_size=40))
    def test_never_repeat(self, steps: list[tuple[int, int]]) -> None:
        table = ProcessTable(BootClock(BOOTED_AT))
        at, keys = T, []
        for pid, later in steps:
            at += later
            keys.append(run(table, pid, "/bin/x", at=at).key)

        assert len(keys) == len(set(keys))


class TestAncestry:
    def test_names_the_process_that_forked_even_after_its_end(self, table: ProcessTable) -> None:
        run(table, 1, "/sbin/init")
        run(table, 7, "/bin/sh")
        table.forked(8, parent_pid=7, at=T, started_ns=0)
        table.exited(7, at=T + 10)
        table.forget_ended(T + 10 + KEPT_AFTER_EXIT + 1)

        process = run(table, 8, "/bin/ls", at=T + 20_000, parent=1)

        assert [ancestor.path for ancestor in process.ancestors] == ["/bin/sh", "/sbin/init"]

    def test_does_not_count_the_image_that_was_replaced(self, table: ProcessTable) -> None:
        run(table, 7, "/bin/sh")
        table.forked(8, parent_pid=7, at=T, started_ns=0)
        run(table, 8, "/bin/sudo", at=T + 10_000)

        process = run(table, 8, "/bin/ls", at=T + 20_000)

        assert [ancestor.path for ancestor in process.ancestors] == ["/bin/sh"]

    def test_holds_at_most_eight_levels(self, table: ProcessTable) -> None:
        for pid in range(10, 30):
            process = run(table, pid, f"/bin/{pid}", parent=pid - 1)

        assert [ancestor.pid for ancestor in process.ancestors] == list(range(28, 20, -1))


class TestFind:
    def test_gives_a_forked_process_its_parents_image_and_its_own_pid(
        self, table: ProcessTable
    ) -> None:
        parent = run(table, 7, "/bin/sh")
        table.forked(8, parent_pid=7, at=T + 5000, started_ns=0)

        child = table.find(8)

        assert child is not None
        assert (child.pid, child.path, child.ancestors[0].key) == (8, "/bin/sh", parent.key)
        assert table.find(8) is child

    def test_remembers_the_dead_for_five_seconds(self, table: ProcessTable) -> None:
        process = run(table, 7, "/bin/sh")
        table.exited(7, at=T)

        table.forget_ended(T + KEPT_AFTER_EXIT)
        assert table.find(7) is process
        assert T <= table.ended_at(7) < T + 1000

        table.forget_ended(T + KEPT_AFTER_EXIT + 1)
        assert table.find(7) is None

    def test_does_not_forget_a_living_process_that_reuses_a_pid(self, table: ProcessTable) -> None:
        run(table, 7, "/bin/old")
        table.exited(7, at=T)
        process = run(table, 7, "/bin/new", at=T + 100)

        table.forget_ended(T + KEPT_AFTER_EXIT + 1)

        assert table.find(7) is process

    def test_keeps_a_bounded_number_of_dead(self, table: ProcessTable) -> None:
        for pid in range(MOST_ENDED + 500):
            table.forked(pid, parent_pid=0, at=T, started_ns=0)
            table.exited(pid, at=T)
        table.forget_ended(T)

        assert len(table) == MOST_ENDED

    def test_looks_up_what_no_event_told_of(self, table: ProcessTable) -> None:
        process = table.look_up(1)

        assert process is not None
        assert process.pid == 1
        assert table.look_up(0) is None


class TestImageAt:
    def test_finds_the_image_that_was_replaced(self, table: ProcessTable) -> None:
        first = run(table, 7, "/bin/sh", at=T)
        run(table, 7, "/bin/env", at=T + 10_000)
        last = run(table, 7, "/bin/ls", at=T + 20_000)

        assert table.image_at(last, T + 5000) is first
        assert table.image_at(last, T + 15_000).path == "/bin/env"
        assert table.image_at(last, T + 25_000) is last

    def test_keeps_few_of_a_process_that_calls_exec_for_ever(self, table: ProcessTable) -> None:
        for number in range(100):
            last = run(table, 7, f"/bin/{number}", at=T + number * 10_000)

        assert table.image_at(last, T).path == "/bin/95"


class TestSeed:
    def test_reads_this_very_process_and_its_parents_first(self, table: ProcessTable) -> None:
        processes = table.seed()

        assert processes
        assert all(table.is_running(process.pid) for process in processes)
        assert [p.started_at for p in processes] == sorted(p.started_at for p in processes)
