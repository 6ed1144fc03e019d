"""The supervisor against real programs of a few lines."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.supervisor.exceptions import ProgramFailed, StopRequested
from console.supervisor.process import Program, SupervisedProcess
from console.supervisor.supervision import Supervisor


def program(directory: Path, source: str, *, name: str = "probe", within: float = 5) -> Program:
    return Program(name, [sys.executable, "-c", source], directory, stop_within=within)


def wait_for(condition: Callable[[], bool], *, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(log_directory=tmp_path / "logs", report=said.append)
    yield supervisor
    supervisor.stop()


class TestSupervisedProcess:
    def test_starts_a_dead_program_again_after_a_growing_delay(self, tmp_path: Path) -> None:
        process = SupervisedProcess(
            program(tmp_path, "raise SystemExit(3)"), log_path=tmp_path / "log"
        )

        process.start(now=0)
        wait_for(lambda: process.exit_code is not None)
        first = process.watch(now=1)
        too_early = process.watch(now=1.4)
        again = process.watch(now=1.6)
        wait_for(lambda: process.exit_code is not None)
        second = process.watch(now=2)

        assert first is not None
        assert "ended with code 3; starting it again in 0.5 s" in first
        assert too_early is None
        assert again == "probe started again"
        assert second is not None
        assert "in 1 s" in second

    def test_forgets_old_failures_after_a_healthy_time(self, tmp_path: Path) -> None:
        process = SupervisedProcess(program(tmp_path, ""), log_path=tmp_path / "log")
        process.failures = 5

        process.start(now=0)
        wait_for(lambda: process.exit_code is not None)
        sentence = process.watch(now=1000)

        assert sentence is not None
        assert "again in 0.5 s" in sentence

    def test_takes_a_start_that_failed_for_one_more_failure(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        process = SupervisedProcess(program(tmp_path, "raise SystemExit(3)"), log_path=log)
        process.start(now=0)
        wait_for(lambda: process.exit_code is not None)
        process.watch(now=1)
        log.unlink()
        log.mkdir()

        failed = process.watch(now=2)
        too_early = process.watch(now=2.9)
        log.rmdir()
        again = process.watch(now=3.1)
        process.stop()

        assert failed is not None
        assert "could not be started (Is a directory); starting it again in 1 s" in failed
        assert too_early is None
        assert again == "probe started again"

    def test_kills_a_program_that_does_not_end_and_its_children(self, tmp_path: Path) -> None:
        source = (
            "import signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "open('child', 'w').write(str(child.pid))\n"
            "open('ready', 'w').close()\n"
            "time.sleep(60)\n"
        )
        process = SupervisedProcess(
            program(tmp_path, source, within=0.3), log_path=tmp_path / "log"
        )
        process.start(now=0)
        wait_for((tmp_path / "ready").exists)
        child = int((tmp_path / "child").read_text())

        process.stop()

        assert process.pid is None
        wait_for(lambda: not is_alive(child) or _is_zombie(child))

    def test_keeps_the_output_in_the_log(self, tmp_path: Path) -> None:
        process = SupervisedProcess(
            program(tmp_path, "print('why it failed')"), log_path=tmp_path / "log"
        )

        process.start(now=0)
        wait_for(lambda: process.exit_code is not None)

        assert process.last_lines() == "why it failed"


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class TestSupervisor:
    def test_stops_in_the_opposite_order_of_the_start(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        source = (
            "import signal, sys, time\n"
            "def end(*_):\n"
            "    open('order', 'a').write(sys.argv[1] + ' ')\n"
            "    sys.exit()\n"
            "signal.signal(signal.SIGTERM, end)\n"
            "open(sys.argv[1], 'w').close()\n"
            "time.sleep(60)\n"
        )
        for name in ("first", "second"):
            command = [sys.executable, "-c", source, name]
            supervisor.start(Program(name, command, tmp_path))
            wait_for((tmp_path / name).exists)

        supervisor.stop()

        assert (tmp_path / "order").read_text() == "second first "

    def test_says_why_a_program_was_never_ready(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        supervisor.start(program(tmp_path, "raise SystemExit('no such database')"))

        with pytest.raises(ProgramFailed, match="no such database"):
            supervisor.wait_until(lambda: "not yet", what="the console", within=10)

    def test_gives_up_waiting_after_the_given_time(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        supervisor.start(program(tmp_path, "import time; time.sleep(60)"))

        with pytest.raises(
            ProgramFailed, match=r"the console was not ready within 0\.2 s: gateway"
        ):
            supervisor.wait_until(lambda: "gateway (down)", what="the console", within=0.2)

    def test_waits_no_longer_when_it_shall_stop(self, supervisor: Supervisor) -> None:
        supervisor.request_stop()

        with pytest.raises(StopRequested):
            supervisor.wait_until(lambda: "not yet", what="the console", within=60)

    def test_restarts_a_killed_program(
        self, supervisor: Supervisor, said: list[str], tmp_path: Path
    ) -> None:
        process = supervisor.start(program(tmp_path, "import time; time.sleep(60)"))
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        def stop_when_restarted() -> None:
            if "probe started again" in said:
                supervisor.request_stop()

        supervisor.watch([stop_when_restarted])

        assert "was killed by signal 9" in said[0]
        assert process.pid not in {None, pid}
