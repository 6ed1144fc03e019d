"""Hashes of programs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from agent.recorder.recorder import Recorder
from protocol.events import (
    Event,
    ProcessStarted,
)
from tests.agent.recorder.recording import Recording, process_of, run

pytestmark = pytest.mark.root


def make_large_program(folder: Path) -> tuple[Path, str]:
    program = folder / "large"
    program.write_bytes(Path("/bin/true").read_bytes() + bytes(4_000_000))
    program.chmod(0o755)
    return program, hashlib.sha256(program.read_bytes()).hexdigest()


class TestHashes:
    def test_are_known_of_programs_that_delete_themselves(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        shell = Path("/bin/sh").resolve()
        digests = []
        for number in range(30):
            dropper = tmp_path / f"dropper{number}"
            dropper.write_bytes(shell.read_bytes() + os.urandom(16))
            dropper.chmod(0o755)
            digests.append(hashlib.sha256(dropper.read_bytes()).hexdigest())
            run(str(dropper), "-c", f"rm {dropper} # dropped")

        def is_hashed_dropper(event: ProcessStarted) -> bool:
            process = process_of(event)
            # The hashes of what exceeds the budget of one tick arrive a moment later.
            return "dropper" in process.path and process.sha256 is not None

        told = recording.wait_for(ProcessStarted, is_hashed_dropper, count=30)
        found = [process_of(event) for event in told]

        assert [process.sha256 for process in found] == digests
        assert not list(tmp_path.glob("dropper*"))

    def test_follow_a_program_that_is_changed_in_place(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        program = tmp_path / "changing"
        digests = []
        for number in range(3):
            with program.open("wb") as file:
                file.write(Path("/bin/true").read_bytes() + bytes([number]))
            program.chmod(0o755)
            digests.append(hashlib.sha256(program.read_bytes()).hexdigest())
            run(str(program), "changed")
            recording.read()

        found = recording.programs("changed", count=3)

        assert [process_of(event).sha256 for event in found] == digests

    def test_are_not_those_of_another_content(self, recording: Recording, tmp_path: Path) -> None:
        program = tmp_path / "replaced"
        for number in range(2):
            with program.open("wb") as file:
                file.write(Path("/bin/true").read_bytes() + bytes([number]))
            program.chmod(0o755)
            run(str(program), "overwritten")
            time.sleep(0.02)  # file systems count changes in steps of a few milliseconds

        first, second = recording.programs("overwritten", count=2)

        assert process_of(first).sha256 is None
        assert process_of(second).sha256 == hashlib.sha256(program.read_bytes()).hexdigest()

    async def test_of_a_large_program_are_there_when_it_is_told(self, tmp_path: Path) -> None:
        program, digest = make_large_program(tmp_path)
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        seen: list[str | None] = []

        def sink(events: list[Event]) -> None:
            for event in events:
                if isinstance(event, ProcessStarted) and "sizeable" in process_of(event).arguments:
                    seen.append(process_of(event).sha256)
                    recorder.request_stop()

        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(recorder.run(sink))
                child = await asyncio.create_subprocess_exec(program, "sizeable")
                await child.wait()
                await running
        finally:
            recorder.stop()

        assert seen == [digest]
