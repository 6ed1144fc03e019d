"""How long to let events gather before they are read.

Reading at once costs a wake-up per event and gives detection within milliseconds: right while
little happens. Under load, four reads a second cost a tenth of that, and the kernel's buffers hold
far more than a quarter of a second.

Pure: no clock, no I/O.
"""

from __future__ import annotations

import math
from typing import Final

QUIET_PAUSE: Final = 0.005
BUSY_PAUSE: Final = 0.25
PRESSED_PAUSE: Final = 0.02
# The next burst may be four times as strong.
_PRESSING: Final = 0.25
_BUSY_RATE: Final = 40.0  # events a second
_MEMORY_SECONDS: Final = 1.0


class Pace:
    """Watches the rate of events and chooses the pause after each read."""

    def __init__(self) -> None:
        self._rate = 0.0

    def pause_after(self, events: int, *, elapsed: float, fullness: float) -> float:
        """Return the seconds to wait before reading again.

        `events` were read, `elapsed` seconds after the read before; `fullness` is the share of
        the kernel's buffer that they had filled.
        """
        weight = 1 - math.exp(-max(elapsed, 1e-6) / _MEMORY_SECONDS)
        self._rate += weight * (events / max(elapsed, 1e-6) - self._rate)
        if fullness > _PRESSING:
            return PRESSED_PAUSE
        return BUSY_PAUSE if self._rate > _BUSY_RATE else QUIET_PAUSE
