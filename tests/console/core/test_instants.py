from __future__ import annotations

from datetime import timedelta

from console.core.instants import how_far_away, how_long_ago, show_instant
from tests.console.computers import NOW


class TestHowLongAgo:
    def test_calls_a_clock_that_is_ahead_now(self) -> None:
        assert how_long_ago(NOW + timedelta(hours=1), now=NOW) == "just now"

    def test_counts_in_large_units(self) -> None:
        assert how_long_ago(NOW - timedelta(hours=3), now=NOW) == "3\xa0hours ago"


class TestHowFarAway:
    def test_looks_ahead(self) -> None:
        assert how_far_away(NOW + timedelta(hours=3), now=NOW) == "in 3\xa0hours"

    def test_looks_back(self) -> None:
        assert how_far_away(NOW - timedelta(days=2, hours=5), now=NOW) == "2\xa0days ago"

    def test_does_not_count_seconds(self) -> None:
        assert how_far_away(NOW + timedelta(seconds=59), now=NOW) == "just now"


class TestShowInstant:
    def test_shows_iso_time_in_utc_and_a_hint(self) -> None:
        shown = show_instant(NOW - timedelta(minutes=5), now=NOW)
        assert f"{NOW - timedelta(minutes=5):%Y-%m-%d %H:%M:%S} UTC" in shown
        assert "5\xa0minutes ago" in shown

    def test_says_never_without_an_instant(self) -> None:
        assert show_instant(None, now=NOW) == "never"
