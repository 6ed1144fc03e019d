"""Decide which alerts of one piece of intel are worth sending to the console (TH-01).

One noisy rule can match thousands of times a minute. The throttle lets the first matches
through, then closes for that intel until the window ends, and counts what it held back, so that
an investigator sees *that* a rule was noisy instead of a silent gap.

Pure: no clock, no I/O. The engine passes `now`; tests pass any instant they like.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Window:
    """At most `allowed` alerts of one intel within `length` seconds."""

    allowed: int = 5
    length: float = 300.0


@dataclass
class _Tally:
    opened_at: float
    passed: int = 0
    held: int = 0


class AlertThrottle:
    """Counts the alerts of every intel. `now` is in seconds on a clock that never goes back."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._tallies: dict[UUID, _Tally] = {}
        self.held_back_ever = 0

    def admit(self, intel_id: UUID, *, now: float) -> bool:
        """Tell whether an alert of this intel may be sent, and count it either way."""
        tally = self._tallies.get(intel_id)
        # The window starts at the first match, not on a fixed grid: a burst that straddles a
        # grid line would otherwise be allowed through twice.
        if tally is None or now - tally.opened_at >= self._window.length:
            tally = self._tallies[intel_id] = _Tally(opened_at=now)
        if tally.passed < self._window.allowed:
            tally.passed += 1
            return True
        tally.held += 1
        self.held_back_ever += 1
        return False

    def held_back(self, *, now: float) -> dict[UUID, int]:
        """Return how many alerts every noisy intel lost in its window, or in the one before.

        An entry stays visible for one more window after its own has ended; then it is dropped.
        """
        expired = [
            intel_id
            for intel_id, tally in self._tallies.items()
            if now - tally.opened_at >= 2 * self._window.length
        ]
        for intel_id in expired:
            del self._tallies[intel_id]
        return {intel_id: tally.held for intel_id, tally in self._tallies.items() if tally.held}
