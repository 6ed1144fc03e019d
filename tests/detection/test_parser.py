"""The parser reads the language, and refuses everything else at its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.exceptions import (
    InvalidValue,
    SignalError,
    SignalSyntaxError,
    TooManyTerms,
    UnknownProperty,
    WrongPlatform,
)
from detection.signals.expression import And, Condition, Expression, Not, Or, Term
from detection.signals.parser import MAX_CHARACTERS, parse_expression, parse_signal
from detection.signals.properties import ALIASES
from detection.signals.spelling import to_text
from tests.detection.strategies import expressions

PATH = "process.path"
WORDS = (
    *("(", ")", "AND", "or", "NOT", "is", "null", "contains", "starts", "ends", "with", "matches"),
    *("in", "cidr", "=", "!=", "process.path", "network.port", "network.address", "x", "''"),
    *("'a'", r"'\x41'", r"'\q'", "'", "\\", "443", "*"),
)


def refused(text: str) -> SignalError:
    with pytest.raises(SignalError) as caught:
        parse_signal(text)
    return caught.value


class TestTerms:
    @pytest.mark.parametrize(
        ("text", "condition", "negated"),
        [
            ("is x", Condition.IS, False),
            ("= x", Condition.IS, False),
            ("='x'", Condition.IS, False),
            ("is not x", Condition.IS, True),
            ("!='x'", Condition.IS, True),
            ("contains x", Condition.CONTAINS, False),
            ("contains not x", Condition.CONTAINS, True),
            ("not contains x", Condition.CONTAINS, True),
            ("starts with x", Condition.STARTS_WITH, False),
            ("starts with not x", Condition.STARTS_WITH, True),
            ("not starts with x", Condition.STARTS_WITH, True),
            ("ends with x", Condition.ENDS_WITH, False),
            ("ends with not x", Condition.ENDS_WITH, True),
            ("not ends with x", Condition.ENDS_WITH, True),
            ("matches x", Condition.MATCHES, False),
            ("matches not x", Condition.MATCHES, True),
            ("not matches x", Condition.MATCHES, True),
            ("IS Not x", Condition.IS, True),
            ("Starts\n\tWITH x", Condition.STARTS_WITH, False),
        ],
    )
    def test_read_every_condition(self, text: str, condition: Condition, negated: bool) -> None:
        blank = "" if text[0] in "=!" else " "

        assert parse_expression(f"{PATH}{blank}{text}") == Term(PATH, condition, "x", negated)

    @pytest.mark.parametrize(
        ("text", "negated"),
        [("is null", False), ("IS NOT NULL", True), ("is ''", False), ("!=''", True)],
    )
    def test_take_empty_and_null_for_absent(self, text: str, negated: bool) -> None:
        assert parse_expression(f"{PATH} {text}") == Term(PATH, Condition.IS_NULL, "", negated)

    @pytest.mark.parametrize(("alias", "name"), ALIASES.items())
    def test_know_other_names(self, alias: str, name: str) -> None:
        assert parse_expression(f"{alias.upper()} is not null") == Term(
            name, Condition.IS_NULL, "", negated=True
        )

    @pytest.mark.parametrize("value", ["0", "443", "'443'", "007"])
    def test_read_whole_numbers(self, value: str) -> None:
        assert parse_expression(f"network.port is {value}") == Term(
            "network.port", Condition.IS, int(value.strip("'"))
        )

    def test_read_addresses_and_networks_in_one_form(self) -> None:
        expression = parse_expression(
            "network.address is 'FE80:0::1' OR network.address in cidr not 10.1.2.3/8"
        )

        assert expression == Or(
            (
                Term("network.address", Condition.IS, "fe80::1"),
                Term("network.address", Condition.IN_CIDR, "10.0.0.0/8", negated=True),
            )
        )

    def test_know_where_they_stand(self) -> None:
        expression = parse_expression("process.name is a\n  AND process.user is b")

        assert isinstance(expression, And)
        assert [(t.line, t.column) for t in expression.parts if isinstance(t, Term)] == [
            (1, 1),
            (2, 7),
        ]


class TestStructure:
    def test_binds_and_before_or(self) -> None:
        a, b, c = (Term(PATH, Condition.IS, letter) for letter in "abc")

        assert parse_expression(
            "process.path is a or process.path is b and not process.path is c"
        ) == Or((a, And((b, Not(c)))))

    def test_melts_what_parentheses_only_repeat(self) -> None:
        text = "((process.path is a AND (process.path is b)) AND process.path is c)"

        expression = parse_expression(text)

        assert isinstance(expression, And)
        assert len(expression.parts) == 3

    @given(expressions)
    @settings(max_examples=200, deadline=None)
    def test_reads_back_what_is_written(self, expression: Expression) -> None:
        assert parse_expression(to_text(expression)) == expression

    @pytest.mark.parametrize(
        "text",
        [
            r"process.command_line contains 'evil' AND process.path starts with 'c:\\windows'",
            r"(file.path starts with 'c:\\temp' OR file.path ends with '.evil.tmp')"
            " AND process.path contains cmd.exe",
            "process.path ends with 'powershell.exe' AND process.parent_path ends with 'excel.exe'",
        ],
    )
    def test_takes_the_guides_samples(self, text: str) -> None:
        parse_signal(text, platforms=["windows"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "line", "column", "reason", "expected"),
        [
            ("", 1, 1, "too early", "object.property"),
            ("process.path", 1, 1, "too early", "contains"),
            ("process.path is", 1, 14, "too early", "value"),
            ("process.path is x process.user is y", 1, 19, "cannot stand here", "AND"),
            ("process.path is x)", 1, 18, "cannot stand here", "the end"),
            ("(process.path is x", 1, 18, "too early", ")"),
            ("'x'", 1, 1, "cannot stand here", "object.property"),
            ("process.path is x OR\n 'y'", 2, 2, "cannot stand here", "NOT"),
            ("process.path contains and", 1, 23, "single quotes", "value"),
            ("process.path is 'x", 1, 17, "never ends", ""),
            ("process.path is \u201cx\u201d", 1, 17, "quotation mark", ""),
            ("process.path is \u2018x\u2019", 1, 17, "quotation mark", ""),
            ("process.path is c:\\x", 1, 19, "backslash", ""),
            ("process.path is a!b", 1, 18, "no meaning", ""),
            (r"process.path is 'a\q'", 1, 19, r"unknown escape \q", r"\xHH"),
            (r"process.path is 'a\x4'", 1, 19, r"unknown escape \x", r"\xHH"),
            ("process.path is 'a\nb\\q'", 2, 2, "unknown escape", r"\n"),
            (r"process.path is 'a\xff'", 1, 19, "UTF-8", ""),
            ("process.path is '\ud800'", 1, 18, "Unicode", ""),
            ("process.path is x AND\nprocess.user is '\ud800'", 2, 18, "Unicode", ""),
        ],
    )
    def test_name_the_place_and_what_was_expected(
        self, text: str, line: int, column: int, reason: str, expected: str
    ) -> None:
        error = refused(text)

        assert isinstance(error, SignalSyntaxError)
        assert (error.line, error.column) == (line, column)
        assert reason in error.reason
        assert not expected or expected in error.expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", ("(", "NOT", "object.property")),
            ("process.path is x )", ("AND", "OR", "the end")),
            ("(process.path is x", (")", "AND", "OR")),
            ("process.path is", ("'value'", "NOT", "null", "value")),
            ("process.path is not", ("'value'", "null", "value")),
            ("process.path contains", ("'value'", "NOT", "value")),
            ("process.path contains not", ("'value'", "value")),
            ("process.path starts x", ("with",)),
            ("process.path in x", ("cidr",)),
            (
                "process.path not is x",
                ("contains", "ends with", "in cidr", "matches", "starts with"),
            ),
        ],
    )
    def test_name_all_that_could_have_stood_there(
        self, text: str, expected: tuple[str, ...]
    ) -> None:
        assert refused(text).expected == expected

    def test_show_everything_in_one_sentence(self) -> None:
        assert str(refused("process.pth is x")) == (
            "line 1, column 1: no event has a property process.pth"
            " (expected process.path, process.pid, process.hash)"
        )
        assert "(expected" not in str(refused("process.path is 'x"))

    def test_name_the_nearest_property(self) -> None:
        error = refused("process.user is x AND process.comandline is y")

        assert isinstance(error, UnknownProperty)
        assert error.column == 23
        assert "process.command_line" in error.expected

    @pytest.mark.parametrize(
        ("text", "column"),
        [
            ("network.port contains 4", 1),
            ("network.port is x", 17),
            ("network.port is '1234567890123456789'", 17),
            ("network.port is '\u0664'", 17),
            ("network.address is localhost", 20),
            ("network.address in cidr 10.0.0.0/99", 25),
            ("process.path in cidr 10.0.0.0/8", 1),
            ("process.hash is abc", 17),
            (f"process.hash is {'x' * 32}", 17),
            ("process.hash contains a", 1),
            ("process.path contains ''", 23),
            ("process.path matches ''", 22),
            ("process.path matches '(a'", 22),
            (r"process.path matches '(a)\\1'", 22),
            ("process.path matches 'a{1001}'", 22),
            ("process.path matches '((a{100}){100}){100}'", 22),
        ],
    )
    def test_name_values_that_do_not_suit(self, text: str, column: int) -> None:
        error = refused(text)

        assert isinstance(error, InvalidValue)
        assert (error.line, error.column) == (1, column)

    def test_name_a_property_of_other_systems(self) -> None:
        text = "process.path is x AND registry.key_path contains y"

        with pytest.raises(WrongPlatform) as caught:
            parse_signal(text, platforms=["linux", "macos"])

        assert caught.value.column == 23
        assert parse_signal(text, platforms=["linux", "windows"])

    @pytest.mark.parametrize(
        "text",
        [
            "(" * 100_000,
            "(" * 100_000 + "process.path is x" + ")" * 100_000,
            "NOT " * 60_000 + "process.path is x",
            "(NOT " * 40_000,
            ")" * 100_000,
            "process.path is x OR " * 12_000,
            "process.path is '" + "x" * 200_000,
            "a" * 200_000,
            "=" * 100_000,
            "x" * (MAX_CHARACTERS + 1),
        ],
        ids=range(10),
    )
    def test_end_in_bounded_time(self, text: str) -> None:
        assert isinstance(refused(text), SignalError)

    @pytest.mark.parametrize("opening", ["(", "NOT "])
    def test_are_of_the_64th_level(self, opening: str) -> None:
        closing = ")" if opening == "(" else ""
        text = "process.path is x"

        assert parse_expression(opening * 63 + text + closing * 63)
        error = refused(opening * 64 + text + closing * 64)

        assert "nested deeper than 64 levels" in error.reason
        assert error.column == 63 * len(opening) + 1

    def test_count_nesting_not_repetition(self) -> None:
        side_by_side = " AND ".join(["NOT (process.path is x)"] * 100)
        deep = "(" * 60 + "process.path is x" + ")" * 60

        assert parse_expression(side_by_side)
        assert parse_expression(deep)

    @given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
    @settings(max_examples=400, deadline=None)
    def test_are_all_that_random_text_meets(self, text: str) -> None:
        error = None
        try:
            parse_signal(text)
        except SignalError as refusal:
            error = refusal

        assert error is None or (error.line >= 1 and error.column >= 1)


class TestTermLimit:
    def test_refuses_the_25th_term(self) -> None:
        text = " OR ".join(f"process.path is x{number}" for number in range(25))

        error = refused(text)

        assert isinstance(error, TooManyTerms)
        assert "25 unique terms, at most 24" in error.reason
        assert error.column == text.index("process.path is x24") + 1

    def test_counts_repeated_parts_of_a_group_once(self) -> None:
        assert parse_signal(" OR ".join(["process.path is x"] * 25))

    def test_counts_a_term_again_in_another_group(self) -> None:
        pairs = (f"(process.user is root AND process.path is x{i})" for i in range(13))

        assert isinstance(refused(" OR ".join(pairs)), TooManyTerms)

    def test_can_be_lifted(self) -> None:
        text = " OR ".join(f"NOT process.path is x{number}" for number in range(100))

        assert parse_signal(text, term_limit=None)
