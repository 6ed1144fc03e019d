"""What may be under way to a slow tab."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from directconnect.credit import FETCHES, LOST_AFTER, WAITING, FetchCredit
from protocol.live import EventRows, FetchRows, SearchRefused


def fetch(offset: int, search_id: int = 1) -> FetchRows:
    """Ask for rows."""
    return FetchRows(search_id=search_id, offset=offset, limit=10, through=100)


def rows(offset: int, search_id: int = 1) -> EventRows:
    """Answer with rows."""
    return EventRows(search_id=search_id, offset=offset, through=100, rows=[])


class TestFetchCredit:
    def test_lets_a_few_fetches_through_and_holds_the_others(self) -> None:
        credit = FetchCredit()

        started = [credit.ask(fetch(offset), now=0)[0] for offset in range(FETCHES + 2)]

        assert started[:FETCHES] == [[fetch(offset)] for offset in range(FETCHES)]
        assert started[FETCHES:] == [[], []]

    def test_sends_the_next_when_rows_were_written(self) -> None:
        credit = FetchCredit()
        for offset in range(FETCHES + 1):
            credit.ask(fetch(offset), now=0)

        assert credit.settle(rows(0), now=0) == [fetch(FETCHES)]

    def test_drops_the_oldest_of_those_that_wait(self) -> None:
        credit = FetchCredit()
        for offset in range(FETCHES + WAITING):
            credit.ask(fetch(offset), now=0)

        started, dropped = credit.ask(fetch(99), now=0)

        assert (started, dropped) == ([], [fetch(FETCHES)])

    def test_asks_for_the_same_rows_once(self) -> None:
        credit = FetchCredit()
        credit.ask(fetch(0), now=0)

        assert credit.ask(fetch(0), now=0) == ([], [])

    def test_forgets_the_fetches_of_a_search_that_is_over(self) -> None:
        credit = FetchCredit()
        for offset in range(FETCHES + 1):
            credit.ask(fetch(offset), now=0)
        credit.ask(fetch(0, search_id=2), now=0)

        assert credit.settle(SearchRefused(search_id=1, reason=""), now=0) == [fetch(0, 2)]

    def test_gives_credit_back_for_answers_that_never_come(self) -> None:
        credit = FetchCredit()
        for offset in range(FETCHES):
            credit.ask(fetch(offset), now=0)

        assert credit.ask(fetch(99), now=LOST_AFTER)[0] == [fetch(99)]

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200))
    def test_never_has_more_under_way_than_allowed(self, steps: list[tuple[bool, int]]) -> None:
        credit, under_way = FetchCredit(), set[int]()

        for asks, offset in steps:
            if asks:
                started, _ = credit.ask(fetch(offset), now=0)
            else:
                started = credit.settle(rows(offset), now=0)
                under_way.discard(offset)
            under_way |= {request.offset for request in started}
            assert len(under_way) <= FETCHES
