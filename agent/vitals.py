"""Measure what the agent itself costs this computer.

The agent is more than one process: sensors and the renewal of the certificate run in children.
What an ended child had spent is the parent's to tell, so nothing is missed between two samples.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

import psutil

# A shorter interval measures little but the report that asks for it. In seconds.
SHORTEST_INTERVAL: Final = 2.0


class Vitals:
    """The processor time and memory of the agent and its children. Call `sample` now and then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._sampled_at = time.monotonic()
        self._spent, self.memory_bytes = self._measure()
        self.cpu_percent = 0.0

    def sample(self) -> None:
        """Take the share of one core since the last sample, in percent, and the memory now."""
        now = time.monotonic()
        if now - self._sampled_at < SHORTEST_INTERVAL:
            return
        spent, self.memory_bytes = self._measure()
        # What a grandchild spent that nobody waited for is gone: never show less than nothing.
        self.cpu_percent = max(100 * (spent - self._spent) / (now - self._sampled_at), 0.0)
        self._sampled_at, self._spent = now, spent

    def _measure(self) -> tuple[float, int]:
        """Return the seconds of processor time and the bytes of memory of all of them."""
        seconds, memory = 0.0, 0
        for process in self._family():
            # Children end while they are being looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
                memory += self._memory_of(process)
        return seconds, memory

    def _memory_of(self, process: psutil.Process) -> int:
        if process == self._process:
            return int(process.memory_info().rss)
        # A child begins as a copy that shares nearly all of its memory: that counts once.
        return int(process.memory_full_info().uss)

    def _family(self) -> Iterator[psutil.Process]:
        yield self._process
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from self._process.children(recursive=True)
