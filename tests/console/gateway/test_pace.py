"""How fast one endpoint may talk."""

from __future__ import annotations

import pytest

from console.gateway.server.pace import Pace


class TestPace:
    def test_lets_a_burst_through_at_once(self) -> None:
        pace = Pace(rate=10, burst=5, now=0)

        assert [pace.take(1, now=0) for _ in range(5)] == [0] * 5

    def test_tells_how_long_a_debt_lasts(self) -> None:
        pace = Pace(rate=10, burst=5, now=0)

        assert pace.take(25, now=0) == pytest.approx(2)
        assert pace.take(0, now=1) == pytest.approx(1)
        assert pace.take(0, now=2) == pytest.approx(0)

    def test_never_saves_more_than_a_burst(self) -> None:
        pace = Pace(rate=10, burst=5, now=0)

        assert pace.take(6, now=1000) == pytest.approx(0.1)
