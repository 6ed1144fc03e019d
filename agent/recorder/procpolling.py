"""Processes seen by looking at /proc once a second: what is left without root.

Whatever starts and ends between two looks is not seen, and it says so.
"""

from __future__ import annotations

import time
from typing import Final

from agent.recorder.clock import BootClock
from agent.recorder.executables import FileIdentity
from agent.recorder.processes import ProcessTable
from agent.recorder.procfs import list_pids, read_process
from agent.recorder.source import Deliver, SourceCapabilities
from protocol.events import Process, ProcessExited, ProcessStarted

_INTERVAL: Final = 1.0


class ProcPollingSource:
    """The polling event source."""

    def __init__(self, processes: ProcessTable, clock: BootClock) -> None:
        self._processes = processes
        self._clock = clock
        self._looked_at = 0.0
        self.programs: list[tuple[Process, FileIdentity | None]] = []
        self.mount_namespaces: dict[int, list[int]] = {}

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen."""
        return SourceCapabilities(
            name="proc-polling",
            kinds=("process", "exit"),
            blind_to=(
                "every process that ends within a second",
                "a program that replaces another in the same process",
                "how a process ended",
                "network connections and DNS",
            ),
        )

    def start(self) -> None:
        """Begin to look; the table of processes was seeded before."""
        self._looked_at = time.monotonic()

    def descriptors(self) -> tuple[int, ...]:
        """Return none: nothing announces a change."""
        return ()

    def drain(self, deliver: Deliver) -> None:
        """Compare /proc with the table, at most once a second."""
        self.programs.clear()
        if time.monotonic() - self._looked_at < _INTERVAL:
            return
        self._looked_at = time.monotonic()
        table = self._processes
        present = set(list_pids())
        now = self._clock.now()
        for pid in table.running_pids():
            if pid not in present:
                process = table.exited(pid, at=now)
                if process is not None:
                    deliver(ProcessExited(at=now, process=process, exit_code=-1))
        for pid in sorted(present):
            if not table.is_running(pid) and (snapshot := read_process(pid)):
                process = table.add_snapshot(snapshot)
                self.programs.append((process, None))
                deliver(ProcessStarted(at=process.started_at, process=process))

    def lost(self) -> dict[str, int]:
        """Count nothing: what was missed is not known."""
        return {}

    def stop(self) -> None:
        """Nothing was opened."""
