"""The language reference tells the truth: its table and its examples are checked here."""

from __future__ import annotations

import re

import pytest

from detection.signals.compiler import compile_signal
from detection.signals.coverage import NOT_RECORDED
from detection.signals.properties import EVERYWHERE, PROPERTIES
from tests.conftest import REPOSITORY

REFERENCE = (REPOSITORY / "docs" / "signals.md").read_text(encoding="utf-8")
NO_ALIAS = "\u2013"
EXAMPLES = re.search(r"```\n(.*?)```", REFERENCE, re.DOTALL)


def test_reference_lists_every_property_as_the_table_has_it() -> None:
    for row in PROPERTIES.values():
        systems = "all" if row.platforms == EVERYWHERE else ", ".join(sorted(row.platforms))
        for system, names in NOT_RECORDED.items():
            systems += f", {system} not yet" if row.name in names else ""
        kind = f"{row.type.value} (several)" if row.several else row.type.value
        aliases = ", ".join(f"`{alias}`" for alias in row.aliases) or NO_ALIAS
        line = f"| `{row.name}` | {kind} | {systems} | {row.sentence} | {aliases} |"
        assert line in REFERENCE


def test_reference_lists_no_other_property() -> None:
    listed = set(re.findall(r"^\| `(\w+\.\w+)` \|", REFERENCE, re.MULTILINE))

    assert listed == set(PROPERTIES)


@pytest.mark.parametrize("text", EXAMPLES[1].splitlines() if EXAMPLES else [])
def test_reference_shows_examples_that_compile(text: str) -> None:
    assert compile_signal("example", text)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (text, kinds)
        for text, kinds in re.findall(r"^\| `(process\.name is .*?)` \| (.*?) \|$", REFERENCE, re.M)
    ],
)
def test_reference_names_the_events_that_a_signal_looks_at(text: str, kinds: str) -> None:
    words = {"process": "process starts", "file": "file events", "network": "connections"}

    compiled = compile_signal("example", text).kinds

    assert [word in kinds for word in words.values()] == [kind in compiled for kind in words]
