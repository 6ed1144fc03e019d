"""Notice that the console's clock was set while endpoints were connected.

Endpoints learn the console's time when they are welcomed, and keep it on a clock that never jumps.
After the console's own jumped, they would refuse its instructions as too old or too new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

# Seconds. Far below what endpoints put up with (`protocol.limits.CLOCK_DIFFERENCE`), far above what
# a time server corrects at once.
JUMP: Final = 60.0


class ClockWatch:
    """Compares the wall clock with one that nobody sets."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = self._difference()

    def has_jumped(self) -> bool:
        """Tell, once for each jump, whether the clock was set; many small steps are a jump, too."""
        ahead = self._difference()
        if abs(ahead - self._ahead) <= JUMP:
            return False
        self._ahead = ahead
        return True

    def _difference(self) -> float:
        return self._wall() - self._steady()
