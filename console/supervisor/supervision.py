"""Keep a table of programs alive, and stop them in the opposite order of their start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from console.supervisor.exceptions import ProgramFailed, StopRequested
from console.supervisor.log_files import rotate_when_large
from console.supervisor.process import Program, SupervisedProcess

WATCH_INTERVAL = 0.25
# Seconds after a log could not be rotated.
ROTATE_AGAIN_AFTER = 60.0


class Supervisor:
    """Runs programs until told to stop. `report` gets one sentence per event of note."""

    def __init__(self, *, log_directory: Path, report: Callable[[str], None]) -> None:
        self._log_directory = log_directory
        self._report = report
        self._processes: list[SupervisedProcess] = []
        self._stopping = threading.Event()
        self._rotate_at = 0.0

    def start(self, program: Program) -> SupervisedProcess:
        """Start a program and watch it from now on."""
        process = SupervisedProcess(program, log_path=self._log_directory / f"{program.name}.log")
        process.start(now=time.monotonic())
        self._processes.append(process)
        return process

    def wait_until(
        self, problem: Callable[[], str], *, what: str, within: float, interval: float = 0.1
    ) -> None:
        """Wait until there is no `problem` any more, watching the programs; at most `within` s.

        Raises ProgramFailed when a program ends meanwhile, with the end of the log that explains
        it, or when the time is over, with the problem; StopRequested when that comes first.
        """
        deadline = time.monotonic() + within
        while reason := problem():
            self.refuse_when_stopping()
            for process in self._processes:
                if process.exit_code is not None:
                    raise ProgramFailed(
                        f"{process.program.name} ended with code {process.exit_code} "
                        f"({process.log_path}):\n{process.last_lines()}"
                    )
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"{what} was not ready within {within:g} s: {reason}; "
                    f"the logs stand in {self._log_directory}"
                )
            self._stopping.wait(interval)

    def watch(self, still_wanted: Sequence[Callable[[], None]] = ()) -> None:
        """Restart what dies until `request_stop`; calls each of `still_wanted` every round."""
        while not self._stopping.wait(WATCH_INTERVAL):
            now = time.monotonic()
            for process in self._processes:
                if sentence := process.watch(now=now):
                    self._report(sentence)
                self._keep_log_small(process.log_path, now=now)
            for call in still_wanted:
                call()

    def _keep_log_small(self, log: Path, *, now: float) -> None:
        if now < self._rotate_at:
            return
        try:
            rotate_when_large(log)
        except OSError as error:
            self._rotate_at = now + ROTATE_AGAIN_AFTER
            self._report(f"{log} cannot be rotated ({error.strerror or error}) and grows")

    def request_stop(self) -> None:
        """End `watch` and `wait_until`; safe to call from a signal handler."""
        self._stopping.set()

    def refuse_when_stopping(self) -> None:
        """Raise StopRequested when a stop was requested."""
        if self._stopping.is_set():
            raise StopRequested

    def stop(self) -> None:
        """Stop every program, last started first. Safe to call twice."""
        for process in reversed(self._processes):
            process.stop()
        self._processes.clear()
