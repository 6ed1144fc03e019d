"""Sensors of our own that go wrong: what the analyst is told, and that nothing is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from uuid import uuid4

import msgspec
import pytest

from agent.sensors.collected import COLLECTED_BYTES, Collected, collect
from tests.agent.agent_process import REPOSITORY
from tests.agent.sensors.asking import processes_with

pytestmark = pytest.mark.slow

# A process of its own: it kills all of its descendants, and the tests have some, too.
RUNNER = """
import ctypes, mmap, os, subprocess, sys, time
import msgspec
from agent.sensors.collected import Collected, collect
from agent.sensors.exceptions import SensorFailed
from agent.sensors.isolation import become_worker
from agent.sensors.running import run_isolated

def sensor():
    yield from ()
{sensor}

become_worker()
{before}
given = run_isolated(lambda: collect(sensor(), columns=1), timeout={timeout}, foreign={foreign})
sys.stdout.buffer.write(msgspec.json.encode(given))
"""


def run(
    sensor: str, *, timeout: float = 20, before: str = "", word: str = "x", foreign: bool = True
) -> Collected:
    indented = "".join(f"    {line}\n" for line in sensor.splitlines())
    program = RUNNER.format(sensor=indented, timeout=timeout, before=before, foreign=foreign)
    ended = subprocess.run(
        [sys.executable, "-c", program, word],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return msgspec.json.decode(ended.stdout, type=Collected)


class TestSensor:
    def test_gives_its_rows(self) -> None:
        assert run("yield ['a']\nyield ['b\\udcff']").rows == [["a"], ["b\\xff"]]

    @pytest.mark.root
    def test_of_the_agents_own_may_ask_the_kernel_for_audit(self) -> None:
        asks = """
from agent.recorder.auditnetlink import AuditControl
yield [str(AuditControl().status() is not None)]
"""
        assert run(asks, foreign=False).rows == [["True"]]
        assert run(asks).failure

    def test_runs_apart_from_its_worker(self) -> None:
        given = run("print('noise'); yield [str(os.getpid() == os.getsid(0))]")

        assert given.rows == [["True"]]

    def test_inherits_no_descriptor_but_its_own(self) -> None:
        given = run(
            "yield [str(len(os.listdir('/proc/self/fd')))]",
            before="inherited = os.pipe()",
        )

        # Its own three, the way back, and the folder that it lists.
        assert given.rows == [["5"]]

    def test_yields_to_everything_else(self) -> None:
        given = run("yield [str(os.nice(0)) + open('/proc/self/oom_score_adj').read()]")

        assert given.rows == [["15700\n"]]

    @pytest.mark.parametrize(
        ("sensor", "reason"),
        [
            ("raise SensorFailed('There is no such thing.')", "There is no such thing."),
            ("{}['missing']", "The sensor failed: KeyError: 'missing' (<string>, line 11)."),
            ("sys.exit(3)", "SystemExit"),
            ("open('/nowhere/at/all')", "FileNotFoundError"),
            ("ctypes.string_at(0)", "The sensor crashed (SIGSEGV)."),
            ("os._exit(1)", "The sensor ended without an answer."),
            ("x = []\nwhile True: x.append(bytearray(1 << 20))", "more memory than it may have"),
            ("while True: pass", "did not end within 1 s"),
            ("time.sleep(600)", "did not end within 1 s"),
            ("yield ['a', 'b']", "2 values for 1 columns"),
        ],
    )
    def test_that_goes_wrong_is_told_in_a_sentence(self, sensor: str, reason: str) -> None:
        assert reason in run(sensor, timeout=1 if "did not end" in reason else 20).failure

    def test_that_forked_leaves_nothing(self) -> None:
        word = f"vedette-{uuid4()}"
        sensor = """
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
yield ['done']
"""
        given = run(sensor, word=word)

        assert given.rows == [["done"]]
        assert processes_with(word) == []

    def test_that_keeps_forking_is_stopped(self) -> None:
        word = f"vedette-{uuid4()}"
        # They double ten times a second, while they are killed, too; but not more than nine times.
        sensor = """
for _ in range(9):
    if os.fork() == 0:
        os.setsid()
    time.sleep(0.1)
time.sleep(600)
"""
        began = time.monotonic()

        given = run(sensor, timeout=0.7, word=word)

        assert "did not end" in given.failure
        assert time.monotonic() - began < 20
        assert processes_with(word) == []

    def test_that_forks_without_end_is_stopped_long_before_its_time(self) -> None:
        word = f"vedette-{uuid4()}"
        sensor = """
for _ in range(400):
    if os.fork() == 0:
        time.sleep(600)
time.sleep(600)
"""
        given = run(sensor, timeout=30, word=word)

        assert given.failure == "The sensor started more than 256 processes."
        assert processes_with(word) == []


@pytest.mark.root
class TestNamespace:
    def test_keeps_a_sensor_from_signalling_the_endpoint(self) -> None:
        given = run(f"os.kill({os.getpid()}, 0)")

        assert "ProcessLookupError" in given.failure

    def test_still_shows_the_endpoints_processes(self) -> None:
        assert run(f"yield [str(os.path.exists('/proc/{os.getpid()}'))]").rows == [["True"]]


class TestCollect:
    def test_counts_what_does_not_fit_into_memory(self) -> None:
        value = "x" * 30_000
        fitting = COLLECTED_BYTES // len(value) + 1

        collected = collect(([value] for _ in range(fitting + 100)), columns=1)

        assert 0 < fitting - len(collected.rows) < 20
        assert len(collected.rows) + collected.cut == fitting + 100
