"""The relay keeps tabs apart and both sides within their bounds."""

from __future__ import annotations

import pytest

from directconnect.exceptions import AnswerUnasked, AskedTooMuch, SearchUnknown
from directconnect.relay import (
    FETCHES_PER_SEARCH,
    SEARCHES,
    SEARCHES_PER_ASKER,
    STANDING_INTERVAL,
    Relay,
)
from protocol.events import ProcessExited
from protocol.live import (
    CancelSearch,
    EventRow,
    EventRows,
    FetchRows,
    SearchEvents,
    SearchRefused,
    SearchStanding,
)


def fetch(search_id: int = 1, *, offset: int = 0, limit: int = 10) -> FetchRows:
    """Ask for rows."""
    return FetchRows(search_id=search_id, offset=offset, limit=limit, through=100)


def rows(search_id: int = 1, *, offset: int = 0, count: int = 1) -> EventRows:
    """Answer with rows."""
    row = EventRow(1, ProcessExited(at=1, process=None))
    return EventRows(search_id=search_id, offset=offset, through=100, rows=[row] * count)


def standing(search_id: int = 1, total: int = 5) -> SearchStanding:
    """Tell how a search stands."""
    return SearchStanding(search_id=search_id, total=total, complete=True)


class TestSearches:
    def test_of_two_tabs_do_not_meet_though_they_have_the_same_number(self) -> None:
        relay = Relay()

        (first,) = relay.ask("a", SearchEvents(search_id=7))
        (second,) = relay.ask("b", SearchEvents(search_id=7))

        assert isinstance(first, SearchEvents)
        assert isinstance(second, SearchEvents)
        assert first.search_id != second.search_id
        assert relay.answer(standing(second.search_id), now=0) == [("b", standing(7))]

    def test_replace_the_former_one_with_the_same_number(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=7))

        sent = relay.ask("a", SearchEvents(search_id=7, expression="x"))

        assert sent == [CancelSearch(search_id=1), SearchEvents(search_id=2, expression="x")]

    def test_are_limited_for_one_tab_and_for_all(self) -> None:
        relay = Relay()
        for number in range(SEARCHES_PER_ASKER):
            relay.ask("a", SearchEvents(search_id=number))

        with pytest.raises(AskedTooMuch):
            relay.ask("a", SearchEvents(search_id=99))
        for number in range(SEARCHES - SEARCHES_PER_ASKER):
            relay.ask(f"b{number}", SearchEvents(search_id=0))
        with pytest.raises(AskedTooMuch):
            relay.ask("c", SearchEvents(search_id=0))

    def test_end_with_their_tab(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        relay.ask("b", SearchEvents(search_id=1))

        assert relay.forget("a") == [CancelSearch(search_id=1)]
        assert relay.forget("a") == []
        assert relay.answer(standing(2), now=0) == [("b", standing(1))]

    def test_end_when_the_endpoint_refuses(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=5))

        answers = relay.answer(SearchRefused(search_id=1, reason="no"), now=0)

        assert answers == [("a", SearchRefused(search_id=5, reason="no"))]
        with pytest.raises(SearchUnknown):
            relay.ask("a", fetch(5))


class TestFetches:
    def test_are_answered_under_the_number_of_the_tab(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=5))

        (sent,) = relay.ask("a", fetch(5, offset=20))

        assert sent == fetch(1, offset=20)
        assert relay.answer(rows(1, offset=20), now=0) == [("a", rows(5, offset=20))]

    def test_are_refused_for_the_search_of_another_tab(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=5))

        with pytest.raises(SearchUnknown):
            relay.ask("b", fetch(5))

    @pytest.mark.parametrize("limit", [0, 501, -1])
    def test_are_limited_in_size(self, limit: int) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))

        with pytest.raises(AskedTooMuch):
            relay.ask("a", fetch(limit=limit))

    def test_are_limited_in_number(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        for number in range(FETCHES_PER_SEARCH):
            relay.ask("a", fetch(offset=number))

        with pytest.raises(AskedTooMuch):
            relay.ask("a", fetch(offset=99))


class TestAnswers:
    @pytest.mark.parametrize(
        "unasked",
        [rows(), rows(1, offset=1), rows(9), standing(9), SearchRefused(search_id=0, reason="")],
    )
    def test_that_nobody_asked_for_are_a_violation(
        self, unasked: EventRows | SearchStanding | SearchRefused
    ) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))

        with pytest.raises(AnswerUnasked):
            relay.answer(unasked, now=0)

    def test_with_more_rows_than_asked_for_are_a_violation(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        relay.ask("a", fetch(limit=3))

        with pytest.raises(AnswerUnasked):
            relay.answer(rows(count=4), now=0)

    def test_come_once_for_each_fetch(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        relay.ask("a", fetch())
        relay.answer(rows(), now=0)

        with pytest.raises(AnswerUnasked):
            relay.answer(rows(), now=0)

    def test_to_a_cancelled_search_go_nowhere(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        relay.ask("a", CancelSearch(search_id=1))

        assert relay.answer(standing(), now=0) == []
        assert relay.answer(rows(), now=0) == []


class TestStandings:
    def test_are_told_four_times_a_second_and_the_last_one_is_never_lost(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))

        told = [relay.answer(standing(total=n), now=n / 100) for n in range(25)]

        assert [len(answers) for answers in told] == [1] + [0] * 24
        assert relay.due(now=0.2) == []
        assert relay.due(now=STANDING_INTERVAL) == [("a", standing(total=24))]
        assert relay.due(now=10) == []

    def test_are_told_at_once_when_the_search_is_complete(self) -> None:
        relay = Relay()
        relay.ask("a", SearchEvents(search_id=1))
        relay.answer(SearchStanding(search_id=1, total=3, complete=False), now=0)

        assert relay.answer(standing(total=5), now=0.01) == [("a", standing(total=5))]
