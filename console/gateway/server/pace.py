"""How fast one endpoint may talk: a token bucket that may be overdrawn and tells the debt."""

from __future__ import annotations


class Pace:
    """Allows `rate` units a second and `burst` at once. Pure: instants (s) are passed in."""

    __slots__ = ("_burst", "_rate", "_since", "_tokens")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._since = now

    def take(self, amount: float, *, now: float) -> float:
        """Take `amount` and tell for how many seconds nothing more may be taken; 0 for none."""
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate) - amount
        self._since = now
        return max(0.0, -self._tokens / self._rate)
