"""One supervised program: start it, notice its end, start it again with back-off, stop it.

Children live in sessions of their own, so that Ctrl-C reaches only the supervisor, which then
stops them in order. When the supervisor itself is killed, the kernel asks each child to end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF_FIRST = 0.5
BACKOFF_LONGEST = 30.0
# A program that ran this long was healthy: its next failure begins a new series.
HEALTHY_AFTER = 60.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_within` is how many seconds it may take to end when asked.

    It gets the supervisor's environment but `withheld`, and `environment` on top of it.
    """

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    stop_within: float = 15.0


class SupervisedProcess:
    """A running program and the history of its failures. Times are monotonic seconds."""

    def __init__(self, program: Program, *, log_path: Path) -> None:
        self.program = program
        self.log_path = log_path
        self.failures = 0
        self.restart_at: float | None = None
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def start(self, *, now: float) -> None:
        """Run the program; its output goes to the end of its log. Raises OSError."""
        self.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the table of programs is ours
                list(self.program.command),
                cwd=self.program.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )
        self._started_at = now
        self.restart_at = None

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if name not in self.program.withheld
        }
        return {**inherited, **self.program.environment}

    def watch(self, *, now: float) -> str | None:
        """Notice an end and start again when its time has come.

        Returns a sentence when something happened, else None.
        """
        if self.restart_at is not None:
            if now < self.restart_at:
                return None
            return self._start_again(now=now)
        code = self.exit_code
        if code is None:
            return None
        if now - self._started_at > HEALTHY_AFTER:
            self.failures = 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return self._put_off(how, now=now)

    def _start_again(self, *, now: float) -> str:
        try:
            self.start(now=now)
        except OSError as error:
            # No process or no room on the disk at this moment: the others go on meanwhile.
            return self._put_off(f"could not be started ({error.strerror or error})", now=now)
        return f"{self.program.name} started again"

    def _put_off(self, what_happened: str, *, now: float) -> str:
        delay = min(BACKOFF_LONGEST, BACKOFF_FIRST * 2**self.failures)
        self.failures += 1
        self.restart_at = now + delay
        return (
            f"{self.program.name} {what_happened}; starting it again in {delay:g} s "
            f"({self.log_path})"
        )

    def stop(self) -> None:
        """Ask the program to end, and kill it with its children when it does not in time."""
        self.restart_at = None
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self.program.stop_within)
        except subprocess.TimeoutExpired:
            # The whole session: Celery's pool and other grandchildren too.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log, for the message about a failure."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_bytes()[-8192:].decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-count:])
