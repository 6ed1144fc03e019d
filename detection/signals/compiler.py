"""Compile Signals: text → checked expression → per kind of event a closure and its literals.

Closures are generated Python. Nothing that a rule writer typed is ever formatted into source:
the source holds only column numbers and the names `c0`, `c1`, ... of bound constants.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeGuard

from detection.signals.binding import Binding, bind
from detection.signals.direct import address_is_in, text_satisfies
from detection.signals.expression import Condition, Expression, Not, Or, Term, fold, parts_of
from detection.signals.parser import DEFAULT_TERM_LIMIT, parse_signal
from detection.signals.patterns import compile_pattern
from detection.signals.properties import ABSENT_INTEGER, PROPERTIES

Row: TypeAlias = Sequence[Any]
"""The folded values of one event, one per column: text, integer or a tuple of texts."""

Check: TypeAlias = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class CompiledSignal:
    """A Signal that passed every check, ready for an `Engine`."""

    id: str
    expression: Expression
    bindings: tuple[Binding, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of event that it is evaluated on."""
        return tuple(binding.kind for binding in self.bindings)


def compile_signal(
    signal_id: str,
    text: str,
    *,
    term_limit: int | None = DEFAULT_TERM_LIMIT,
    platforms: Collection[str] = (),
) -> CompiledSignal:
    """Check a Signal completely and compile it.

    `platforms` and `term_limit` as in `parse_signal`. Raises any `SignalError`.
    """
    expression = parse_signal(text, term_limit=term_limit, platforms=platforms)
    return CompiledSignal(signal_id, expression, bind(expression))


def compile_check(expression: Expression, columns: dict[str, int]) -> Check:
    """Turn an expression into a function of a row; `columns` says where each property stands."""
    writer = _Writer(columns)
    source = f"lambda row: {writer.write(expression)}"
    # The source is made of the templates below, integers and names of constants: nothing of
    # the rule's text is in it.
    check: Check = eval(  # noqa: S307
        compile(source, "<signal>", "eval"), {"__builtins__": {}, **writer.constants}
    )
    return check


def cost_of(expression: Expression) -> int:
    """Estimate what one evaluation costs, in comparisons of a short text."""
    if isinstance(expression, Term):
        return _COSTS[expression.condition]
    return sum(cost_of(part) for part in parts_of(expression))


_COSTS = {
    Condition.IS_NULL: 1,
    Condition.IS: 1,
    Condition.STARTS_WITH: 2,
    Condition.ENDS_WITH: 2,
    Condition.CONTAINS: 4,
    Condition.IN_CIDR: 30,
    Condition.MATCHES: 40,
}

_TEMPLATES = {
    Condition.IS: "row[{column}] == {value}",
    Condition.CONTAINS: "{value} in row[{column}]",
    Condition.STARTS_WITH: "row[{column}].startswith({value})",
    Condition.ENDS_WITH: "row[{column}].endswith({value})",
    Condition.MATCHES: "{value}(row[{column}]) is not None",
    Condition.IN_CIDR: "{value}(row[{column}])",
}


class _Writer:
    """Writes source for one expression and collects the constants that it names."""

    def __init__(self, columns: dict[str, int]) -> None:
        self._columns = columns
        self.constants: dict[str, Any] = {}

    def write(self, expression: Expression) -> str:
        if isinstance(expression, Term):
            return self._term(expression)
        if isinstance(expression, Not):
            return f"(not {self.write(expression.part)})"
        if isinstance(expression, Or):
            return f"({' or '.join(self._alternatives(expression.parts))})"
        ordered = sorted(expression.parts, key=cost_of)
        return f"({' and '.join(self.write(part) for part in ordered)})"

    def _alternatives(self, parts: tuple[Expression, ...]) -> list[str]:
        """Write the parts of an OR; equal affix tests of one column become one call."""
        grouped: dict[tuple[str, Condition], list[str]] = {}
        others: list[Expression] = []
        for part in parts:
            if _is_affix(part):
                grouped.setdefault((part.property, part.condition), []).append(_folded(part))
            else:
                others.append(part)
        written = [
            _TEMPLATES[condition].format(column=self._columns[name], value=self._bind(tuple(texts)))
            for (name, condition), texts in grouped.items()
        ]
        return written + [self.write(part) for part in sorted(others, key=cost_of)]

    def _term(self, term: Term) -> str:
        column = self._columns[term.property]
        if term.condition is Condition.IS_NULL:
            tested = f"row[{column}] in {self._bind(_ABSENT)}"
        elif PROPERTIES[term.property].several:
            tested = f"{self._bind(_any_of(term))}(row[{column}])"
        else:
            value = self._bind(_operand(term))
            present = f"row[{column}] and " if term.condition in _TRUE_OF_EMPTY else ""
            tested = present + _TEMPLATES[term.condition].format(column=column, value=value)
        return f"(not ({tested}))" if term.negated else f"({tested})"

    def _bind(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


_ABSENT = ("", ABSENT_INTEGER, ())
# A pattern such as `.*` matches empty text, but an absent property satisfies no condition.
_TRUE_OF_EMPTY = (Condition.MATCHES,)


def _is_affix(part: Expression) -> TypeGuard[Term]:
    return (
        isinstance(part, Term)
        and part.condition in (Condition.STARTS_WITH, Condition.ENDS_WITH)
        and not part.negated
        and not PROPERTIES[part.property].several
    )


def _folded(term: Term) -> str:
    return fold(str(term.value))


def _operand(term: Term) -> Any:
    if isinstance(term.value, int):
        return term.value
    if term.condition is Condition.MATCHES:
        return compile_pattern(term.value).fullmatch
    if term.condition is Condition.IN_CIDR:
        return partial(address_is_in, network=ipaddress.ip_network(term.value))
    return fold(term.value)


def _any_of(term: Term) -> Callable[[tuple[str, ...]], bool]:
    return lambda texts: any(text_satisfies(term, text) for text in texts)
