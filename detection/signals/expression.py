"""The expression tree that a Signal, a search or any other rule text becomes.

Three inner nodes and one leaf, frozen and comparable, so that a tree can be a dictionary key and
`parse(to_text(tree)) == tree`. The parser makes it; the compiler, the direct evaluator and the
event store's SQL translation read it and nobody changes it.

Truth has two values. A property that an event does not have, or has empty, makes every positive
condition false, `is null` true, and so every negated condition true: `Term(..., negated=True)`
and `Not(Term(...))` mean the same. Text is compared without regard to case (`fold`).
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

_SIGMA, _FINAL_SIGMA, _LONG_S = "\u03c3", "\u03c2", "\u017f"


class Condition(StrEnum):
    """How a term compares a property with its value; the text is the canonical spelling."""

    IS = "is"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"
    MATCHES = "matches"
    """RE2 syntax, the whole text, case ignored."""
    IN_CIDR = "in cidr"
    """An address inside a network such as `10.0.0.0/8` or `fe80::/10`."""
    IS_NULL = "is null"
    """The event does not have the property; `Term.value` is the empty text."""


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison: `property condition value`.

    `property` is a canonical name of `detection.signals.properties.PROPERTIES`, never an alias.
    `value` is an integer for integer properties and text otherwise, as its author wrote it
    (escapes resolved, case kept). `line` and `column` count from 1, tell where the term began
    in the text (0: made by a program) and take no part in comparisons.
    """

    property: str
    condition: Condition
    value: str | int = ""
    negated: bool = False
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)

    @builtins.property
    def spelling(self) -> str:
        """The condition as the canonical text shows it, negation included."""
        if not self.negated:
            return self.condition.value
        if self.condition in (Condition.IS, Condition.IS_NULL):
            return self.condition.value.replace("is", "is not", 1)
        return f"not {self.condition.value}"


@dataclass(frozen=True, slots=True)
class And:
    """True when every part is. At least two parts, none of them an `And`: see `all_of`."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one part is. At least two parts, none of them an `Or`: see `any_of`."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false."""

    part: Expression


Expression: TypeAlias = And | Or | Not | Term


def all_of(*parts: Expression) -> Expression:
    """Join parts with AND; nested `And` nodes melt into one, a single part stays itself."""
    flat = tuple(inner for p in parts for inner in (p.parts if isinstance(p, And) else (p,)))
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(*parts: Expression) -> Expression:
    """Join parts with OR; nested `Or` nodes melt into one, a single part stays itself."""
    flat = tuple(inner for p in parts for inner in (p.parts if isinstance(p, Or) else (p,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def parts_of(node: And | Or | Not) -> tuple[Expression, ...]:
    """Return what stands directly below an inner node."""
    return (node.part,) if isinstance(node, Not) else node.parts


def terms_in(expression: Expression) -> Iterator[Term]:
    """Yield every term from left to right, repeated ones as often as they stand there."""
    if isinstance(expression, Term):
        yield expression
        return
    for part in parts_of(expression):
        yield from terms_in(part)


def counted_terms(expression: Expression) -> Iterator[Term]:
    """Yield the terms that the limit counts: equal parts of one AND or OR stand there once.

    The same term in another group counts again: there it is one more thing to evaluate, and to
    understand.
    """
    if isinstance(expression, Term):
        yield expression
        return
    for part in dict.fromkeys(parts_of(expression)):
        yield from counted_terms(part)


def fold(text: str) -> str:
    """Lower text for comparison, the one way that the whole language uses.

    `str.lower`, not `casefold`: Sigma and Windows keep `ß` and `ss` apart. Two letters are
    levelled besides: the final sigma, which `lower` chooses by its neighbours, so that a part of a
    word would not be found in the word; and the long s, which RE2 takes for an s. Both sides of
    every comparison go through here, so a letter whose lower case is longer (`İ`) equals itself.
    """
    return text.lower().replace(_FINAL_SIGMA, _SIGMA).replace(_LONG_S, "s")
