"""The throttle for alerts of one piece of intel."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from agent.throttle import AlertThrottle, Window

INTEL = uuid4()


class TestThrottle:
    def test_lets_the_first_five_through(self) -> None:
        throttle = AlertThrottle(Window())

        admitted = [throttle.admit(INTEL, now=second) for second in range(8)]

        assert admitted == [True] * 5 + [False] * 3

    def test_opens_again_when_the_window_ends(self) -> None:
        throttle = AlertThrottle(Window(allowed=1, length=10))
        throttle.admit(INTEL, now=0)

        assert not throttle.admit(INTEL, now=9.99)
        assert throttle.admit(INTEL, now=10)

    def test_treats_every_intel_by_itself(self) -> None:
        throttle = AlertThrottle(Window(allowed=1))
        throttle.admit(INTEL, now=0)

        assert throttle.admit(uuid4(), now=0)

    def test_reports_what_it_held_back(self) -> None:
        throttle = AlertThrottle(Window(allowed=2, length=10))
        for _ in range(5):
            throttle.admit(INTEL, now=0)

        assert throttle.held_back(now=1) == {INTEL: 3}
        assert throttle.held_back_ever == 3

    def test_stops_reporting_one_window_later(self) -> None:
        throttle = AlertThrottle(Window(allowed=1, length=10))
        throttle.admit(INTEL, now=0)
        throttle.admit(INTEL, now=0)

        assert throttle.held_back(now=19.9) == {INTEL: 1}
        assert throttle.held_back(now=20) == {}

    @given(st.lists(st.floats(0, 2000), max_size=200))
    def test_never_exceeds_its_allowance_in_a_window(self, moments: list[float]) -> None:
        throttle = AlertThrottle(Window(allowed=3, length=100))

        passed = [at for at in sorted(moments) if throttle.admit(INTEL, now=at)]

        for begin in passed:
            # A window may end and the next begin anywhere, so two of them can meet.
            assert sum(begin <= at < begin + 100 for at in passed) <= 6
        assert len(passed) + throttle.held_back_ever == len(moments)
