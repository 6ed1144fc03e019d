"""Instants between integers and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.instants import instant_from_text, instant_to_text


class TestInstants:
    @given(at=st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
    def test_keep_every_microsecond_of_the_calendar(self, at: int) -> None:
        assert instant_from_text(instant_to_text(at)) == at

    def test_always_have_six_decimals(self) -> None:
        assert instant_to_text(0) == "1970-01-01T00:00:00.000000Z"

    def test_need_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            instant_from_text("2026-11-21T19:43:00")

    def test_reach_beyond_the_calendar_by_their_zone(self) -> None:
        assert instant_from_text("0001-01-01T00:00:00+23:00") == -62_135_679_600_000_000
