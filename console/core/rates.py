"""Count what happens per window of time, in the cache that all programs share.

A fixed window is enough: what is limited here is guessing and flooding, and twice the limit
around the turn of a window is as harmless as once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `allowed` of what `name` counts, per subject and window of `seconds`."""

    name: str
    allowed: int
    seconds: int

    def count(self, subject: str, *, now: datetime) -> int:
        """Count one more for this subject and return how many it has had in this window."""
        key = self._key(subject, now)
        cache.add(key, 0, timeout=self.seconds)
        try:
            return cache.incr(key)
        except ValueError:
            # The window ended between the two calls.
            cache.set(key, 1, timeout=self.seconds)
            return 1

    def counted(self, subject: str, *, now: datetime) -> int:
        """Return how many this subject has had in this window."""
        return int(cache.get(self._key(subject, now), 0))

    def forget(self, subject: str, *, now: datetime) -> None:
        """Begin again at none for this subject."""
        cache.delete(self._key(subject, now))

    def retry_after(self, *, now: datetime) -> int:
        """Return how many seconds this window still lasts, at least one."""
        return max(1, self.seconds - int(now.timestamp()) % self.seconds)

    def _key(self, subject: str, now: datetime) -> str:
        # Subjects come with requests: hashed, they cannot reach another key or grow too long.
        digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
        return f"rate:{self.name}:{int(now.timestamp()) // self.seconds}:{digest}"
