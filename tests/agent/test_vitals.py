"""The agent's own share of a core."""

from __future__ import annotations

import time

import pytest

from agent import vitals
from agent.vitals import Vitals


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
