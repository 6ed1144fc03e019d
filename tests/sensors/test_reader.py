"""Whatever is no question is refused at its place, quickly."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.exceptions import QuestionRefused
from sensors.language import NameIndex, ParsedQuestion, parse_filter, parse_question
from sensors.language.parser import COMPARISONS, DEPTH, SELECTIONS
from sensors.language.reader import TEXT_BYTES, TOKENS
from tests.sensors.samples import INDEX, sensor

WORDS = (
    *("Get", "and", "or", "not", "from", "all", "machines", "with", "where", "in group", "is"),
    *(
        "Computer Name",
        "Running Processes",
        "Installed Application Exists",
        "Not Patched",
        "Nobody",
    ),
    *("User", "PID", "containing", "empty", "greater than", "matching", "in cidr", "[", "]", "("),
    *(
        ")",
        ",",
        ":",
        '"',
        '"x"',
        "“y”",
        "'",
        "=",
        "!=",
        ">",
        "audit",
        "exact=",
        "7",
        "x",
        "\n",
        ".",
    ),
)


def ask(text: str) -> ParsedQuestion:
    return parse_question(text, INDEX)


def refused(text: str) -> QuestionRefused:
    with pytest.raises(QuestionRefused) as caught:
        ask(text)
    return caught.value


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "column", "length", "expected"),
        [
            ("", 1, 0, "Get"),
            ("Show x", 1, 4, "Get"),
            ("Get", 4, 0, "a sensor"),
            ("Get from all machines", 5, 4, "a sensor"),
            ("Get Computer Name", 18, 0, "from"),
            ("Get Computer Name, from", 20, 4, "a sensor"),
            ("Get Computer Name from", 23, 0, "machines"),
            ("Get Computer Name from all", 27, 0, "machines"),
            ("Get Computer Name from all machines x", 37, 1, "with"),
            ("Get Computer Name from machines with", 37, 0, "a sensor"),
            ("Get Computer Name from machines with Is Linux", 46, 0, "is"),
            ("Get Computer Name from machines with Is Linux is", 49, 0, "a value"),
            ("Get Computer Name from machines with Is Linux is and", 50, 3, "a value"),
            ("Get Computer Name from machines with Is Linux is maybe", 50, 5, "True"),
            ("Get Computer Name from machines with Is Linux > true", 47, 1, "is"),
            ("Get Computer Name from machines with Is Linux is “x", 50, 1, "a value"),
            ("Get Computer Name from machines with Is Linux is 'x'", 50, 3, '"'),
            ("Get Computer Name from machines with (Is Linux is true", 55, 0, ")"),
            ("Get Computer Name from machines with Running Processes:Nmae is x", 56, 4, "Name"),
            ("Get Computer Name from machines with Running Processes > 1", 56, 1, "is"),
            ('Get Computer Name contains "" from all machines', 28, 2, "is empty"),
            ('Get Computer Name matches "(" from all machines', 27, 3, None),
            ("Get Computer Name in cidr x from all machines", 27, 1, "10.0.0.0/8"),
            ("Get Computer Name from all machines in group", 45, 0, "a computer group"),
            ("Get Running Processes where User root from all machines", 34, 4, "is"),
            ("Get Running Processes where all from all machines", 29, 3, "User"),
            ("Get Computer Name, Computer Name from all machines", 20, 13, None),
            ("Get Computer Name[x] from all machines", 19, 1, None),
            ("Get Installed Application Exists from all machines", 5, 28, None),
            ("Get Installed Application Exists[] from all machines", 5, 28, None),
            ("Get Installed Application Exists[a,2] from all machines", 36, 1, "1"),
            ("Get Installed Application Exists[a,,x] from all machines", 37, 1, "By Date"),
            ("Get Installed Application Exists[a,1,,x] from all machines", 39, 1, None),
            ("Get Installed Application Exists[a,name=b] from all machines", 41, 1, None),
            ("Get Installed Application Exists[nme=b] from all machines", 34, 3, "name"),
            ("Get Installed Application Exists[a from all machines", 53, 0, ","),
            ('Get Installed Application Exists["a" b] from all machines', 38, 1, "]"),
            ("Get Installed Application Exists['a'] from all machines", 34, 3, '"'),
            ("Get Installed Application Exists[[a]] from all machines", 34, 1, ","),
        ],
    )
    def test_name_the_place_and_what_was_expected(
        self, text: str, column: int, length: int, expected: str | None
    ) -> None:
        error = refused(text)

        assert (error.line, error.column, error.length) == (1, column, length)
        assert expected is None or expected in error.expected

    def test_count_lines(self) -> None:
        error = refused("Get Computer Name\nfrom all machines\n  wiht x")

        assert (error.line, error.column) == (3, 3)
        assert str(error).startswith("line 3, column 3: “wiht” cannot stand here (expected ")

    def test_say_that_a_quotation_never_ends(self) -> None:
        error = refused('Get Computer Name is "a""b from all machines')

        assert (error.column, error.message) == (22, "this quotation never ends")

    def test_show_long_words_cut(self) -> None:
        assert len(refused("Get " + "x" * 10_000).message) < 200


class TestLimits:
    FROM = "from all machines"
    ONE = "Computer Name is x"

    def test_allow_what_is_just_inside(self) -> None:
        deep = "(" * DEPTH + self.ONE + ")" * DEPTH

        assert parse_filter(deep, INDEX)
        assert parse_filter(" or ".join([self.ONE] * COMPARISONS), INDEX)

    @pytest.mark.parametrize(
        "text",
        [
            "Get " + "word " * 10_000,
            "Get " + "w " * 5_000,
            "Get Computer Name from machines with " + "(" * 100_000,
            "Get Computer Name from machines with " + "(" * 900,
            "Get Computer Name from machines with " + "not " * 900 + ONE,
            "Get Computer Name from machines with " + " or ".join([ONE] * (COMPARISONS + 1)),
            "Get Computer Name where " + "not " * 900,
            "Get " + '"' * 15_000,
            "Get " + "“" * 5_000,
            "Get Computr" + " " * 16_000 + "Name",
            "Get Installed Application Exists[" + "[" * 900,
            "Get Installed Application Exists[" + "a," * 400,
            "Get Computer Name matching " + '"(?P<x>' + "a{1000}" * 200 + '"',
            f'Get Computer Name is "{"x" * 5000}" {FROM}',
            "Get Computer Name \ud800 from all machines",
            "Get Computer Name \0 from all machines",
            "é" * (TEXT_BYTES // 2 + 1),
            "x " * (TOKENS + 1),
        ],
        ids=lambda text: ascii(text[:24]),
    )
    def test_refuse_in_milliseconds(self, text: str) -> None:
        started = time.process_time()
        refused(text)

        assert time.process_time() - started < 0.2

    def test_refuse_too_many_selections(self) -> None:
        index = NameIndex([sensor(f"S{number}") for number in range(SELECTIONS + 1)])
        names = [item.name for item in index]

        assert parse_question(f"Get {', '.join(names[:-1])} {self.FROM}", index)
        with pytest.raises(QuestionRefused, match=f"at most {SELECTIONS}"):
            parse_question(f"Get {', '.join(names)} {self.FROM}", index)

    def test_evaluate_an_exploding_pattern_nowhere(self) -> None:
        assert ask(f'Get Computer Name matching "(a+)+$" {self.FROM}')

    @given(st.lists(st.sampled_from(WORDS), max_size=25), st.sampled_from((" ", "")))
    @settings(max_examples=500, deadline=None)
    def test_leave_no_other_outcome_than_a_tree_or_a_refusal(
        self, words: list[str], blank: str
    ) -> None:
        text = blank.join(("Get ", *words))
        with contextlib.suppress(QuestionRefused):
            ask(text)

    @given(st.text(max_size=40))
    @settings(deadline=None)
    def test_leave_no_other_outcome_for_any_text(self, text: str) -> None:
        with contextlib.suppress(QuestionRefused):
            parse_filter(text, INDEX)

    def test_read_a_thousand_sensors_quickly(self) -> None:
        index = NameIndex([sensor(f"Sensor Number {number} with Hash") for number in range(1000)])
        text = "Get Sensor Number 7 with Hash from machines with Sensor Number 9 with Hash is x"
        parse_question(text, index)

        started = time.process_time()
        for _ in range(20):
            parse_question(text, index)

        assert (time.process_time() - started) / 20 < 0.005
