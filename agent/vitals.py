"""Measure what the agent itself costs this computer."""

from __future__ import annotations

import time
from typing import Final

import psutil

# A shorter interval measures little but the report that asks for it. In seconds.
SHORTEST_INTERVAL: Final = 2.0


class Vitals:
    """The agent's own processor time and memory. Call `sample` now and then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._sampled_at = time.monotonic()
        self._spent = self._cpu_seconds()
        self.cpu_percent = 0.0

    def sample(self) -> None:
        """Take the share of one core since the last sample, in percent."""
        now = time.monotonic()
        if now - self._sampled_at < SHORTEST_INTERVAL:
            return
        spent = self._cpu_seconds()
        self.cpu_percent = 100 * (spent - self._spent) / (now - self._sampled_at)
        self._sampled_at, self._spent = now, spent

    @property
    def memory_bytes(self) -> int:
        """The resident memory now."""
        return int(self._process.memory_info().rss)

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
