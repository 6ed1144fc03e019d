"""Escapes and wildcards mean what they say, and canonical text reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.signals.expression import And, Condition, Not, Or, Term
from detection.signals.parser import parse_expression
from detection.signals.patterns import PatternRefused, compile_pattern, escape_pattern, literals_in
from detection.signals.spelling import (
    EscapeRefused,
    decode_pattern,
    decode_text,
    quote,
    to_text,
)


class TestDecodeText:
    @pytest.mark.parametrize(
        ("quoted", "text"),
        [
            (r"'a\r\n\t\\\'b'", "a\r\n\t\\'b"),
            (r"'\x20'", " "),
            (r"'\xC3\xa9'", "é"),
            (r"'\xf0\x9f\x90\x9a'", "\U0001f41a"),
            (r"'a\*b\?'", "a*b?"),
            ("'é\n'", "é\n"),
            ("''", ""),
        ],
    )
    def test_resolves_escapes(self, quoted: str, text: str) -> None:
        assert decode_text(quoted) == text

    @pytest.mark.parametrize(
        ("quoted", "offset"),
        [
            (r"'ab\z'", 3),
            (r"'\x4g'", 1),
            (r"'é\xC3'", 2),
            (r"'\xed\xa0\x80'", 1),
            (r"'a\xC3b'", 2),
            (r"'\xc0\x80'", 1),
        ],
    )
    def test_refuses_at_the_place(self, quoted: str, offset: int) -> None:
        with pytest.raises(EscapeRefused) as caught:
            decode_text(quoted)

        assert caught.value.offset == offset


class TestDecodePattern:
    @pytest.mark.parametrize(
        ("quoted", "matching", "other"),
        [
            ("'*pass*.txt'", "my PASSWORDS.txt", "pass.txt.bak"),
            ("'*a?c'", "xabc", "xac"),
            (r"'*\\temp\*.bin'", r"c:\temp*.bin", r"c:\temp1.bin"),
            (r"'*(x)+'", "a(x)+", "ax"),
            (r"'a.*\\.exe'", "abc.exe", "abcXexe"),
            (r"'a\*'", "a*", "aa"),
            (r"'a\?'", "a?", "a"),
            ("'a.b'", "a\nb", "ab"),
            ("'.*'", "", None),
        ],
    )
    def test_reads_expressions_and_wildcards(
        self, quoted: str, matching: str, other: str | None
    ) -> None:
        pattern = compile_pattern(decode_pattern(quoted))

        assert pattern.fullmatch(matching)
        assert other is None or not pattern.fullmatch(other)

    def test_knows_the_empty_value(self) -> None:
        assert decode_pattern("''") == ""


class TestToText:
    def test_shows_groups_only_where_needed(self) -> None:
        a, b, c = (Term("process.path", Condition.IS, letter) for letter in "abc")

        assert to_text(And((a, Or((b, Not(And((a, c)))))))) == (
            "process.path is 'a' AND (process.path is 'b' OR"
            " NOT (process.path is 'a' AND process.path is 'c'))"
        )

    def test_shows_numbers_and_absence_without_quotes(self) -> None:
        expression = parse_expression("network.port!=4 or process.path is not null")

        assert to_text(expression) == "network.port is not 4 OR process.path is not null"

    @given(st.text())
    def test_quotes_any_text(self, text: str) -> None:
        quoted = quote(text)

        assert decode_text(quoted) == text
        assert quoted.isprintable()


class TestLiteralsIn:
    @pytest.mark.parametrize(
        ("pattern", "literals"),
        [
            ("abc", ["abc"]),
            (r".*a\.b.c.*", ["a.b", "c"]),
            (".*", []),
            ("aéb", ["a", "b"]),
            ("éb", ["b"]),
            ("a+", []),
            ("(a)", []),
            ("a|b", []),
            ("[a]b", []),
            ("ab?c", []),
            (r"a\d", []),
            (r"a\Qb\E", []),
            ("a.{2}", []),
            ("a.+b", []),
            ("a.?b", []),
            ("a\\", []),
        ],
    )
    def test_lists_only_what_is_certain(self, pattern: str, literals: list[str]) -> None:
        assert literals_in(pattern) == literals

    @given(st.text())
    def test_finds_the_text_that_was_escaped(self, text: str) -> None:
        pattern = escape_pattern(text)

        assert compile_pattern(pattern).fullmatch(text)
        assert all(literal in text for literal in literals_in(pattern))


class TestCompilePattern:
    @pytest.mark.parametrize("pattern", ["(?=a)", "(a", "a{1001}", r"(a)\1", "*a", "x" * 2_000_000])
    def test_refuses_what_re2_cannot_bound(self, pattern: str) -> None:
        with pytest.raises(PatternRefused):
            compile_pattern(pattern)

    def test_is_not_stopped_by_an_exploding_expression(self) -> None:
        assert not compile_pattern("(a+)+(b+)+$").fullmatch("a" * 50_000)
