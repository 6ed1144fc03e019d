"""Decide which events a Signal looks at: computed from what it names, never declared.

1. A term about a process (`process.*`) looks at the process of an event; any other term looks at
   events of its own kind and holds on no other, negated or not.
2. Each alternative of the expression binds to the kind that it names: file, network, dns,
   registry, image or security. An alternative of nothing but process terms binds to process
   starts, so that a rule about a program fires once and not at every file the program touches.
3. An expression whose terms speak of two kinds in every alternative is refused.

`Signal = process A OR (process B AND file C)` therefore looks at process starts for A and at file
events for B and C, and a file written by A raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from detection.exceptions import NeverTogether
from detection.signals.expression import (
    And,
    Expression,
    Not,
    Or,
    Term,
    all_of,
    any_of,
    terms_in,
)
from detection.signals.properties import PROCESS, PROPERTIES


@dataclass(frozen=True, slots=True)
class Binding:
    """What must be true of an event of this kind; `Not`-free, and free of other kinds' terms."""

    kind: str
    expression: Expression


def bind(expression: Expression) -> tuple[Binding, ...]:
    """List the kinds of event that can satisfy an expression, each with what it must satisfy.

    Raises `NeverTogether` when there is none.
    """
    pushed = push_negations(expression)
    kinds = dict.fromkeys((PROCESS, *(kind_of_term(term) for term in terms_in(pushed))))
    bindings = []
    for kind in kinds:
        bound = _specialise(pushed, kind).bound
        if bound is not None:
            bindings.append(Binding(kind, bound))
    if not bindings:
        first = next(terms_in(expression))
        named = ", ".join(kind for kind in kinds if kind != PROCESS)
        reason = f"no event is of all these kinds at once: {named}; join them with OR"
        raise NeverTogether(first.line, first.column, reason)
    return tuple(bindings)


def push_negations(expression: Expression, *, negate: bool = False) -> Expression:
    """Write an expression without `Not`: negations move into the terms (De Morgan)."""
    if isinstance(expression, Term):
        return replace(expression, negated=not expression.negated) if negate else expression
    if isinstance(expression, Not):
        return push_negations(expression.part, negate=not negate)
    join = all_of if isinstance(expression, And) != negate else any_of
    return join(*(push_negations(part, negate=negate) for part in expression.parts))


def kind_of_term(term: Term) -> str:
    """Name the kind of event that a term speaks of."""
    return PROPERTIES[term.property].kind


@dataclass(frozen=True, slots=True)
class _Specialised:
    """An expression seen from one kind of event; None stands for false.

    `holds` is what must be true, `bound` what must be true with at least one term of the kind.
    """

    holds: Expression | None
    bound: Expression | None


def _specialise(expression: Expression, kind: str) -> _Specialised:
    if isinstance(expression, And | Or):
        parts = [_specialise(part, kind) for part in expression.parts]
        return _conjoin(parts) if isinstance(expression, And) else _disjoin(parts)
    own = isinstance(expression, Term) and kind_of_term(expression)
    if own == kind:
        return _Specialised(expression, expression)
    return _Specialised(expression if own == PROCESS else None, None)


def _conjoin(parts: list[_Specialised]) -> _Specialised:
    held = [part.holds for part in parts if part.holds is not None]
    if len(held) < len(parts):
        return _Specialised(None, None)
    holds = all_of(*held)
    if any(part.bound == part.holds for part in parts):
        return _Specialised(holds, holds)
    bound = [part.bound for part in parts if part.bound is not None]
    return _Specialised(holds, all_of(holds, any_of(*bound)) if bound else None)


def _disjoin(parts: list[_Specialised]) -> _Specialised:
    held = [part.holds for part in parts if part.holds is not None]
    bound = [part.bound for part in parts if part.bound is not None]
    return _Specialised(any_of(*held) if held else None, any_of(*bound) if bound else None)
