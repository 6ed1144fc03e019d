"""The reference tells the truth: its examples are parsed here, its operators are all there are."""

from __future__ import annotations

import re

import pytest

from sensors.catalogue import BUILT_IN
from sensors.conditions import OPERATORS, VALUE_LENGTH
from sensors.language import NameIndex, parse_filter, parse_question
from sensors.language.parser import COMPARISONS, DEPTH, SELECTIONS
from sensors.language.reader import TEXT_BYTES, TOKENS
from sensors.language.spelling import RESERVED
from tests.conftest import REPOSITORY
from tests.sensors.samples import INDEX, SENSORS

REFERENCE = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
EXAMPLES = [
    line
    for block in re.findall(r"```\n(.*?)```", REFERENCE, re.DOTALL)
    for line in block.split("\n")
]
ROWS = re.findall(r"^\| `([^`]+)` \|(.*?)\| .* \|$", REFERENCE, re.MULTILINE)


# The samples come first: they have the columns that the reference speaks of.
KNOWN = NameIndex((*SENSORS, *BUILT_IN.values()))


@pytest.mark.parametrize("text", [line for line in EXAMPLES if line])
def test_reference_shows_questions_that_parse(text: str) -> None:
    assert parse_question(text, KNOWN)


def test_reference_lists_every_operator_that_is_no_negation() -> None:
    listed = {name for name, _ in ROWS}

    positive = {operator.name for operator in OPERATORS.values() if not operator.negated}
    assert listed == positive


@pytest.mark.parametrize(
    ("name", "spelling"),
    [(name, spelling) for name, others in ROWS for spelling in re.findall(r"`([^`]+)`", others)],
)
def test_reference_tells_other_spellings(name: str, spelling: str) -> None:
    value = "10.0.0.0/8" if "in " in spelling else "5"
    column = "The ip-address" if "in " in spelling else "The integer"

    condition = parse_filter(f"Everything:{column} {spelling} {value}", INDEX)

    assert condition == parse_filter(f"Everything:{column} {name} {value}", INDEX)


def test_reference_tells_the_limits() -> None:
    limits = REFERENCE.partition("## Limits")[2].partition("##")[0]

    for limit in (TEXT_BYTES // 1024, TOKENS, SELECTIONS, COMPARISONS, DEPTH, VALUE_LENGTH):
        assert f"{limit:,} " in limits


def test_reference_names_the_words_that_need_quotes() -> None:
    assert all(f"`{word}`" in REFERENCE for word in RESERVED)
