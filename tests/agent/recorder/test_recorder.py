"""How the recorder runs, stops, and tells how it is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from agent.recorder.bootrecord import BootRecord, read_boot_id, save_boot_record
from agent.recorder.clock import measure_boot
from agent.recorder.recorder import Recorder
from protocol.events import (
    Event,
    ProcessStarted,
)
from tests.agent.recorder.leftovers import assert_unloaded, loaded_programs
from tests.agent.recorder.recording import Recording, process_of, run

pytestmark = pytest.mark.root


class TestRun:
    async def test_tells_what_happens_within_a_tick_in_the_order_of_time(
        self, tmp_path: Path
    ) -> None:
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        batches: list[list[Event]] = []
        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(recorder.run(batches.append))
                for number in range(20):
                    child = await asyncio.create_subprocess_exec("/bin/true", f"ordered-{number}")
                    await child.wait()
                recorder.request_stop()
                await running
        finally:
            recorder.stop()

        marked = [
            process_of(event).arguments[1]
            for batch in batches
            for event in batch
            if isinstance(event, ProcessStarted) and "ordered-" in process_of(event).command_line
        ]
        assert marked == [f"ordered-{number}" for number in range(20)]
        assert all(batch == sorted(batch, key=lambda event: event.at) for batch in batches)

    async def test_ends_with_what_the_sink_raises(self, tmp_path: Path) -> None:
        recorder = Recorder(tmp_path / "data", sources=("ebpf",))
        recorder.start()

        def refuse(_: list[Event]) -> None:
            raise OSError("disk full")

        try:
            with pytest.raises(OSError, match="disk full"):
                await recorder.run(refuse)
        finally:
            recorder.stop()


class TestStop:
    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        before = loaded_programs()
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        recorder.drain()
        started = loaded_programs() - before

        recorder.stop()
        recorder.stop()

        assert started
        assert_unloaded(started)
        assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


class TestCounters:
    def test_stay_after_the_end(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("ebpf",)) as recording:
            run("/bin/true", "counting")
            recording.programs("counting")
            recorded = recording.recorder.counters()["process"].recorded

        after = recording.recorder.counters()["process"]
        assert after.recorded == recorded > 0
        assert after.seen == after.recorded + after.filtered


class TestHealth:
    def test_names_the_sources_and_what_they_cannot_see(self, recording: Recording) -> None:
        sources = {source.name: source for source in recording.recorder.health()}

        assert sources["ebpf"].state == "running"
        assert set(sources["ebpf"].kinds) == {"process", "exit", "network", "dns"}
        assert sources["ebpf"].blind_to
        assert sources["fanotify"].kinds == ["file"]

    def test_of_no_source_suffers_when_the_clock_is_moved(self, tmp_path: Path) -> None:
        earlier = BootRecord(boot_id=read_boot_id(), booted_at=measure_boot() - 3600 * 1_000_000)
        save_boot_record(tmp_path, earlier)

        with Recording(tmp_path, sources=("ebpf", "fanotify")) as recording:
            states = {source.state for source in recording.recorder.health()}
            problems = recording.recorder.problems()

        assert states == {"running"}
        assert len(problems) == 1
        assert "clock was moved by +3600 s" in problems[0]

    def test_has_no_problem_while_the_clock_is_left_alone(self, recording: Recording) -> None:
        assert recording.recorder.problems() == []
