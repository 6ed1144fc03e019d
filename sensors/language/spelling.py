"""How the language spells operators, quotes and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sensors.conditions import OPERATORS, Operator, Relation
from sensors.language.names import NameTree

QUOTED: Final = re.compile(r'"((?:[^"]|"")*+)"|[“”„]([^“”„]*)[“”„]')
"""A quotation. Inside straight quotes a quote is written twice; a backslash is a backslash."""
OPENING: Final = '"“”„'
BARE: Final = re.compile(r'[^\s()\[\],"“”„]+')
"""A value that needs no quotes."""
RESERVED: Final = frozenset({"and", "or", "not", "from", "with", "where"})
"""Words that are no values without quotes."""
_PLAIN_SIGNS: Final = frozenset("-_./+%@")

_SPELLINGS: Final = {
    Relation.CONTAINS: ("containing", "contains"),
    Relation.IS: ("is", "equals", "equal to", "=", "=="),
    Relation.STARTS: ("starting with", "starts with", "begins with", "beginning with"),
    Relation.ENDS: ("ending with", "ends with"),
    Relation.MATCHES: ("matching", "matches"),
    Relation.GREATER: ("greater than", "more than", "after", ">"),
    Relation.LESS: ("less than", "before", "<"),
    Relation.AT_LEAST: ("at least", ">=", "≥"),
    Relation.AT_MOST: ("at most", "<=", "≤"),
    Relation.IN_CIDR: ("in cidr", "in network"),
}
_INFINITIVES: Final = {
    Relation.CONTAINS: "contain",
    Relation.IS: "equal",
    Relation.STARTS: "start with",
    Relation.ENDS: "end with",
    Relation.MATCHES: "match",
}
# After these, `is` makes a sentence: `is greater than`, `is not in cidr`.
_ADJECTIVES: Final = (
    *(Relation.GREATER, Relation.LESS, Relation.AT_LEAST, Relation.AT_MOST, Relation.IN_CIDR),
)


def _spelled() -> Iterator[tuple[str, Operator]]:
    for operator in OPERATORS.values():
        yield operator.name, operator
    for relation, spellings in _SPELLINGS.items():
        plain, negated = (
            next(o for o in OPERATORS.values() if (o.relation, o.negated) == (relation, negation))
            for negation in (False, True)
        )
        for spelling in spellings:
            yield spelling, plain
            yield f"not {spelling}", negated
        if relation in _ADJECTIVES:
            for spelling in spellings:
                yield f"is {spelling}", plain
                yield f"is not {spelling}", negated
        if relation in _INFINITIVES:
            yield f"does not {_INFINITIVES[relation]}", negated
    yield "!=", OPERATORS["is not"]
    yield "<>", OPERATORS["is not"]
    yield "≠", OPERATORS["is not"]


OPERATOR_TREE: Final = NameTree(_spelled())
"""Every spelling of every operator."""


def unquote(found: re.Match[str]) -> str:
    """Read what a quotation says."""
    straight: str | None = found[1]
    if straight is not None:
        return straight.replace('""', '"')
    return str(found[2])


def quote(text: str) -> str:
    """Put text into quotes so that it reads back as it is."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def spell_value(text: str) -> str:
    """Write a value bare where that reads back, and in quotes otherwise."""
    plain = text and all(sign.isalnum() or sign in _PLAIN_SIGNS for sign in text)
    return text if plain and text.casefold() not in RESERVED else quote(text)
