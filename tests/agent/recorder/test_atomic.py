"""Attacks of the public collection, run for real in a sandbox: nothing missing, nothing invented.

What was expected was recorded with strace, which names the file given to execve. The kernel, and
so the recorder, names the program that runs: for a script that is its interpreter, with the
script's path among the arguments. `as_run` makes the one from the other. Scripts of `pyenv` that a
login file starts depend on what is installed; where they are absent, their case is left out, and so
is a file in a folder of `/etc` that a minimal system has not got. Programs end their temporary
files' names with random characters: those are not compared.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from protocol.events import FileEvent, ProcessStarted
from tests.agent.recorder.recording import Recording
from tests.agent.recorder.sandbox import WORKING_DIRECTORY, Sandbox

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]

# Was not installed where the cases were recorded: there its names were not found.
NOT_INSTALLED = "/usr/bin/kmod"
RANDOM_NAME = re.compile(r"(/(?:zi|sed))\w{6}$|(\.pyc\.)\d+$")
SECONDS_PER_CASE = 8
ARGUMENT_BYTES = 8192  # of which the recorder keeps no more
# Packs the home directory of root, which may be any size: stopped when its time is over.
STOPPED = -9

Program = tuple[str, str]


def without_random_name(path: str) -> str:
    return RANDOM_NAME.sub(lambda found: f"{found[1] or found[2]}*", path)


def can_be_created(path: str) -> bool:
    """Tell whether the folder is there; the sandbox shows the system's own `/etc`."""
    return not path.startswith("/etc/") or Path(path).parent.is_dir()


def as_run(expected: dict[str, Any]) -> Program:
    """Return path and command line of the program that the kernel runs for this execve."""
    image, command_line = expected["Image"], expected["CommandLine"]
    with Path(image).open("rb") as program:
        first_line = program.readline(256)
    if not first_line.startswith(b"#!"):
        return image, command_line[:ARGUMENT_BYTES]
    interpreter, _, argument = first_line[2:].decode().strip().partition(" ")
    rest = command_line.partition(" ")[2]
    words = [interpreter, argument.strip(), expected["ExecPath"], rest]
    whole = " ".join(word for word in words if word)
    return str(Path(interpreter).resolve()), whole[:ARGUMENT_BYTES]


def belonging_to(recording: Recording, command: list[str]) -> list[ProcessStarted]:
    """Return the programs that this command started, itself included."""
    pids: set[int] = set()
    found = []
    for event in recording.events:
        if not isinstance(event, ProcessStarted) or event.process is None:
            continue
        process = event.process
        is_first = list(process.arguments) == command and process.cwd == WORKING_DIRECTORY
        # A shell runs its last command in its own process, so the pid counts, not the key.
        if is_first or process.pid in pids or any(a.pid in pids for a in process.ancestors):
            pids.add(process.pid)
            found.append(event)
    return found


class TestAtomicCases:
    def test_are_recorded_as_expected_and_nothing_is_invented(
        self, shared_data: Path, tmp_path: Path
    ) -> None:
        folder = shared_data / "linux-events" / "atomic"
        cases = json.loads((folder / "cases.json").read_text())
        expectations: dict[str, list[dict[str, Any]]] = {}
        for line in (folder / "events.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event["EventID"] == 1:
                expectations.setdefault(event["guid"], []).append(event)
        missing: Counter[Program] = Counter()
        invented: Counter[Program] = Counter()
        total = 0
        missing_files: list[str] = []
        total_files = 0

        with Recording(tmp_path / "data", sources=("ebpf", "fanotify")) as recording:
            for case in cases:
                wanted = expectations[case["guid"]]
                if not all(Path(event["Image"]).exists() for event in wanted):
                    continue
                programs, files, outcome = run_case(recording, case)
                expected = Counter(as_run(event) for event in wanted)
                creatable = filter(can_be_created, case["expected_file_creates"])
                expected_files = set(map(without_random_name, creatable))
                total += expected.total()
                total_files += len(expected_files)
                missing += expected - programs
                missing_files += expected_files - files
                if outcome != STOPPED:
                    invented += (
                        Counter({one: n for one, n in programs.items() if one[0] != NOT_INSTALLED})
                        - expected
                    )

        assert total > 150, f"only {total} of the programs that the cases start are installed here"
        assert missing.total() <= total * 0.01, f"{missing.total()} of {total}: {missing}"
        assert not invented
        assert len(missing_files) <= total_files * 0.01, f"of {total_files}: {missing_files}"


def run_case(recording: Recording, case: dict[str, Any]) -> tuple[Counter[Program], set[str], int]:
    """Run one case and return its programs, the files it made or wrote, and its exit code."""
    recording.read()
    recording.events.clear()
    interpreter = f"/bin/{case['executor']}"
    sandbox = Sandbox()
    try:
        outcome = sandbox.run(case["command"], interpreter=interpreter, seconds=SECONDS_PER_CASE)
        # All of it has happened before `run` returned, so one read finds it.
        recording.read()
        files = {
            without_random_name(sandbox.inner_path(event.path))
            for event in recording.events
            if isinstance(event, FileEvent) and event.operation in ("create", "write")
        }
    finally:
        sandbox.remove()
    programs = Counter(
        (event.process.path, event.process.command_line)
        for event in belonging_to(recording, [interpreter, "-c", case["command"]])
        if event.process is not None
    )
    return programs, files, outcome
