"""Find the few Signals worth evaluating on an event with one pass over its text.

Every Signal that can do so names literals of which at least one must occur in the event. All
literals of all Signals stand in one Aho-Corasick automaton; an event is written as one folded
text (its haystack) with a delimiter of its own around each property, so that a literal of `starts
with`, `ends with` or `is` carries the delimiter and finds nothing in other places. A literal may
be found where it does not count (a false candidate costs one evaluation); it is never missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import ahocorasick_rs

from detection.signals.expression import And, Condition, Expression, Not, Term, fold
from detection.signals.patterns import literals_in

# Control characters stay what they are when text is folded; there are fewer of them than
# properties, so the last ones share a delimiter, which only makes more false candidates.
_DELIMITERS = tuple(chr(code) for code in range(1, 32))


@dataclass(frozen=True, slots=True)
class Literal:
    """A folded text that must occur in a property; anchored at its start, its end or both."""

    property: str
    text: str
    at_start: bool = False
    at_end: bool = False


def delimiter_of(column: int) -> str:
    """Return the character on both sides of the text of a haystack's column."""
    return _DELIMITERS[min(column, len(_DELIMITERS) - 1)]


def required_literals(expression: Expression) -> frozenset[Literal] | None:
    """Choose literals of which one must occur when a `Not`-free expression is true.

    Of the parts of an AND the rarest will do; an OR needs those of every part. None: there is no
    such set (only negations, patterns without fixed text, networks).
    """
    if isinstance(expression, Term):
        return _literals_of_term(expression)
    if isinstance(expression, Not):
        return None
    required = [required_literals(part) for part in expression.parts]
    known = [literals for literals in required if literals is not None]
    if isinstance(expression, And):
        return min(known, key=_expected_hits, default=None)
    return frozenset().union(*known) if len(known) == len(required) else None


class Prefilter:
    """One automaton over the literals of many rules; rules are numbers.

    `properties` are those that a haystack must hold, in this order. `always` are the rules without
    literals, which are no candidates of any haystack and must be evaluated on every event.
    """

    def __init__(self, literals: Iterable[Collection[Literal] | None]) -> None:
        """Build from the literals of each rule; they are looked at once, one rule at a time."""
        columns: dict[str, int] = {}
        owners: dict[str, tuple[int, ...]] = {}
        self.always: list[int] = []
        for rule, required in enumerate(literals):
            if not required:
                self.always.append(rule)
                continue
            for literal in required:
                column = columns.setdefault(literal.property, len(columns))
                pattern = _pattern_of(literal, delimiter_of(column))
                owned = owners.get(pattern, ())
                if rule not in owned[-1:]:
                    owners[pattern] = (*owned, rule)
        self.properties = tuple(columns)
        self._owners = list(owners.values())
        self._find = ahocorasick_rs.AhoCorasick(
            list(owners), store_patterns=False
        ).find_matches_as_indexes

    def candidates(self, haystack: str) -> set[int]:
        """Return the rules of which a literal occurs in one event."""
        found = self._find(haystack, overlapping=True)
        if not found:
            return _NOBODY
        owners = self._owners
        return {rule for pattern, _, _ in found for rule in owners[pattern]}

    def candidates_in_batch(self, haystacks: list[str]) -> Iterator[tuple[int, set[int]]]:
        """Yield (event's position, rules) for the events of a batch that have candidates."""
        ends: list[int] = []
        length = 0
        for haystack in haystacks:
            length += len(haystack)
            ends.append(length)
        position = 0
        rules: set[int] = set()
        # Matches come by their end. One that crosses into the next haystack is a false candidate
        # there, nothing more: literals hold no text of two events.
        for pattern, start, _ in self._find("".join(haystacks), overlapping=True):
            if start >= ends[position]:
                if rules:
                    yield position, rules
                    rules = set()
                while start >= ends[position]:
                    position += 1
            rules.update(self._owners[pattern])
        if rules:
            yield position, rules


_NOBODY: set[int] = set()


def _pattern_of(literal: Literal, delimiter: str) -> str:
    start = delimiter if literal.at_start else ""
    end = delimiter if literal.at_end else ""
    return f"{start}{literal.text}{end}"


_ANCHORS = {
    Condition.CONTAINS: (False, False),
    Condition.STARTS_WITH: (True, False),
    Condition.ENDS_WITH: (False, True),
    Condition.IS: (True, True),
}


def _literals_of_term(term: Term) -> frozenset[Literal] | None:
    if term.negated:
        return None
    text = fold(str(term.value))
    if term.condition is Condition.MATCHES:
        longest = fold(max(literals_in(str(term.value)), key=len, default=""))
        return frozenset({Literal(term.property, longest)}) if longest else None
    if term.condition not in _ANCHORS:
        return None
    at_start, at_end = _ANCHORS[term.condition]
    return frozenset({Literal(term.property, text, at_start, at_end)})


# Texts that ordinary events are full of: a literal inside one of them tells little.
_COMMON = (
    "c:\\windows\\system32\\cmd.exe",
    "c:\\windows\\system32\\windowspowershell\\v1.0\\powershell.exe",
    "c:\\windows\\syswow64\\",
    "c:\\windows\\system32\\svchost.exe",
    "c:\\windows\\explorer.exe",
    "c:\\program files (x86)\\",
    "c:\\program files\\microsoft office\\root\\office16\\winword.exe",
    "c:\\windows\\system32\\conhost.exe",
    "c:\\users\\public\\appdata\\local\\temp\\",
    "c:\\users\\public\\appdata\\roaming\\microsoft\\windows\\",
    "\\system\\currentcontrolset\\services\\",
    "\\software\\microsoft\\windows\\currentversion\\",
    "/usr/local/bin/python3",
    "/usr/bin/bash -c /bin/sh -c ",
    "/usr/sbin/",
    "/home/",
    "/var/log/",
    "/tmp/",  # noqa: S108  # a text to compare with, no file is made
    "/etc/",
    "/dev/null",
    ".exe",
    ".dll",
    ".log",
    "https://",
)
_COMMON_CHANCE = 0.3
# How many different characters a place in ordinary text could hold, and how many places there
# are: crude, but enough to tell ` -c ` from `invoke-mimikatz`.
_EFFECTIVE_ALPHABET = 12.0
_PLACES = 200
_LONG = 8
# File names are few, and plain words are made of habits: their length says little.
_NAME_CHANCE = 0.002
_WORD_CHANCE = 0.004
_LONGEST_WORD = 10


def _expected_hits(literals: frozenset[Literal]) -> float:
    return sum(_chance_of(literal) for literal in literals)


def _chance_of(literal: Literal) -> float:
    text = literal.text
    if any(text in common for common in _COMMON):
        return _COMMON_CHANCE
    places = 1 if literal.at_start or literal.at_end else _PLACES
    by_length = places * _EFFECTIVE_ALPHABET ** -min(len(text), _LONG)
    if literal.property.endswith(("path", "name")) and places == 1:
        return max(by_length, _NAME_CHANCE)
    if len(text) <= _LONGEST_WORD and text.strip(" -/").isalpha():
        return max(by_length, _WORD_CHANCE)
    return by_length
