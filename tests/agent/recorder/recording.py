"""A recorder under test: started, read until something has happened, stopped."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from agent.recorder.recorder import Recorder
from protocol.events import (
    DnsEvent,
    Event,
    FileEvent,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    SecurityEvent,
)

Kind = TypeVar(
    "Kind", ProcessStarted, ProcessExited, FileEvent, NetworkEvent, DnsEvent, SecurityEvent
)
DEADLINE_SECONDS = 20.0
_LOOK_SECONDS = 0.02


def run(*arguments: str | bytes, cwd: Path | None = None) -> int:
    """Run a program to its end and return its exit code."""
    return subprocess.run(arguments, cwd=cwd, check=False, capture_output=True).returncode


def process_of(event: Event) -> Process:
    """Return the process of an event that must have one."""
    assert event.process is not None
    return event.process


class Recording:
    """Collects what a recorder tells, on a real kernel."""

    def __init__(self, data_directory: Path, *, sources: Sequence[str] | None = None) -> None:
        self.recorder = Recorder(data_directory, sources=sources)
        self.events: list[Event] = []

    def __enter__(self) -> Recording:
        self.recorder.start()
        self.read()
        self.events.clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.recorder.stop()

    def read(self) -> None:
        """Take in what waits now."""
        self.events += self.recorder.drain()

    def wait_for(
        self, kind: type[Kind], wanted: Callable[[Kind], bool], *, count: int = 1
    ) -> list[Kind]:
        """Read until so many wanted events are there, or time is up; return those there are."""
        ends_at = time.monotonic() + DEADLINE_SECONDS
        while True:
            self.read()
            found = [event for event in self.events if isinstance(event, kind) and wanted(event)]
            if len(found) >= count or time.monotonic() > ends_at:
                return found
            time.sleep(_LOOK_SECONDS)

    def programs(self, mark: str, *, count: int = 1) -> list[ProcessStarted]:
        """Return the programs that were started with this mark in an argument."""

        def is_marked(event: ProcessStarted) -> bool:
            return event.process is not None and mark in event.process.command_line

        return self.wait_for(ProcessStarted, is_marked, count=count)

    def files(self, path: Path | str, operation: str = "", *, count: int = 1) -> list[FileEvent]:
        """Return what happened to this path."""

        def is_wanted(event: FileEvent) -> bool:
            return event.path == str(path) and operation in (event.operation, "")

        return self.wait_for(FileEvent, is_wanted, count=count)
