from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.showing import pointed_at, table, visible, width_of


class TestVisible:
    @given(st.text())
    def test_leaves_nothing_that_controls_a_terminal(self, text: str) -> None:
        assert visible(text).isprintable()

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\x1b[31mred", "\\x1b[31mred"),
            ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
            ("two\nlines", "two\\x0alines"),
            ("Ünïcödé 表", "Ünïcödé 表"),
        ],
    )
    def test_shows_the_rest_as_it_is(self, text: str, shown: str) -> None:
        assert visible(text) == shown


class TestTable:
    def test_aligns_what_is_wide(self) -> None:
        lines = table(["Name", "Count"], [["表", "1"], ["abc", "22"]]).splitlines()

        assert lines == ["Name  Count", "----  -----", "表    1", "abc   22"]

    def test_cuts_what_is_too_wide(self) -> None:
        shown = table(["Name"], [["x" * 100_000], ["表" * 40]], widest=20).splitlines()

        assert [width_of(line) for line in shown[2:]] == [20, 19]
        assert all(line.endswith("…") for line in shown[2:])

    def test_without_rows_has_titles(self) -> None:
        assert table(["Name"], []).splitlines() == ["Name", "----"]


class TestPointedAt:
    def test_puts_carets_below_the_word(self) -> None:
        place = {"line": 2, "column": 3, "length": 4}

        assert pointed_at("Get\n  Nope from x", place) == "    Nope from x\n    ^^^^\n"

    @pytest.mark.parametrize(
        "place",
        [
            {"line": 1, "column": 99, "length": 0},
            {"line": 99, "column": 1, "length": 99},
            {"line": 0, "column": 0, "length": -1},
            {"line": 1, "column": 1},
        ],
    )
    def test_survives_a_place_that_is_none(self, place: dict[str, int]) -> None:
        assert "^" in pointed_at("Get", place)
