"""The merged rows of a question as one SQL statement: cut to a reach, filtered, grouped, ordered.

Values are JSON; what stands here between quotes comes from this file or is a number, everything of
the user's is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection
from django.db.models import Sum

from console.endpoints.reach import Reach
from console.questions.models import Answer, AnswerRow, Question
from sensors.conditions import Relation, find_operator
from sensors.definitions import ValueType

_NUMBERS: Final = {ValueType.INTEGER, ValueType.DECIMAL, ValueType.BYTES, ValueType.SECONDS}
_TEXTS: Final = {ValueType.TEXT, ValueType.PATH, ValueType.HASH}
# A cell of these may be none of them.
_READABLE: Final = _NUMBERS | {ValueType.INSTANT}
# Their order as text is not theirs.
_READ_TO_SORT: Final = {ValueType.IP_ADDRESS, ValueType.VERSION}
# The same to PostgreSQL and to Python, by which Django lets SQLite search. No line may follow.
_NUMBER: Final = r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?(?!\n)$"
_PATTERNS: Final = {
    Relation.CONTAINS: "%{}%",
    Relation.STARTS: "{}%",
    Relation.ENDS: "%{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFilter:
    """Only rows whose cell in this column (its index) compares so: `sensors.conditions`."""

    column: int
    operator: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortBy:
    """Order by a column (its index), or by how often rows were given (None)."""

    column: int | None = None
    descending: bool = False


@dataclass(slots=True)
class Statement:
    """SQL that gives the id and the count of rows in order, and then the columns in `extra`."""

    sql: str
    parameters: list[Any]


@dataclass(slots=True)
class RowsQuery:
    """What is asked of the rows of one question. `types` are those of its columns."""

    question: Question
    reach: Reach
    types: Sequence[ValueType]
    cut: bool
    filters: Sequence[ColumnFilter] = ()
    search: str = ""
    sort: Sequence[SortBy] = ()
    group_by: Sequence[int] = ()
    extra: Sequence[int] = field(default_factory=tuple)

    def statement(self) -> Statement:
        """Write it."""
        parameters: list[Any] = []
        rows = connection.ops.quote_name(AnswerRow._meta.db_table)
        source, count = f"{rows} AS r", 'r."count"'
        if self.cut:
            inner, inner_parameters = self._given_in_reach()
            source += f" JOIN ({inner}) AS given ON given.digest = r.digest"
            count = "given.times"
            parameters += inner_parameters
        conditions = ["r.question_id = %s"]
        parameters.append(Question._meta.pk.get_db_prep_value(self.question.pk, connection))
        self._add_filters(conditions, parameters)
        where = " AND ".join(conditions)
        extra = "".join(f", {cell(index)}" for index in self.extra)
        if self.group_by:
            cells = ", ".join(cell(index) for index in self.group_by)
            sql = (
                f"SELECT MIN(r.id), SUM({count}) FROM {source} WHERE {where} "  # noqa: S608
                f"GROUP BY {cells} ORDER BY {self._order(f'SUM({count})', 'MIN(r.id)')}"
            )
        else:
            sql = (
                f"SELECT r.id, {count}{extra} FROM {source} WHERE {where} "  # noqa: S608
                f"ORDER BY {self._order(count, 'r.id')}"
            )
        return Statement(sql, parameters)

    def _given_in_reach(self) -> tuple[str, Sequence[Any]]:
        answers = self.reach.endpoints(
            Answer.objects.filter(question=self.question), field="endpoint"
        )
        counted = answers.order_by().values("digest").annotate(times=Sum("count"))
        sql, parameters = counted.query.sql_with_params()
        return sql, parameters

    def _add_filters(self, conditions: list[str], parameters: list[Any]) -> None:
        for each in self.filters:
            relation = find_operator(each.operator)
            condition = _condition(relation.relation, each.column, each.value, parameters)
            conditions.append(f"NOT ({condition})" if relation.negated else condition)
        if self.search:
            pattern = _PATTERNS[Relation.CONTAINS].format(_escaped(self.search))
            found = [f"{cell(index)} {_like()} %s ESCAPE '\\'" for index in range(len(self.types))]
            conditions.append(f"({' OR '.join(found)})")
            parameters += [pattern] * len(self.types)

    def _order(self, count: str, last: str) -> str:
        parts = []
        for each in self.sort or (SortBy(descending=True),):
            direction = "DESC" if each.descending else "ASC"
            if each.column is None:
                parts.append(f"{count} {direction}")
            elif not self.group_by or each.column in self.group_by:
                kind = self.types[each.column]
                if kind in _READABLE:
                    # What is not of the column's type comes last either way.
                    parts.append(f"CASE WHEN {is_known(each.column, kind)} THEN 0 ELSE 1 END")
                parts.append(f"{sort_key(each.column, kind)} {direction}")
        return ", ".join([*parts, last])


def sql_can_filter(each: ColumnFilter, types: Sequence[ValueType]) -> bool:
    """Tell whether SQL compares as `sensors.conditions` does: texts of ASCII without patterns."""
    relation = find_operator(each.operator).relation
    if relation is Relation.FILLED:
        return True
    if not each.value.isascii():
        return False
    return relation in _PATTERNS or (relation is Relation.IS and types[each.column] in _TEXTS)


def sql_can_sort(each: SortBy, types: Sequence[ValueType]) -> bool:
    """Tell whether SQL orders this column as its type is ordered."""
    return each.column is None or types[each.column] not in _READ_TO_SORT


def cell(index: int) -> str:
    """Write the value of one column."""
    if connection.vendor == "postgresql":
        return f'(r."values" ->> {index:d})'
    return f"json_extract(r.\"values\", '$[{index:d}]')"


def sort_key(index: int, kind: ValueType) -> str:
    """Write by what one column is ordered: numbers by size, everything else without case."""
    value = cell(index)
    if kind not in _NUMBERS:
        return f"lower({value})"
    # What is no number must not fail the statement.
    return f"CASE WHEN {is_known(index, kind)} THEN CAST({value} AS NUMERIC) END"


def is_known(index: int, kind: ValueType) -> str:
    """Write the test whether a cell has a value that its column's order knows."""
    value = cell(index)
    if kind not in _NUMBERS:
        return f"{value} <> ''"
    operator = "~" if connection.vendor == "postgresql" else "REGEXP"
    return f"{value} {operator} '{_NUMBER}'"


def _condition(relation: Relation, column: int, value: str, parameters: list[Any]) -> str:
    expression = cell(column)
    if relation is Relation.FILLED:
        return f"{expression} <> ''"
    if relation is Relation.IS:
        parameters.append(value.lower())
        return f"lower({expression}) = %s"
    parameters.append(_PATTERNS[relation].format(_escaped(value)))
    return f"{expression} {_like()} %s ESCAPE '\\'"


def _like() -> str:
    return "ILIKE" if connection.vendor == "postgresql" else "LIKE"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
