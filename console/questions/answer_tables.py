"""Write answers in bulk: what the ORM would do row by row, in a few statements for thousands.

Everything here runs inside the caller's transaction. On PostgreSQL rows travel as arrays or by
COPY, on SQLite through one prepared statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Model

from console.questions.models import Answer, AnswerRow, QuestionTarget

_ASKED_AT_ONCE: Final = 500


@dataclass(slots=True)
class Target:
    """What a row of `QuestionTarget` holds while a batch is looked at."""

    pk: int
    endpoint_id: UUID
    state: str
    parts_seen: int
    rows: int
    cut: int
    took: int
    reason: str
    answered_at: datetime | None = None
    is_changed: bool = False


@dataclass(slots=True)
class Given:
    """The rows of one question in a batch.

    `rows` maps a digest to the row as JSON, `times` to how often it was given; `answers` says who
    gave which row how often. With `may_repeat` an endpoint may stand there twice with one row, or
    have given it in an earlier part.
    """

    rows: dict[int, bytes] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    answers: list[tuple[UUID, int, int]] = field(default_factory=list)
    may_repeat: bool = False


def read_targets(question_id: UUID, endpoint_ids: Sequence[UUID]) -> dict[UUID, Target]:
    """Read how far these endpoints are with a question, and keep other ingesters away from them.

    Who was not asked is not in it.
    """
    columns = 'id, endpoint_id, state, parts_seen, "rows", cut, took, reason'
    # Rows come as the database has them: thousands of them through the ORM take longer than all
    # the rest of a batch.
    is_native = connection.features.has_native_uuid_field
    known: dict[Any, UUID] = {each if is_native else each.hex: each for each in endpoint_ids}
    found: dict[UUID, Target] = {}
    names = list(known)
    lock = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for start in range(0, len(names), _ASKED_AT_ONCE):
            slice_ = names[start : start + _ASKED_AT_ONCE]
            marks = ", ".join(["%s"] * len(slice_))
            cursor.execute(
                f"SELECT {columns} FROM {_table(QuestionTarget)} "  # noqa: S608 - our own names
                f"WHERE question_id = %s AND endpoint_id IN ({marks}) ORDER BY id{lock}",
                [_key(question_id), *slice_],
            )
            for pk, endpoint, *rest in cursor.fetchall():
                endpoint_id = known[endpoint]
                found[endpoint_id] = Target(pk, endpoint_id, *rest)
    return found


def write_targets(targets: Iterable[Target]) -> None:
    """Store what has changed in these."""
    rows = [
        (
            target.state,
            target.parts_seen,
            target.rows,
            target.cut,
            target.took,
            target.reason,
            _instant(target.answered_at),
            target.pk,
        )
        for target in targets
        if target.is_changed
    ]
    if not rows:
        return
    table = _table(QuestionTarget)
    columns = ("state", "parts_seen", "rows", "cut", "took", "reason", "answered_at")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            types = ("text", "bigint", "int", "int", "bigint", "text", "timestamptz", "bigint")
            assignments = ", ".join(f'"{name}" = given."{name}"' for name in columns)
            names = ", ".join(f'"{name}"' for name in (*columns, "id"))
            cursor.execute(
                f"UPDATE {table} SET {assignments} FROM unnest({_arrays(types)}) "  # noqa: S608 - our own names
                f"AS given({names}) WHERE {table}.id = given.id",
                [list(column) for column in zip(*rows, strict=True)],
            )
        else:
            assignments = ", ".join(f'"{name}" = %s' for name in columns)
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE id = %s", rows)  # noqa: S608


def write_given(question_id: UUID, given: Given) -> None:
    """Store rows and who gave them."""
    if given.rows:
        _write_rows(question_id, given)
        _write_answers(question_id, given)


def forget_answers(question_id: UUID, endpoint_ids: Sequence[UUID]) -> None:
    """Delete who gave which row, of these endpoints; the rows and their counts stay."""
    for start in range(0, len(endpoint_ids), _ASKED_AT_ONCE):
        slice_ = endpoint_ids[start : start + _ASKED_AT_ONCE]
        Answer.objects.filter(question=question_id, endpoint__in=slice_).delete()


def _write_rows(question_id: UUID, given: Given) -> None:
    """Count rows of a question; those that nobody gave before are added."""
    table = _table(AnswerRow)
    conflict = (
        "ON CONFLICT (question_id, digest) DO UPDATE "
        f'SET "count" = {table}."count" + excluded."count"'
    )
    insert = f'INSERT INTO {table} (question_id, digest, "values", "count")'
    # In this order everywhere: two ingesters that meet at the same rows must not wait in a circle.
    ordered = sorted(given.rows)
    values = [given.rows[digest].decode() for digest in ordered]
    times = [given.times[digest] for digest in ordered]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"{insert} SELECT %s, digest, given::jsonb, times "  # noqa: S608 - our own names
                "FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS a(digest, given, times) "
                f"{conflict}",
                [_key(question_id), ordered, values, times],
            )
        else:
            key = _key(question_id)
            cursor.executemany(
                f"{insert} VALUES ('{key}', %s, %s, %s) {conflict}",
                list(zip(ordered, values, times, strict=True)),
            )


def _write_answers(question_id: UUID, given: Given) -> None:
    """Add who gave which row."""
    if connection.vendor == "postgresql":
        _copy_answers(question_id, given)
        return
    table = _table(Answer)
    key = _key(question_id)
    with connection.cursor() as cursor:
        cursor.executemany(
            f'INSERT INTO {table} (question_id, endpoint_id, digest, "count") '  # noqa: S608
            f"VALUES ('{key}', %s, %s, %s){_repeated(table) if given.may_repeat else ''}",
            [(endpoint_id.hex, digest, times) for endpoint_id, digest, times in given.answers],
        )


def _copy_answers(question_id: UUID, given: Given) -> None:
    table = _table(Answer)
    columns = '(question_id, endpoint_id, digest, "count")'
    lines = "".join(
        f"{question_id}\t{endpoint_id}\t{digest}\t{times}\n"
        for endpoint_id, digest, times in given.answers
    )
    with connection.cursor() as cursor:
        into = table
        if given.may_repeat:
            # COPY knows no ON CONFLICT.
            into = "answers_given"
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {into} (question_id uuid, "
                'endpoint_id uuid, digest bigint, "count" int) ON COMMIT DELETE ROWS'
            )
            cursor.execute(f"TRUNCATE {into}")
        with cursor.copy(f"COPY {into} {columns} FROM STDIN") as copy:
            copy.write(lines)
        if given.may_repeat:
            cursor.execute(
                f"INSERT INTO {table} {columns} "  # noqa: S608 - our own names
                'SELECT question_id, endpoint_id, digest, SUM("count") '
                f"FROM {into} GROUP BY question_id, endpoint_id, digest{_repeated(table)}"
            )


def _repeated(table: str) -> str:
    return (
        " ON CONFLICT (question_id, digest, endpoint_id) DO UPDATE "
        f'SET "count" = {table}."count" + excluded."count"'
    )


def _arrays(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{name}[]" for name in types)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _key(uuid: UUID) -> Any:
    return uuid if connection.features.has_native_uuid_field else uuid.hex


@lru_cache(maxsize=4096)
def _instant(instant: datetime | None) -> Any:
    return None if instant is None else connection.ops.adapt_datetimefield_value(instant)
