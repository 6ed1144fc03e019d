"""The console's time, which does not jump when somebody changes this computer's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

MICROSECONDS = 1_000_000


def since_boot() -> int:
    """Return microseconds on a clock that never jumps and also runs while the computer sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1000


def wall_time() -> int:
    """Return this computer's own idea of the time: microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


class ConsoleClock:
    """Tells what time it is at the console, once the console has said so.

    Before that it tells this computer's time.
    """

    def __init__(
        self,
        *,
        steady: Callable[[], int] = since_boot,
        wall: Callable[[], int] = wall_time,
    ) -> None:
        self._steady = steady
        self._wall = wall
        self._ahead: int | None = None

    def set(self, server_at: int) -> None:
        """Take over the console's time; microseconds since the epoch, UTC."""
        self._ahead = server_at - self._steady()

    def now(self) -> int:
        """Return the console's time in microseconds since the epoch, UTC."""
        if self._ahead is None:
            return self._wall()
        return self._steady() + self._ahead
