"""Answer an expression for one segment of the store.

First the segment's strings are asked which of them satisfy a condition; then a term is true of
the rows that refer to one of those. Most terms of most searches find no string in most segments,
and then no event is looked at.

Nothing that an analyst typed is ever formatted into SQL: statements are made of the column names
in `eventstore.sources` and of named parameters.
"""

from __future__ import annotations

import ipaddress
import re
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias

import apsw

from detection.signals.direct import address_is_in, text_satisfies
from detection.signals.expression import And, Condition, Expression, Not, Term, fold, terms_in
from detection.signals.patterns import compile_pattern, literals_in
from detection.signals.properties import CONDITIONS_OF, PROPERTIES
from eventstore.exceptions import NotSearchable
from eventstore.schema import EMPTY_TEXT, EventTable, split_path
from eventstore.segments import Segment
from eventstore.sources import (
    PROCESS,
    SOURCES,
    NumberColumn,
    OneOfTwo,
    PathColumns,
    Source,
    TextColumns,
)

SQLiteValue: TypeAlias = int | float | bytes | str | None
Clause: TypeAlias = str | bool
"""SQL that gives 0 or 1 for each row of a table, or a constant."""

_FOLDED = "coalesce(folded, lower(value))"
_TESTS = {
    Condition.IS: f"{_FOLDED} = :value",
    # LIKE is twice as fast as instr(lower()), and knows ASCII letters, as such rows hold.
    Condition.CONTAINS: "iif(folded IS NULL, value LIKE :pattern ESCAPE '!', "
    "instr(folded, :value) > 0)",
    Condition.STARTS_WITH: f"instr({_FOLDED}, :value) = 1",
    # Compared as bytes: `substr` of a text stops at a NUL.
    Condition.ENDS_WITH: f"substr(CAST({_FOLDED} AS BLOB), :length) = CAST(:value AS BLOB)",
    Condition.MATCHES: f"signal_matches(:value, {_FOLDED})",
    Condition.IN_CIDR: f"signal_in_cidr(:value, {_FOLDED})",
}
_LONGEST_PATTERN = 20_000  # SQLite refuses LIKE patterns over 50,000 bytes
_LONG_CONTAINS = f"instr({_FOLDED}, :value) > 0"
_CALLED = (Condition.MATCHES, Condition.IN_CIDR)


def register_functions(connection: apsw.Connection) -> None:
    """Give a connection the conditions that SQLite lacks."""
    connection.create_scalar_function("signal_matches", _matches, 2, deterministic=True)
    connection.create_scalar_function("signal_in_cidr", _in_cidr, 2, deterministic=True)


def refuse_unsearchable(expression: Expression) -> None:
    """Raise `NotSearchable` for a term that the store cannot answer.

    The parser lets none of these through; a program that makes trees could.
    """
    for term in terms_in(expression):
        row = PROPERTIES.get(term.property)
        empty = term.value == "" and term.condition is not Condition.IS_NULL
        if row is None or empty or term.condition not in CONDITIONS_OF[row.type]:
            raise NotSearchable(f"{term.property} {term.spelling}")


class SegmentConditions:
    """Turns expressions without `Not` into SQL for the tables of one segment."""

    def __init__(self, connection: apsw.Connection, segment: Segment) -> None:
        self._connection = connection
        self._segment = segment
        self._strings: dict[tuple[Condition, str, str], array[int]] = {}
        self._processes: dict[Expression, Clause] = {}
        self.bindings: dict[str, Any] = {}

    def clause(self, expression: Expression, table: EventTable, kind: str) -> Clause:
        """Return when the expression is true of an event in this table, which holds `kind`.

        A term of another kind is false, negated or not, as in Signals.
        """
        if all(term.property.startswith("process.") for term in terms_in(expression)):
            return self._of_process(expression)
        if isinstance(expression, Term):
            own = expression.property.partition(".")[0] == kind
            return own and self._term(expression, table.name)
        return _joined(expression, (self.clause(part, table, kind) for part in _parts(expression)))

    def _of_process(self, expression: Expression) -> Clause:
        """Return when an event's process satisfies an expression of process terms only."""
        clause = self._processes.get(expression)
        if clause is None:
            inner = self._on_process_table(expression)
            clause = (
                inner
                if isinstance(inner, bool)
                else self._among("process", self._select("process", inner))
            )
            clause = _with_unknown(clause, _holds_of_nothing(expression))
            self._processes[expression] = clause
        return clause

    def _on_process_table(self, expression: Expression) -> Clause:
        if isinstance(expression, Term):
            return self._term(expression, PROCESS)
        return _joined(expression, map(self._on_process_table, _parts(expression)))

    def _term(self, term: Term, table: str) -> Clause:
        source = SOURCES[term.property]
        clause = self._ask(source, term, table)
        return _negated(clause) if term.negated else clause

    def _ask(self, source: Source, term: Term, table: str) -> Clause:
        match source:
            case TextColumns(columns):
                return self._of_texts(columns, term, table)
            case PathColumns(path):
                return self._of_path(path, term, table)
            case NumberColumn(expression) if term.condition is Condition.IS_NULL:
                return f"{expression} < 0"
            case NumberColumn(expression):
                return f"{expression} = {self._bind(int(term.value))}"
            case OneOfTwo(column, filled, empty):
                return _either(column, term, filled, empty)
            case _:
                return self._of_ancestors(source.inner, term, parent_only=source.parent_only)

    def _of_texts(self, columns: tuple[str, ...], term: Term, table: str) -> Clause:
        if term.condition is Condition.IS_NULL:
            return _all(_is_empty(column) for column in columns)
        value = _value(term)
        return _any(self._refers(column, term.condition, value, table) for column in columns)

    def _of_path(self, path: str, term: Term, table: str) -> Clause:
        directory, name = f"{path}_directory", f"{path}_name"
        if term.condition is Condition.IS_NULL:
            return _all((_is_empty(directory), _is_empty(name)))
        if term.condition is Condition.MATCHES:
            return self._of_whole_path(path, term, table)
        value = _value(term)
        # A name holds no separator, so a value that does can only cross from directory to name
        # at its own last separator.
        before, after = split_path(value)

        def refers(column: str, condition: Condition, text: str) -> Clause:
            return self._refers(column, condition, text, table)

        whole, start, end = Condition.IS, Condition.STARTS_WITH, Condition.ENDS_WITH
        ways: list[tuple[Clause, ...]]
        match term.condition:
            case Condition.IS:
                ways = [(refers(directory, whole, before), refers(name, whole, after))]
            case Condition.STARTS_WITH:
                ways = [
                    (refers(directory, start, value),),
                    (refers(directory, whole, before), refers(name, start, after)),
                ]
            case Condition.ENDS_WITH:
                there = refers(name, whole, after) if before else refers(name, end, after)
                ways = [(refers(directory, end, before), there)]
            case _:
                there = refers(name, start if before else Condition.CONTAINS, after)
                ways = [
                    (refers(directory, Condition.CONTAINS, value),),
                    (refers(directory, end, before), there),
                ]
        return _any(_all(way) for way in ways)

    def _of_whole_path(self, path: str, term: Term, table: str) -> Clause:
        columns = (f"{path}_directory", f"{path}_name")
        halves = (
            f"coalesce((SELECT {_FOLDED} FROM string WHERE string.id = {column}), '')"  # noqa: S608
            for column in columns
        )
        call = f"signal_matches({self._bind(str(term.value))}, {' || '.join(halves)})"
        literal = _literal_in(str(term.value))
        possible = _negated(_all(map(_is_empty, columns)))
        if literal:
            wanted = Term(term.property, Condition.CONTAINS, literal)
            possible = self._of_path(path, wanted, table)
        # `iif` looks at the cheap half first; AND leaves the order to SQLite.
        return possible and f"iif({possible}, {call}, 0)"

    def _of_ancestors(
        self, inner: TextColumns | PathColumns, term: Term, *, parent_only: bool
    ) -> Clause:
        if term.condition is Condition.IS_NULL:
            # Who has nothing above that has it: ask for the others.
            present = _negated(self._ask(inner, term, "ancestor"))
            return _negated(self._below(present, parent_only=parent_only))
        return self._below(self._ask(inner, term, "ancestor"), parent_only=parent_only)

    def _below(self, clause: Clause, *, parent_only: bool) -> Clause:
        """Return which processes have an ancestor of which a clause is true."""
        ancestors = clause and self._among("ancestor", self._select("ancestor", as_sql(clause)))
        if isinstance(ancestors, bool):
            return ancestors
        level = " AND level = 0" if parent_only else ""
        return self._among("ancestry", self._select("ancestry", f"{ancestors}{level}"))

    def _select(self, table: str, clause: str) -> array[int]:
        """Return the rows of a table of this segment of which a clause is true."""
        first, end = self._rows_of(table)
        found = self._connection.execute(
            f"SELECT DISTINCT id FROM {table} "  # noqa: S608 -- our names
            f"WHERE id >= :first AND id < :end AND {clause}",
            {**self.bindings, "first": first, "end": end},
        )
        return array("q", (number for (number,) in found))

    def _refers(self, column: str, condition: Condition, value: str, table: str) -> Clause:
        """Return when a column refers to a text that satisfies a condition."""
        if not value:
            return _is_empty(column) if condition is Condition.IS else True
        source = f"{table}.{column}" if condition in _CALLED else ""
        key = (condition, value, source)
        if key not in self._strings:
            self._strings[key] = self._find_strings(condition, value, column, table)
        return self._among(column, self._strings[key])

    def _find_strings(
        self, condition: Condition, value: str, column: str, table: str
    ) -> array[int]:
        only = ""
        if condition in _CALLED:
            # A call into Python costs far more than a comparison: only for texts in this column.
            only = (
                f"id IN (SELECT {column} FROM {table} "  # noqa: S608 -- our names
                "WHERE id >= :first_row AND id < :end_row) AND "
            )
        test = _TESTS[condition]
        if condition is Condition.CONTAINS and len(value) > _LONGEST_PATTERN:
            test = _LONG_CONTAINS
        first, end = self._segment.strings
        first_row, end_row = self._rows_of(table)
        found = self._connection.execute(
            f"SELECT id FROM string WHERE id >= :first AND id < :end AND {only}{test}",  # noqa: S608
            {
                "first": first,
                "end": end,
                "first_row": first_row,
                "end_row": end_row,
                "value": value,
                "length": -len(value.encode()),
                "pattern": _like(value),
            },
        )
        return array("q", (number for (number,) in found))

    def _rows_of(self, table: str) -> tuple[int, int]:
        segment = self._segment
        ranges = {
            "process": segment.processes,
            "ancestor": segment.ancestors,
            "ancestry": segment.ancestries,
        }
        return ranges.get(table, segment.events)

    def _among(self, column: str, numbers: array[int]) -> Clause:
        if not numbers:
            return False
        if len(numbers) == 1:
            return f"{column} = {self._bind(numbers[0])}"
        return f"{column} IN carray({self._bind(apsw.carray(numbers))})"

    def _bind(self, value: Any) -> str:
        name = f"p{len(self.bindings)}"
        self.bindings[name] = value
        return f":{name}"


def _value(term: Term) -> str:
    text = str(term.value)
    return text if term.condition in _CALLED else fold(text)


def _parts(expression: Expression) -> tuple[Expression, ...]:
    assert not isinstance(expression, Term | Not)  # noqa: S101 -- negations were pushed inwards
    return expression.parts


def _joined(expression: Expression, clauses: Iterable[Clause]) -> Clause:
    return _all(clauses) if isinstance(expression, And) else _any(clauses)


def _all(clauses: Iterable[Clause]) -> Clause:
    wanted = []
    for clause in clauses:
        if clause is False:
            return False
        if clause is not True:
            wanted.append(clause)
    return _balanced(wanted, "AND") if wanted else True


def _any(clauses: Iterable[Clause]) -> Clause:
    wanted = []
    for clause in clauses:
        if clause is True:
            return True
        if clause is not False:
            wanted.append(clause)
    return _balanced(wanted, "OR") if wanted else False


def _balanced(clauses: list[str], operator: str) -> str:
    """Join as a balanced tree: SQLite limits the depth of an expression, not its width."""
    if len(clauses) == 1:
        return clauses[0]
    half = len(clauses) // 2
    left, right = _balanced(clauses[:half], operator), _balanced(clauses[half:], operator)
    return f"({left} {operator} {right})"


def _negated(clause: Clause) -> Clause:
    return not clause if isinstance(clause, bool) else f"(NOT coalesce({clause}, 0))"


def _like(value: str) -> str:
    for special in "!%_":
        value = value.replace(special, f"!{special}")
    return f"%{value}%"


def as_sql(clause: Clause) -> str:
    """Write a clause so that it can stand in a statement."""
    return f"{clause:d}" if isinstance(clause, bool) else clause


def _is_empty(column: str) -> str:
    return f"(coalesce({column}, {EMPTY_TEXT}) = {EMPTY_TEXT})"


def _either(column: str, term: Term, filled: str, empty: str) -> Clause:
    if term.condition is Condition.IS_NULL:
        return False
    when_filled, when_empty = (text_satisfies(term, text) for text in (filled, empty))
    if when_filled == when_empty:
        return when_filled
    return _negated(_is_empty(column)) if when_filled else _is_empty(column)


def _with_unknown(clause: Clause, holds: bool) -> Clause:
    """Extend a clause about known processes by whether it holds of an event without one."""
    if clause is holds:
        return clause
    if isinstance(clause, bool):
        return "process IS NULL" if holds else "process IS NOT NULL"
    return f"(process IS NULL OR {clause})" if holds else clause


def _holds_of_nothing(expression: Expression) -> bool:
    """Tell whether an expression is true of a process that was not recorded."""
    if isinstance(expression, Term):
        return (expression.condition is Condition.IS_NULL) != expression.negated
    how: Callable[[Iterable[object]], bool] = all if isinstance(expression, And) else any
    return how(map(_holds_of_nothing, _parts(expression)))


def _literal_in(pattern: str) -> str:
    """Return the longest text that every match holds, or an empty one.

    RE2 takes U+017F for an `s`, which folding does not: literals end there.
    """
    pieces = (piece for literal in literals_in(pattern) for piece in re.split("[sS]", literal))
    return max(pieces, key=len, default="")


def _matches(*arguments: SQLiteValue) -> bool:
    pattern, text = arguments
    return compile_pattern(str(pattern)).fullmatch(str(text)) is not None


def _in_cidr(*arguments: SQLiteValue) -> bool:
    network, text = arguments
    return address_is_in(str(text), _network(str(network)))


_network = lru_cache(maxsize=256)(ipaddress.ip_network)
