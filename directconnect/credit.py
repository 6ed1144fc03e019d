"""How much of an endpoint's rows may be under way to one browser tab.

A grid that is scrolled asks faster than a slow browser reads. Each fetch takes a credit, which
comes back when its rows are written to the browser's socket; what finds no credit waits, and of
those that wait the oldest goes first: the user has scrolled on.

Pure: `now` is any clock in seconds that does not go back.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from protocol.live import EventRows, FetchRows, SearchRefused

# Times at most 4 MiB: what one slow tab can make the console hold.
FETCHES: Final = 4
WAITING: Final = 8

# An answer that does not come gives its credit back after this, in seconds.
LOST_AFTER: Final = 30.0


class FetchCredit:
    """The fetches of one tab: those under way, and those that wait for them."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[int, int], float] = {}
        self._waiting: deque[FetchRows] = deque()

    def ask(self, fetch: FetchRows, *, now: float) -> tuple[list[FetchRows], list[FetchRows]]:
        """Take a fetch; return those to send now, and those that are dropped unanswered."""
        if (fetch.search_id, fetch.offset) in self._under_way or fetch in self._waiting:
            return [], []
        self._waiting.append(fetch)
        # The grid shows what was asked for last: older windows are out of sight by now.
        dropped = [self._waiting.popleft()] if len(self._waiting) > WAITING else []
        return self._start(now), dropped

    def settle(self, answer: EventRows | SearchRefused, *, now: float) -> list[FetchRows]:
        """Give back the credit of what was written; return those to send now."""
        if isinstance(answer, EventRows):
            self._under_way.pop((answer.search_id, answer.offset), None)
            return self._start(now)
        return self.forget(answer.search_id, now=now)

    def forget(self, search_id: int, *, now: float) -> list[FetchRows]:
        """Drop the fetches of a search that is over; return those to send now."""
        self._under_way = {
            key: since for key, since in self._under_way.items() if key[0] != search_id
        }
        self._waiting = deque(fetch for fetch in self._waiting if fetch.search_id != search_id)
        return self._start(now)

    def _start(self, now: float) -> list[FetchRows]:
        self._under_way = {
            key: since for key, since in self._under_way.items() if now - since < LOST_AFTER
        }
        started: list[FetchRows] = []
        while self._waiting and len(self._under_way) < FETCHES:
            fetch = self._waiting.popleft()
            self._under_way[fetch.search_id, fetch.offset] = now
            started.append(fetch)
        return started
