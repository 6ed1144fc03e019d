"""Patterns are RE2's, match whole texts, and cannot explode."""

from __future__ import annotations

import time

import pytest

from sensors.exceptions import ConditionRefused
from sensors.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r".*\.exe", "C:\\A.EXE", True),
        ("a", "aa", False),
        ("a.b", "a\nb", True),
        ("é+", "É", True),
        ("a.b", "a\0b", True),
    ],
)
def test_pattern_matches_the_whole_text(pattern: str, text: str, *, matches: bool) -> None:
    assert (compile_pattern(pattern).fullmatch(text) is not None) is matches


@pytest.mark.parametrize(
    "pattern",
    ["(", "(?=a)", r"(a)\1", "a{1001}", "((a{100}){10}){10}", r"\pL{900}", "a{1000}" * 9, "\ud800"],
)
def test_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConditionRefused):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|b|c|d)*" * 500, "(.*a){20}b"])
def test_pattern_does_not_explode(pattern: str) -> None:
    compiled = compile_pattern(pattern)

    started = time.process_time()
    compiled.fullmatch("a" * 65_536 + "!")

    assert time.process_time() - started < 1
