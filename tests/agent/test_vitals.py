"""The agent's own share of a core."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent import vitals
from agent.vitals import Vitals

BALLAST = 32 << 20
BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


@contextmanager
def burning_child() -> Iterator[BurningChild]:
    program = f"{BURN}\nballast = bytearray({BALLAST} * 2)\nprint('burns', flush=True)\nburn(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        yield BurningChild(process)
        process.kill()


class BurningChild:
    """A child that takes processor time and memory."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait_until_it_burns(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.readline()


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class TestSample:
    def test_measures_the_share_since_the_last_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vitals, "SHORTEST_INTERVAL", 0.05)
        own = Vitals()

        burn(0.2)
        own.sample()

        assert own.cpu_percent > 1

    def test_leaves_an_interval_that_is_too_short_to_the_next(self) -> None:
        own = Vitals()

        burn(0.05)
        own.sample()

        assert own.cpu_percent == 0

    def test_knows_the_resident_memory(self) -> None:
        assert Vitals().memory_bytes > 1 << 20

    def test_counts_the_children_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vitals, "SHORTEST_INTERVAL", 0.05)
        alone = Vitals().memory_bytes
        with burning_child() as child:
            own = Vitals()
            child.wait_until_it_burns()
            time.sleep(0.5)
            own.sample()

        assert own.memory_bytes > alone + BALLAST
        assert own.cpu_percent > 5

    def test_counts_once_what_a_forked_child_shares(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vitals, "SHORTEST_INTERVAL", 0.05)
        # Each page is touched: it is the parent's own, and the child's only by sharing it.
        ballast = bytearray(b"x") * BALLAST
        alone = Vitals().memory_bytes
        fork = multiprocessing.get_context("fork")
        child = fork.Process(target=time.sleep, args=(60,))
        with warnings.catch_warnings():
            # Of Python 3.12: the tests' own threads are none of the child's business.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        time.sleep(0.2)

        together = Vitals().memory_bytes

        child.kill()
        child.join()
        assert len(ballast) == BALLAST
        assert together < alone + BALLAST

    def test_counts_what_an_ended_child_had_spent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vitals, "SHORTEST_INTERVAL", 0.05)
        own = Vitals()

        subprocess.run([sys.executable, "-c", f"{BURN}\nburn(0.3)"], check=True)
        own.sample()

        assert own.cpu_percent > 5
