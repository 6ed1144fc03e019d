"""The prefilter may name too many rules, never too few."""

from __future__ import annotations

import pytest

from detection.signals.expression import Not
from detection.signals.parser import parse_expression
from detection.signals.prefilter import Literal, Prefilter, delimiter_of, required_literals

PATH = "process.path"


def required(text: str) -> set[str] | None:
    literals = required_literals(parse_expression(text))
    return None if literals is None else {literal.text for literal in literals}


class TestRequiredLiterals:
    @pytest.mark.parametrize(
        ("text", "literals"),
        [
            ("process.path contains MIMIKATZ", {"mimikatz"}),
            ("process.path ends with cmd.exe AND process.path contains mimikatz", {"mimikatz"}),
            ("process.path is /opt/a OR process.path is /opt/b", {"/opt/a", "/opt/b"}),
            ("process.path is x OR process.path not contains y", None),
            ("process.path not contains y", None),
            ("process.path is null", None),
            ("network.address in cidr 10.0.0.0/8", None),
            ("process.path matches '[ab]+'", None),
            ("process.path matches '*mimi*katzen*'", {"katzen"}),
            ("process.path not contains y AND network.port is 443", {"443"}),
            ("process.command_line contains network AND process.path ends with '/zq'", {"/zq"}),
            ("process.command_line contains a AND process.command_line contains qqq", {"qqq"}),
        ],
    )
    def test_are_the_rarest_that_must_occur(self, text: str, literals: set[str] | None) -> None:
        assert required(text) == literals

    def test_are_unknown_behind_a_negation(self) -> None:
        assert required_literals(Not(parse_expression("process.path is x"))) is None


class TestPrefilter:
    def test_tells_anchored_literals_apart(self) -> None:
        filtered = Prefilter(
            [
                [Literal(PATH, "ab")],
                [Literal(PATH, "ab", at_start=True)],
                [Literal(PATH, "ab", at_end=True)],
                [Literal(PATH, "ab", at_start=True, at_end=True)],
                [Literal(PATH, "ab"), Literal(PATH, "xx")],
            ]
        )
        mark = delimiter_of(0)

        assert filtered.candidates(f"{mark}ab{mark}") == {0, 1, 2, 3, 4}
        assert filtered.candidates(f"{mark}xab{mark}") == {0, 2, 4}
        assert filtered.candidates(f"{mark}abx{mark}") == {0, 1, 4}
        assert filtered.candidates(f"{mark}a{mark}") == set()

    def test_finds_the_events_of_a_batch(self) -> None:
        filtered = Prefilter([[Literal(PATH, "ab")], [Literal(PATH, "b")]])
        haystacks = ["x", "ab", "x", "x", "b", "ab", "x"]

        found = list(filtered.candidates_in_batch(haystacks))

        assert found == [(1, {0, 1}), (4, {1}), (5, {0, 1})]
        assert list(filtered.candidates_in_batch(["x"])) == []
        assert list(filtered.candidates_in_batch([])) == []

    def test_names_the_properties_to_write_and_the_rules_it_cannot_hold_back(self) -> None:
        filtered = Prefilter([[Literal("file.path", "a")], None, [Literal(PATH, "b")], []])

        assert filtered.properties == ("file.path", PATH)
        assert filtered.always == [1, 3]
        assert filtered.candidates("ab") == {0, 2}

    def test_has_delimiters_for_any_number_of_columns(self) -> None:
        assert len({delimiter_of(column) for column in range(31)}) == 31
        assert delimiter_of(99) == delimiter_of(30)
