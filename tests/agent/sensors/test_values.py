"""How values become text that travels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.values import (
    VALUE_BYTES,
    boolean_text,
    instant_text,
    instant_text_of_seconds,
    shown_value,
)


class TestInstant:
    def test_has_milliseconds_and_its_zone(self) -> None:
        assert instant_text(1_700_000_000_123_999) == "2023-11-14 22:13:20.123+00:00"
        assert instant_text_of_seconds(1_700_000_000.5) == "2023-11-14 22:13:20.500+00:00"

    def test_that_is_none_is_empty(self) -> None:
        assert instant_text(0) == ""
        assert instant_text(2**63) == ""


class TestBoolean:
    def test_is_a_word(self) -> None:
        assert [boolean_text(True), boolean_text(False)] == ["True", "False"]


class TestShownValue:
    def test_shows_bytes_of_file_names(self) -> None:
        assert shown_value(b"a\xff\xfe".decode("utf-8", "surrogateescape")) == "a\\xff\\xfe"

    def test_shows_nul(self) -> None:
        assert shown_value("a\0b") == "a\\x00b"

    @given(st.text(st.characters(exclude_categories=[]), max_size=50), st.integers(1, 2000))
    def test_is_always_valid_and_bounded(self, text: str, times: int) -> None:
        shown = shown_value(text * times).encode()

        assert len(shown) <= VALUE_BYTES
        assert b"\0" not in shown

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
    def test_leaves_ordinary_text_alone(self, text: str) -> None:
        assert shown_value(text) == text
