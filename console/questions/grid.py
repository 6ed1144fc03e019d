"""The answers of a question as a grid: merged rows with counts, by windows.

Every row is cut to a reach: somebody who does not reach all asked endpoints sees the rows of those
in reach, counted over those. A short answer is one statement per window. The order of a long one
is found once and kept in Redis for a while as the numbers of its rows: each further window, however
deep, costs two short reads.
"""

from __future__ import annotations

import hashlib
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis
import structlog
from django.db import connection
from django.db.models import Count, Max

from console.core.exceptions import InvalidInput
from console.core.redis import client
from console.endpoints.models import Membership
from console.endpoints.reach import Reach
from console.questions.grid_order import RowOrder
from console.questions.grid_sql import (
    ColumnFilter,
    RowsQuery,
    SortBy,
    sql_can_filter,
    sql_can_sort,
)
from console.questions.models import AnswerRow, Question
from console.questions.selectors import reaches_all
from protocol.questions import Comparison, SensorCall
from sensors.conditions import CellTest, check_comparison, compile_comparison
from sensors.definitions import Column, ValueType
from sensors.exceptions import ConditionRefused

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LARGEST_WINDOW: Final = 1000
# Up to so many distinct rows a statement per window is quicker than keeping the order.
_SHORT: Final = 5000
_KEPT_FOR: Final = 300
# While answers arrive the order is found anew after so many seconds.
_FRESH_FOR: Final = 10
_ENTRY: Final = 16
_ENTRIES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GridColumn:
    """One column. `label` is its own within the question; `sensor` says where it comes from."""

    index: int
    label: str
    name: str
    sensor: str
    type: ValueType


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRequest:
    """What of the answer is wanted. Filters are joined with AND; `search` looks at all columns.

    With `group_by` rows that are equal in these columns become one. Without `sort` the most
    frequent rows come first.
    """

    filters: tuple[ColumnFilter, ...] = ()
    search: str = ""
    sort: tuple[SortBy, ...] = ()
    group_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One merged row: how often it was given. `id` is what drilling down takes.

    With `group_by` only those columns are filled, the others are empty.
    """

    id: int
    values: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows from `offset` on, and how many there are in all."""

    rows: list[GridRow]
    offset: int
    total: int


def columns_of(question: Question) -> list[GridColumn]:
    """List the columns of a question; two of the same name are told apart by their sensors."""
    names = [column["name"] for column in question.columns]
    return [
        GridColumn(
            index=index,
            label=(
                column["name"]
                if names.count(column["name"]) == 1
                else f"{column['sensor']}: {column['name']}"
            ),
            name=column["name"],
            sensor=column["sensor"],
            type=ValueType(column["type"]),
        )
        for index, column in enumerate(question.columns)
    ]


def window(
    question: Question, reach: Reach, request: GridRequest, *, offset: int = 0, limit: int = 100
) -> Window:
    """Return some rows of the grid.

    Raises `InvalidInput` for a column, an operator or a value that does not fit, and for a limit
    above `LARGEST_WINDOW`.
    """
    if not 0 <= limit <= LARGEST_WINDOW or offset < 0:
        raise InvalidInput(f"A window has at most {LARGEST_WINDOW} rows.")
    _check(question, request)
    if not reach:
        return Window(rows=[], offset=offset, total=0)
    if not request_needs_python(question, request) and not _is_long(question):
        return _window_by_statement(question, reach, request, offset=offset, limit=limit)
    key = _kept_as(question, reach, request)
    entries, total = _kept_window(key, offset, limit)
    if total is None:
        order = _find_order(question, reach, request)
        _keep(key, order)
        entries, total = order[2 * offset : 2 * (offset + limit)], len(order) // 2
    return Window(rows=_rows_of(entries, request, question), offset=offset, total=total)


def iterate(question: Question, reach: Reach, request: GridRequest) -> Iterator[GridRow]:
    """Yield every row of the grid in its order, as exports do. Raises as `window`."""
    _check(question, request)
    order = _find_order(question, reach, request)
    for start in range(0, len(order), 2 * _ENTRIES_AT_ONCE):
        yield from _rows_of(order[start : start + 2 * _ENTRIES_AT_ONCE], request, question)


def count_rows(question: Question, reach: Reach, request: GridRequest) -> int:
    """Count the rows of the grid. Raises as `window`."""
    return window(question, reach, request, limit=0).total


def request_needs_python(question: Question, request: GridRequest) -> bool:
    """Tell whether SQL alone cannot answer: patterns, networks, versions, other alphabets."""
    types = _types_of(question)
    return (
        not request.search.isascii()
        or not all(sql_can_filter(each, types) for each in request.filters)
        or not all(sql_can_sort(each, types) for each in request.sort)
    )


# ---------------------------------------------------------------------- one statement


def _window_by_statement(
    question: Question, reach: Reach, request: GridRequest, *, offset: int, limit: int
) -> Window:
    statement = _query(question, reach, request).statement()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({statement.sql}) AS g", statement.parameters)  # noqa: S608
        total = int(cursor.fetchone()[0])
        entries: array[int] = array("q")
        if limit:
            cursor.execute(
                f"{statement.sql} LIMIT %s OFFSET %s", [*statement.parameters, limit, offset]
            )
            for row_id, count in cursor.fetchall():
                entries.extend((row_id, int(count)))
    return Window(rows=_rows_of(entries, request, question), offset=offset, total=total)


def _query(question: Question, reach: Reach, request: GridRequest, **more: Any) -> RowsQuery:
    types = _types_of(question)
    return RowsQuery(
        question=question,
        reach=reach,
        types=types,
        cut=not reaches_all(question, reach),
        filters=[each for each in request.filters if sql_can_filter(each, types)],
        search=request.search if request.search.isascii() else "",
        sort=[each for each in request.sort if sql_can_sort(each, types)],
        group_by=request.group_by,
        **more,
    )


def _is_long(question: Question) -> bool:
    return AnswerRow.objects.filter(question=question).order_by()[_SHORT : _SHORT + 1].exists()


# ---------------------------------------------------------------------- an order that is kept


def _find_order(question: Question, reach: Reach, request: GridRequest) -> array[int]:
    """Return id and count of each row, one after the other, in order."""
    order: array[int] = array("q")
    if not reach:
        return order
    if request_needs_python(question, request):
        return _ordered_in_python(question, reach, request)
    statement = _query(question, reach, request).statement()
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        while found := cursor.fetchmany(10_000):
            for row_id, count in found:
                order.append(row_id)
                order.append(int(count))
    return order


def _ordered_in_python(question: Question, reach: Reach, request: GridRequest) -> array[int]:
    """Filter, group and order with the meaning that columns have everywhere else."""
    types = _types_of(question)
    order = RowOrder(
        types=types,
        tests=_tests(request, types),
        search="" if request.search.isascii() else request.search,
        sort=request.sort,
        group_by=request.group_by,
    )
    ungrouped = GridRequest(filters=request.filters, search=request.search)
    statement = _query(question, reach, ungrouped, extra=order.columns).statement()
    take = order.taker()
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        while rows := cursor.fetchmany(10_000):
            for row_id, count, *cells in rows:
                take(row_id, int(count), cells)
    return order.entries()


def _tests(request: GridRequest, types: Sequence[ValueType]) -> list[tuple[int, CellTest]]:
    return [
        (each.column, compile_comparison(_comparison(each), types[each.column]))
        for each in request.filters
        if not sql_can_filter(each, types)
    ]


def _kept_as(question: Question, reach: Reach, request: GridRequest) -> str:
    fresh = question.answered if question.ended_at is not None else int(time.time()) // _FRESH_FOR
    # Whoever joins or leaves one of the groups gives the order another name: a kept one must not
    # show what is out of reach by now.
    where: list[Any] = []
    if not reaches_all(question, reach):
        members = Membership.objects.filter(group__in=reach.group_ids)
        where = [sorted(reach.group_ids), members.aggregate(Count("pk"), Max("pk"))]
    asked = msgspec.json.encode([str(question.pk), fresh, where, request])
    return f"vedette:grid:{hashlib.sha256(asked).hexdigest()}"


def _kept_window(key: str, offset: int, limit: int) -> tuple[array[int], int | None]:
    entries: array[int] = array("q")
    try:
        with client() as connected, connected.pipeline(transaction=False) as pipeline:
            pipeline.strlen(key)
            pipeline.getrange(key, offset * _ENTRY, (offset + limit) * _ENTRY - 1)
            pipeline.expire(key, _KEPT_FOR)
            length, part, _ = pipeline.execute()
    except redis.RedisError as error:
        log.warning("questions.order_unknown", reason=str(error))
        return entries, None
    if not length:
        return entries, None
    if limit:
        entries.frombytes(part)
    return entries, int(length) // _ENTRY


def _keep(key: str, order: array[int]) -> None:
    if not order:
        return
    try:
        with client() as connected:
            connected.set(key, order.tobytes(), ex=_KEPT_FOR)
    except redis.RedisError as error:
        log.warning("questions.order_not_kept", reason=str(error))


# ---------------------------------------------------------------------- rows


def _rows_of(entries: Sequence[int], request: GridRequest, question: Question) -> list[GridRow]:
    ids = list(entries[::2])
    values = dict(AnswerRow.objects.filter(pk__in=ids).values_list("pk", "values"))
    shown = set(request.group_by) or set(range(len(question.columns)))
    return [
        GridRow(
            id=row_id,
            values=tuple(
                value if index in shown else "" for index, value in enumerate(values[row_id])
            ),
            count=count,
        )
        for row_id, count in zip(ids, entries[1::2], strict=True)
        # Pruned meanwhile.
        if row_id in values
    ]


def _check(question: Question, request: GridRequest) -> None:
    columns = columns_of(question)
    named = (
        *(each.column for each in request.filters),
        *(each.column for each in request.sort if each.column is not None),
        *request.group_by,
    )
    if any(not 0 <= column < len(columns) for column in named):
        raise InvalidInput("There is no such column.", errors={"column": ["no such column"]})
    for each in request.filters:
        column = columns[each.column]
        try:
            check_comparison(each.operator, each.value, [Column(column.name, column.type)])
        except ConditionRefused as refusal:
            raise InvalidInput(
                refusal.message, errors={column.label: [refusal.message]}
            ) from refusal


def _types_of(question: Question) -> list[ValueType]:
    return [ValueType(column["type"]) for column in question.columns]


def _comparison(each: ColumnFilter) -> Comparison:
    call = SensorCall(key="", name="")
    return Comparison(call=call, operator=each.operator, value=each.value)
