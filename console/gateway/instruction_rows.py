"""The rows of instructions in bulk: thousands are written without a model object for each.

What is written is what the model says. Only how differs by database: SQLite runs one prepared
statement for all rows, PostgreSQL takes them as a stream (COPY) or as one table (unnest), because
a statement for each row costs it four times as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Subquery

from console.endpoints.models import Endpoint
from console.gateway.mailboxes import Letter
from console.gateway.models import OutboundInstruction
from console.gateway.wakeups import SealedInstruction

State = OutboundInstruction.State

_TABLE: Final = OutboundInstruction._meta.db_table
_COLUMNS: Final = (
    "endpoint_id, sequence, envelope, kind, created_at, expires_at, state, completed_at, detail"
)

_INSERT: Final = (
    f"INSERT INTO {_TABLE} ({_COLUMNS}) "  # noqa: S608 - the model's own names
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_COPY: Final = f"COPY {_TABLE} ({_COLUMNS}) FROM STDIN"
# What was signed is of no use any more when it has ended, and intel is large.
_CLOSE: Final = (
    f"UPDATE {_TABLE} SET state = %s, completed_at = %s, detail = %s, envelope = x'' "  # noqa: S608 - as above
    f"WHERE endpoint_id = %s AND sequence = %s AND state = '{State.WAITING.value}'"
)
_CLOSE_TOGETHER: Final = (
    f"UPDATE {_TABLE} AS present "  # noqa: S608 - as above
    "SET state = ended.state, completed_at = ended.at, detail = ended.detail, envelope = '' "
    "FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::uuid[], %s::bigint[]) "
    "AS ended (state, at, detail, endpoint_id, sequence) "
    "WHERE present.endpoint_id = ended.endpoint_id AND present.sequence = ended.sequence "
    f"AND present.state = '{State.WAITING.value}'"
)

# Rows with large envelopes are read in small portions.
_READ_AT_ONCE: Final = 50


class Outcome(NamedTuple):
    """How one instruction ended."""

    state: str
    completed_at: datetime
    detail: str
    endpoint_id: UUID
    sequence: int


class Standing(NamedTuple):
    """An endpoint's highest sequence so far, and whether an instruction for it still waits."""

    sequence: int
    waits: bool


def standings(endpoint_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Tell where endpoints stand. The caller holds their locks, or this is old news at once."""
    own = OutboundInstruction.objects.filter(endpoint=OuterRef("pk"))
    rows = (
        Endpoint.objects.filter(pk__in=endpoint_ids)
        .annotate(
            last=Subquery(own.order_by("-sequence").values("sequence")[:1]),
            waits=Exists(own.filter(state=State.WAITING)),
        )
        .values_list("pk", "last", "waits")
    )
    return {endpoint_id: Standing(last or 0, waits) for endpoint_id, last, waits in rows}


def insert_waiting(
    sealed: Iterable[SealedInstruction], *, kind: str, created_at: datetime, expires_at: datetime
) -> None:
    """Store instructions that wait. Runs in the caller's transaction."""
    same = (kind, _instant(created_at), _instant(expires_at), State.WAITING.value, None, "")
    rows = ((_key(each.endpoint_id), each.sequence, each.envelope, *same) for each in sealed)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _copy_rows(cursor, rows)
        else:
            cursor.executemany(_INSERT, list(rows))


def close_waiting(outcomes: Iterable[Outcome]) -> None:
    """Store how instructions ended, as it is reported first; those that have ended stay so.

    Runs in the caller's transaction.
    """
    first: dict[tuple[UUID, int], Outcome] = {}
    for outcome in outcomes:
        first.setdefault((outcome.endpoint_id, outcome.sequence), outcome)
    if not first:
        return
    rows = (
        (
            each.state,
            _instant(each.completed_at),
            each.detail,
            _key(each.endpoint_id),
            each.sequence,
        )
        for each in first.values()
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_CLOSE_TOGETHER, [list(column) for column in zip(*rows, strict=True)])
        else:
            cursor.executemany(_CLOSE, list(rows))


def waiting_letters(**conditions: Any) -> Iterator[Letter]:
    """Read instructions that wait, each endpoint's in their order, as few at once as possible."""
    rows = (
        OutboundInstruction.objects.filter(state=State.WAITING, **conditions)
        .order_by("endpoint_id", "sequence")
        .values_list("endpoint_id", "sequence", "envelope", "expires_at")
    )
    for endpoint_id, sequence, envelope, expires_at in rows.iterator(chunk_size=_READ_AT_ONCE):
        yield SealedInstruction(endpoint_id, sequence, bytes(envelope)), expires_at


def _copy_rows(cursor: Any, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(_COPY) as stream:
        for row in rows:
            stream.write_row(row)


def _key(endpoint_id: UUID) -> UUID | str:
    return endpoint_id if connection.features.has_native_uuid_field else endpoint_id.hex


def _instant(instant: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(instant)
