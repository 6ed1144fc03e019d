"""Decide how long to wait before the next attempt, so that a fleet never knocks in step.

Full jitter: a random wait between nothing and a bound that doubles up to a cap (Brooker,
"Exponential Backoff And Jitter", 2015). After a console's restart the attempts of 30,000
endpoints spread evenly instead of arriving in waves.
"""

from __future__ import annotations

from random import Random


class Backoff:
    """Waits for one thing that is tried again and again, in seconds."""

    def __init__(self, *, first: float, cap: float, random: Random) -> None:
        self._first = first
        self._cap = cap
        self._random = random
        self._attempts = 0

    def next_wait(self) -> float:
        """Return how long to wait now, and widen the bound for the next time."""
        # 2**32 seconds is beyond any cap; the limit keeps the power from growing for ever.
        bound = min(self._cap, self._first * 2 ** min(self._attempts, 32))
        self._attempts += 1
        return self._random.uniform(0, bound)

    def requested_wait(self, seconds: float) -> float:
        """Return at least the wait that the other side asked for, spread by a quarter."""
        wait = min(max(seconds, 0.0), self._cap)
        return wait + self._random.uniform(0, max(wait / 4, self._first))

    def reset(self) -> None:
        """Start over: the last attempt was a success that lasted."""
        self._attempts = 0
