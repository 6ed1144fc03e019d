"""Comparisons of sensors' rows: what the operators mean, compiled once and evaluated often.

One evaluation for all: agents choose whether to answer, computer groups choose members, grids
choose rows. A comparison is true when *any* row holds such a value; its negation (`is not`,
`not containing`) is exactly its opposite: true when *no* row does. Rows that are not known (a
sensor that an endpoint never answered) make a comparison neither true nor false, and what hangs
on it is not true: nobody joins a group because nothing is known of him.

Pure: no clock, no I/O. Values may be anything an endpoint says: of any length, with NULs, of
another type than their column's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

import msgspec

from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, SensorCall
from sensors.definitions import Column, ValueType
from sensors.exceptions import ConditionRefused, OperatorRefused
from sensors.patterns import compile_pattern
from sensors.values import (
    CELL_READERS,
    Period,
    fold,
    read_address,
    read_natural,
    read_network,
    read_operand,
)

VALUE_LENGTH: Final = 4096
"""Characters that a comparison's value may have."""
MATCHED_LENGTH: Final = 64 * 1024
"""Characters up to which a pattern looks at a cell; a longer one matches no pattern."""

Row: TypeAlias = Sequence[str]
Rows: TypeAlias = Sequence[Row]
ReadRows: TypeAlias = Callable[[SensorCall], Rows | None]
"""Gives the rows of a call; None when they are not known."""
ColumnsOf: TypeAlias = Callable[[SensorCall], Sequence[Column]]
CellTest: TypeAlias = Callable[[str], bool]


class Relation(StrEnum):
    """What an operator compares, its negation left aside."""

    CONTAINS = "containing"
    IS = "is"
    STARTS = "starting with"
    ENDS = "ending with"
    MATCHES = "matching"
    GREATER = "greater than"
    LESS = "less than"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    IN_CIDR = "in cidr"
    FILLED = "is not empty"


ORDERING: Final = frozenset({Relation.GREATER, Relation.LESS, Relation.AT_LEAST, Relation.AT_MOST})


class Operator(msgspec.Struct, frozen=True):
    """One way to compare. `name` is what stands on the wire and in canonical text."""

    name: str
    relation: Relation
    negated: bool = False

    @property
    def takes_value(self) -> bool:
        """Whether a value has to follow."""
        return self.relation is not Relation.FILLED


def _named(relation: Relation) -> tuple[Operator, Operator]:
    if relation is Relation.FILLED:
        # To be empty is the negation here: no row holds anything.
        return Operator("is empty", relation, negated=True), Operator("is not empty", relation)
    negation = "is not" if relation is Relation.IS else f"not {relation.value}"
    return Operator(relation.value, relation), Operator(negation, relation, negated=True)


OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator for relation in Relation for operator in _named(relation)
}
"""By the name that `protocol.questions.Comparison.operator` holds."""

_ORDERED: Final = frozenset(ValueType) - {ValueType.BOOLEAN, ValueType.HASH}
_NATURAL: Final = frozenset({ValueType.TEXT, ValueType.PATH})
_ADDRESSED: Final = frozenset({ValueType.TEXT, ValueType.IP_ADDRESS})


def find_operator(name: str) -> Operator:
    """Find an operator.

    Raises `OperatorRefused`.
    """
    operator = OPERATORS.get(name)
    if operator is None:
        raise OperatorRefused(f"there is no operator “{name[:64]}”", tuple(OPERATORS))
    return operator


def operators_for(columns: Sequence[Column]) -> tuple[str, ...]:
    """Name the operators with which these columns can be compared, taken together."""
    kind = _common_type(columns)
    return tuple(
        operator.name
        for operator in OPERATORS.values()
        if (operator.relation not in ORDERING or (kind in _ORDERED and len(columns) == 1))
        and (operator.relation is not Relation.IN_CIDR or kind in _ADDRESSED)
    )


def chosen_columns(name: str, columns: Sequence[Column]) -> tuple[int, ...]:
    """Tell at which places stands what a comparison with this column name looks at.

    An empty name is every column. Raises `ConditionRefused`.
    """
    if not name:
        return tuple(range(len(columns)))
    wanted = name.casefold()
    for place, column in enumerate(columns):
        if column.name.casefold() == wanted:
            return (place,)
    raise ConditionRefused(
        f"there is no column “{name[:64]}”", tuple(column.name for column in columns)
    )


def check_comparison(operator: str, value: str, columns: Sequence[Column]) -> None:
    """Make sure that these columns (one, or all of a sensor) compare with this value.

    Raises `OperatorRefused`, or another `ConditionRefused` for the value.
    """
    _compile_chosen(operator, value, columns)


def compile_comparison(comparison: Comparison, column_type: ValueType) -> CellTest:
    """Make the test of one cell of this type, its negation included.

    Raises `ConditionRefused`.
    """
    operator = find_operator(comparison.operator)
    test = _compile_test(operator, comparison.value, column_type)
    if operator.negated:
        return lambda cell: not test(cell)
    return test


def compile_row_condition(condition: Filter, columns: Sequence[Column]) -> Callable[[Row], bool]:
    """Make the test of one row: `Selection.only`, or a grid's filter.

    Every comparison looks at this row alone, whatever call it names. Raises `ConditionRefused`.
    """
    if isinstance(condition, Comparison):
        matches = _compile_row_test(condition, columns)
        if find_operator(condition.operator).negated:
            return lambda row: not matches(row)
        return matches
    if isinstance(condition, Not):
        part = compile_row_condition(condition.part, columns)
        return lambda row: not part(row)
    parts = [compile_row_condition(part, columns) for part in condition.parts]
    if isinstance(condition, AllOf):
        return lambda row: all(part(row) for part in parts)
    return lambda row: any(part(row) for part in parts)


def compile_filter(condition: Filter, columns_of: ColumnsOf) -> Callable[[ReadRows], bool]:
    """Make the test of one endpoint; it asks its argument for the rows that it needs.

    The same test serves for any number of endpoints. `columns_of` tells the columns of a call's
    sensor. Raises `ConditionRefused`.
    """
    decide = _compile_decision(condition, columns_of)
    return lambda read_rows: decide(read_rows) is True


_Decision: TypeAlias = Callable[[ReadRows], bool | None]


def _compile_decision(condition: Filter, columns_of: ColumnsOf) -> _Decision:
    """Compile in three values: None is what cannot be known."""
    if isinstance(condition, Comparison):
        return _compile_any_row(condition, columns_of)
    if isinstance(condition, Not):
        part = _compile_decision(condition.part, columns_of)
        return lambda read_rows: _opposite(part(read_rows))
    parts = [_compile_decision(part, columns_of) for part in condition.parts]
    # A part that settles the matter does so whatever is unknown of the others.
    settles = isinstance(condition, AnyOf)
    return lambda read_rows: _joined(parts, read_rows, settles=settles)


def _joined(parts: Sequence[_Decision], read_rows: ReadRows, *, settles: bool) -> bool | None:
    result: bool | None = not settles
    for part in parts:
        decided = part(read_rows)
        if decided is settles:
            return settles
        if decided is None:
            result = None
    return result


def _opposite(decided: bool | None) -> bool | None:
    return None if decided is None else not decided


def _compile_any_row(comparison: Comparison, columns_of: ColumnsOf) -> _Decision:
    matches = _compile_row_test(comparison, columns_of(comparison.call))
    call, negated = comparison.call, find_operator(comparison.operator).negated

    def decide(read_rows: ReadRows) -> bool | None:
        rows = read_rows(call)
        if rows is None:
            return None
        return any(map(matches, rows)) is not negated

    return decide


def _compile_row_test(comparison: Comparison, columns: Sequence[Column]) -> Callable[[Row], bool]:
    """Make the test of one row, without the operator's negation."""
    places = chosen_columns(comparison.column, columns)
    chosen = [columns[place] for place in places]
    test = _compile_chosen(comparison.operator, comparison.value, chosen)
    if len(places) != 1:
        return lambda row: any(map(test, row))
    place = places[0]
    # A row that is shorter than it should be lacks the value.
    return lambda row: test(row[place] if place < len(row) else "")


def _compile_chosen(name: str, value: str, columns: Sequence[Column]) -> CellTest:
    operator = find_operator(name)
    suitable = operators_for(columns)
    if operator.name not in suitable:
        raise OperatorRefused(_unsuitable(operator, columns), suitable)
    return _compile_test(operator, value, _common_type(columns))


def _common_type(columns: Sequence[Column]) -> ValueType:
    """Tell as what columns compare: one as its type, several as text."""
    return columns[0].type if len(columns) == 1 else ValueType.TEXT


def _unsuitable(operator: Operator, columns: Sequence[Column]) -> str:
    if len(columns) != 1:
        return f"“{operator.name}” needs one column to compare"
    return f"“{columns[0].name}” cannot be compared with “{operator.name}”"


def _compile_test(operator: Operator, value: str, kind: ValueType) -> CellTest:
    """Make the test of one cell, without the operator's negation."""
    relation = operator.relation
    if relation is Relation.FILLED:
        if value:
            raise ConditionRefused(f"“{operator.name}” takes no value")
        return bool
    if not value:
        raise ConditionRefused(f"“{operator.name}” needs a value", ("a value", "is empty"))
    if len(value) > VALUE_LENGTH:
        raise ConditionRefused(f"a value has at most {VALUE_LENGTH} characters")
    return _COMPILERS[relation](value, kind)


def _containing(value: str, kind: ValueType) -> CellTest:
    wanted = fold(value)
    return lambda cell: wanted in fold(cell)


def _starting(value: str, kind: ValueType) -> CellTest:
    wanted = fold(value)
    return lambda cell: fold(cell).startswith(wanted)


def _ending(value: str, kind: ValueType) -> CellTest:
    wanted = fold(value)
    return lambda cell: fold(cell).endswith(wanted)


def _matching(value: str, kind: ValueType) -> CellTest:
    pattern = compile_pattern(value)
    # Bytes, since a file name in no known encoding, as Python hands it out, is no Unicode.
    return lambda cell: (
        len(cell) <= MATCHED_LENGTH
        and pattern.fullmatch(cell.encode("utf-8", "replace")) is not None
    )


def _equal(value: str, kind: ValueType) -> CellTest:
    read, wanted = _comparable(kind, read_operand(kind, value))
    return lambda cell: read(cell) == wanted


def _ordering(holds: Callable[[Any, Any], bool]) -> Callable[[str, ValueType], CellTest]:
    def compile_order(value: str, kind: ValueType) -> CellTest:
        read: Callable[[str], Any] = read_natural
        wanted: Any = read_natural(value)
        if kind not in _NATURAL:
            read, wanted = _comparable(kind, read_operand(kind, value))

        def test(cell: str) -> bool:
            found = read(cell)
            return found is not None and holds(found, wanted)

        return test

    return compile_order


def _comparable(kind: ValueType, operand: Any) -> tuple[Callable[[str], Any], Any]:
    """Give how to read cells, and with what they then compare."""
    read = CELL_READERS[kind]
    if isinstance(operand, Period):
        # A day or a minute is one place in time: before it, in it (0), or after it.
        return lambda cell: _place_in_time(read(cell), operand), 0
    return read, operand


def _place_in_time(instant: datetime | None, period: Period) -> int | None:
    if instant is None:
        return None
    if instant < period.start:
        return -1
    return 0 if instant - period.start < period.length else 1


def _in_network(value: str, kind: ValueType) -> CellTest:
    version, mask, network = read_network(value)

    def test(cell: str) -> bool:
        address = read_address(cell)
        return address is not None and address[0] == version and address[1] & mask == network

    return test


_COMPILERS: Final[Mapping[Relation, Callable[[str, ValueType], CellTest]]] = {
    Relation.CONTAINS: _containing,
    Relation.IS: _equal,
    Relation.STARTS: _starting,
    Relation.ENDS: _ending,
    Relation.MATCHES: _matching,
    Relation.GREATER: _ordering(gt),
    Relation.LESS: _ordering(lt),
    Relation.AT_LEAST: _ordering(ge),
    Relation.AT_MOST: _ordering(le),
    Relation.IN_CIDR: _in_network,
}
