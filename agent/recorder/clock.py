"""One clock for everything that is recorded: the kernel's, which never jumps.

Kernel records count nanoseconds since boot. The instant of boot is computed once per boot and kept
on disk, so that process keys, order and attribution survive a restart of the agent and somebody
setting the computer's clock. What the wall clock says by now is reported as drift, not followed.
"""

from __future__ import annotations

import time
from typing import Final

# A step smaller than this is ordinary clock discipline, not worth a sentence.
NOTABLE_DRIFT_SECONDS: Final = 30


class BootClock:
    """Converts time since boot to microseconds since the epoch, UTC."""

    def __init__(self, booted_at: int | None = None) -> None:
        self.booted_at = booted_at if booted_at is not None else measure_boot()

    def instant(self, since_boot_ns: int) -> int:
        """Return the instant (µs, UTC) of a kernel time stamp (ns since boot)."""
        return self.booted_at + since_boot_ns // 1000

    def now(self) -> int:
        """Return the present instant (µs, UTC) on the recorder's own clock."""
        return self.booted_at + time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def drift_seconds(self) -> float:
        """Return how far the wall clock was moved since boot was measured."""
        return (measure_boot() - self.booted_at) / 1_000_000


def measure_boot() -> int:
    """Return the instant of boot (µs, UTC) as the wall clock would have it now."""
    return (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000
