"""Keep the tabs of one session apart, and both sides within their bounds.

Tabs number their searches themselves, so two tabs use the same numbers; the relay gives each search
a number of its own on the endpoint. It knows what was asked: an endpoint that answers more than
that is broken or hostile, and nothing of it is carried on. Nothing here grows without a bound.

Pure: no clock, no I/O. `now` is any clock in seconds that does not go back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from directconnect.exceptions import AnswerUnasked, AskedTooMuch, SearchUnknown
from protocol.live import (
    CancelSearch,
    CloseSession,
    EventRows,
    FetchRows,
    LiveDownward,
    SearchEvents,
    SearchRefused,
    SearchStanding,
)

Answer: TypeAlias = SearchStanding | SearchRefused | EventRows

SEARCHES_PER_ASKER: Final = 4
# As many as an endpoint runs at once in one session.
SEARCHES: Final = 8
FETCHES_PER_SEARCH: Final = 8
ROWS_PER_FETCH: Final = 500

# A search that follows a busy endpoint changes its total with every batch; people read four a
# second. In seconds.
STANDING_INTERVAL: Final = 0.25


@dataclass(slots=True)
class _Search:
    asker: str
    asked_id: int
    fetches: list[FetchRows] = field(default_factory=list)
    waiting: SearchStanding | None = None
    is_complete: bool = False
    told_at: float = float("-inf")


class Relay:
    """What is under way between the tabs of one session and its endpoint."""

    def __init__(self) -> None:
        self._searches: dict[int, _Search] = {}
        self._own_ids: dict[tuple[str, int], int] = {}
        self._last_id = 0

    def ask(self, asker: str, request: LiveDownward) -> list[LiveDownward]:
        """Take a tab's request and return what goes to the endpoint.

        A search with a number that is in use replaces the former one. Raises AskedTooMuch and
        SearchUnknown.
        """
        match request:
            case SearchEvents():
                return self._begin(asker, request)
            case FetchRows():
                return [self._fetch(asker, request)]
            case CancelSearch():
                return self._cancel(asker, request.search_id)
            case CloseSession():
                return [request]

    def forget(self, asker: str) -> list[LiveDownward]:
        """Drop everything that a tab asked, and return what tells the endpoint."""
        ids = [asked_id for name, asked_id in self._own_ids if name == asker]
        return [cancel for asked_id in ids for cancel in self._cancel(asker, asked_id)]

    def answer(
        self, message: SearchStanding | SearchRefused | EventRows, *, now: float
    ) -> list[tuple[str, Answer]]:
        """Take an endpoint's answer and return who gets it now, under the tab's own number.

        Answers to a search that was cancelled meanwhile go nowhere. Raises AnswerUnasked.
        """
        search = self._searches.get(message.search_id)
        if search is None:
            if 0 < message.search_id <= self._last_id:
                return []
            raise AnswerUnasked(f"search {message.search_id} was never begun")
        match message:
            case SearchStanding():
                search.waiting = message
                if message.complete and not search.is_complete:
                    # Whoever waits for the whole answer should not wait for the clock, too.
                    search.is_complete, search.told_at = True, float("-inf")
                return list(self._tell_standing(search, now))
            case SearchRefused():
                self._drop(message.search_id, search)
            case EventRows():
                _settle(search, message)
        return [(search.asker, _as_asked(message, search))]

    def due(self, *, now: float) -> list[tuple[str, Answer]]:
        """Return the standings that were held back and whose time has come."""
        return [
            told for search in self._searches.values() for told in self._tell_standing(search, now)
        ]

    def _begin(self, asker: str, request: SearchEvents) -> list[LiveDownward]:
        cancelled = self._cancel(asker, request.search_id)
        if sum(name == asker for name, _ in self._own_ids) >= SEARCHES_PER_ASKER:
            raise AskedTooMuch(f"at most {SEARCHES_PER_ASKER} searches at once")
        if len(self._searches) >= SEARCHES:
            raise AskedTooMuch(f"at most {SEARCHES} searches at once on one endpoint")
        self._last_id += 1
        self._searches[self._last_id] = _Search(asker, request.search_id)
        self._own_ids[asker, request.search_id] = self._last_id
        return [*cancelled, msgspec.structs.replace(request, search_id=self._last_id)]

    def _fetch(self, asker: str, request: FetchRows) -> FetchRows:
        own_id = self._own_ids.get((asker, request.search_id))
        if own_id is None:
            raise SearchUnknown(f"there is no search {request.search_id}")
        search = self._searches[own_id]
        if not 1 <= request.limit <= ROWS_PER_FETCH or request.offset < 0:
            raise AskedTooMuch(f"at most {ROWS_PER_FETCH} rows at once")
        if len(search.fetches) >= FETCHES_PER_SEARCH:
            raise AskedTooMuch(f"at most {FETCHES_PER_SEARCH} fetches at once")
        search.fetches.append(request)
        return msgspec.structs.replace(request, search_id=own_id)

    def _cancel(self, asker: str, asked_id: int) -> list[LiveDownward]:
        own_id = self._own_ids.get((asker, asked_id))
        if own_id is None:
            return []
        self._drop(own_id, self._searches[own_id])
        return [CancelSearch(search_id=own_id)]

    def _drop(self, own_id: int, search: _Search) -> None:
        del self._searches[own_id]
        del self._own_ids[search.asker, search.asked_id]

    def _tell_standing(self, search: _Search, now: float) -> Iterator[tuple[str, Answer]]:
        if search.waiting is None or now - search.told_at < STANDING_INTERVAL:
            return
        standing, search.waiting, search.told_at = search.waiting, None, now
        yield search.asker, _as_asked(standing, search)


def _as_asked(answer: Answer, search: _Search) -> Answer:
    return msgspec.structs.replace(answer, search_id=search.asked_id)


def _settle(search: _Search, rows: EventRows) -> None:
    for fetch in search.fetches:
        if fetch.offset == rows.offset and len(rows.rows) <= fetch.limit:
            search.fetches.remove(fetch)
            return
    raise AnswerUnasked(f"{len(rows.rows)} rows from {rows.offset} on were not asked for")
