"""Tell endpoints what to do, and record how it ended.

The row is the truth. What the gateway reads is a copy in Redis, written after the commit and made
again by `restore_waiting_instructions` whenever Redis lost it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from console.audit.services import record_audit_event
from console.certificates.models import Certificate
from console.certificates.signing import sign_instruction
from console.core.actor import Actor
from console.core.redis import (
    REVOKED_CERTIFICATES,
    REVOKED_CHANNEL,
    WAKE_CHANNEL,
    client,
    instructions_key,
)
from console.endpoints.models import Endpoint
from console.gateway.batches import Notice
from console.gateway.models import OutboundInstruction
from console.modules import Received
from protocol.instructions import AnyInstruction, ApplyIntel
from protocol.messages import InstructionCompleted

_MICROSECONDS: Final = 1_000_000
_WRITTEN_AT_ONCE: Final = 500
_DETAIL_LENGTH: Final = 2000

# Of these only the newest matters: an endpoint that was away must not work through the older ones.
_REPLACING: Final = (ApplyIntel,)

_OUTCOMES: Final = {
    "done": OutboundInstruction.State.DONE,
    "refused": OutboundInstruction.State.REFUSED,
    "failed": OutboundInstruction.State.FAILED,
}

State = OutboundInstruction.State
_Row = TypeVar("_Row")


@transaction.atomic
def send_instruction(
    endpoint_ids: Iterable[UUID],
    instruction: AnyInstruction,
    *,
    actor: Actor,
    now: datetime,
    lifetime: timedelta,
) -> int:
    """Sign an instruction for each endpoint and send it, now or when the endpoint comes online.

    Revoked and unknown endpoints get nothing. Returns for how many it was signed. It expires
    `lifetime` after `now`. May run inside the caller's transaction; nothing leaves before commit.
    """
    kind = str(instruction.__struct_config__.tag)
    endpoints = list(
        Endpoint.objects.select_for_update(no_key=True)
        .filter(pk__in=list(endpoint_ids), revoked_at=None)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for slice_ in _slices(endpoints):
        if isinstance(instruction, _REPLACING):
            _expire_older(slice_, kind, now=now)
        rows = _signed_rows(slice_, instruction, kind, now=now, expires_at=now + lifetime)
        OutboundInstruction.objects.bulk_create(rows)
        transaction.on_commit(partial(_push_in_order, rows), robust=True)
    if endpoints:
        record_audit_event(
            actor=actor,
            action="instruction.send",
            subject_type=OutboundInstruction._meta.label_lower,
            subject_name=kind,
            detail={"endpoints": len(endpoints)},
            now=now,
        )
    return len(endpoints)


def complete_instructions(batch: Sequence[Received]) -> None:
    """Record how instructions ended; a second report of the same one changes nothing."""
    table = connection.ops.quote_name(OutboundInstruction._meta.db_table)
    endpoint_field = OutboundInstruction._meta.get_field("endpoint")
    time_field = OutboundInstruction._meta.get_field("completed_at")
    parameters = [
        (
            _OUTCOMES.get(message.outcome, State.FAILED).value,
            time_field.get_db_prep_value(_instant(received_at), connection),
            _storable(message.detail),
            endpoint_field.get_db_prep_value(endpoint_id, connection),
            message.sequence,
            State.WAITING.value,
        )
        for endpoint_id, message, received_at in batch
        if isinstance(message, InstructionCompleted)
    ]
    with connection.cursor() as cursor:
        # One prepared statement for all: bulk_update would build a CASE with a branch per row.
        cursor.executemany(
            f"UPDATE {table} SET state = %s, completed_at = %s, detail = %s "  # noqa: S608 - the table's own name
            "WHERE endpoint_id = %s AND sequence = %s AND state = %s",
            parameters,
        )
    done = [(endpoint_id, message.sequence) for endpoint_id, message, _ in batch]
    transaction.on_commit(partial(_withdraw, done), robust=True)


def record_notices(notices: Sequence[Notice]) -> None:
    """Put what gateways saw into the audit log. Runs in the ingester's transaction."""
    names = dict(
        Endpoint.objects.filter(pk__in={notice.endpoint_id for notice in notices}).values_list(
            "pk", "host_name"
        )
    )
    for notice in notices:
        record_audit_event(
            actor=Actor.system("gateway"),
            action=f"endpoint.{notice.kind}",
            subject_type=Endpoint._meta.label_lower,
            subject_id=str(notice.endpoint_id),
            subject_name=names.get(notice.endpoint_id, ""),
            detail={"detail": notice.detail},
            now=_instant(notice.at),
        )


def expire_instructions(*, now: datetime) -> int:
    """Close instructions whose time is over; tell how many."""
    overdue = OutboundInstruction.objects.filter(state=State.WAITING, expires_at__lte=now)
    withdrawn = list(overdue.values_list("endpoint_id", "sequence"))
    count = overdue.update(state=State.EXPIRED, completed_at=now)
    transaction.on_commit(partial(_withdraw, withdrawn), robust=True)
    return count


def restore_waiting_instructions(*, now: datetime) -> int:
    """Write to Redis what it should hold and does not, and wake the gateways; tell how many."""
    restored = 0
    waiting = OutboundInstruction.objects.filter(state=State.WAITING, expires_at__gt=now)
    keys = waiting.order_by("pk").values_list("pk", "endpoint_id", "sequence")
    with client() as redis:
        for slice_ in _slices(keys.iterator(chunk_size=_WRITTEN_AT_ONCE)):
            with redis.pipeline(transaction=False) as pipeline:
                for _, endpoint_id, sequence in slice_:
                    pipeline.hexists(instructions_key(endpoint_id), str(sequence))
                found = pipeline.execute()
            missing = [pk for (pk, *_), exists in zip(slice_, found, strict=True) if not exists]
            if missing:
                _push(list(OutboundInstruction.objects.filter(pk__in=missing)))
                restored += len(missing)
    return restored


def announce_revoked(endpoint_id: UUID) -> None:
    """Let gateways and sessions cut off the endpoint and refuse every certificate of it."""
    revoked = Certificate.objects.filter(subject_id=endpoint_id, revoked_at__isnull=False)
    _announce_fingerprints(list(revoked.values_list("fingerprint", flat=True)))


def restore_revoked_certificates(*, now: datetime) -> None:
    """Announce the revoked certificates, not yet run out, that Redis does not know."""
    revoked = Certificate.objects.filter(revoked_at__isnull=False, not_after__gt=now)
    fingerprints = list(revoked.values_list("fingerprint", flat=True))
    if not fingerprints:
        return
    with client() as redis:
        known = redis.smismember(REVOKED_CERTIFICATES, fingerprints)
    _announce_fingerprints(
        [name for name, is_known in zip(fingerprints, known, strict=True) if not is_known]
    )


def _announce_fingerprints(fingerprints: Sequence[str]) -> None:
    if not fingerprints:
        return
    with client() as redis, redis.pipeline(transaction=False) as pipeline:
        pipeline.sadd(REVOKED_CERTIFICATES, *fingerprints)
        pipeline.publish(REVOKED_CHANNEL, " ".join(fingerprints))
        pipeline.execute()


def _signed_rows(
    endpoint_ids: Sequence[UUID],
    instruction: AnyInstruction,
    kind: str,
    *,
    now: datetime,
    expires_at: datetime,
) -> list[OutboundInstruction]:
    last = dict(
        OutboundInstruction.objects.filter(endpoint_id__in=endpoint_ids)
        .values_list("endpoint_id")
        .annotate(Max("sequence"))
    )
    rows = []
    for endpoint_id in endpoint_ids:
        sequence = last.get(endpoint_id, 0) + 1
        envelope = sign_instruction(
            instruction,
            audience=endpoint_id,
            sequence=sequence,
            issued_at=_microseconds(now),
            expires_at=_microseconds(expires_at),
        )
        rows.append(
            OutboundInstruction(
                endpoint_id=endpoint_id,
                sequence=sequence,
                kind=kind,
                envelope=envelope,
                created_at=now,
                expires_at=expires_at,
            )
        )
    return rows


def _expire_older(endpoint_ids: Sequence[UUID], kind: str, *, now: datetime) -> None:
    older = OutboundInstruction.objects.filter(
        endpoint_id__in=endpoint_ids, kind=kind, state=State.WAITING
    )
    withdrawn = list(older.values_list("endpoint_id", "sequence"))
    older.update(state=State.EXPIRED, completed_at=now, detail="replaced by a newer one")
    transaction.on_commit(partial(_withdraw, withdrawn), robust=True)


def _push_in_order(rows: Sequence[OutboundInstruction]) -> None:
    """Write new instructions to Redis with those before them that are not there yet.

    Two programs may commit one after the other and get here the other way round. An endpoint that
    has accepted the later one refuses the earlier one for ever, so neither goes without the other.
    """
    newest = {row.endpoint_id: row.sequence for row in rows}
    waiting = OutboundInstruction.objects.filter(endpoint_id__in=newest, state=State.WAITING)
    earlier = waiting.exclude(pk__in=[row.pk for row in rows]).order_by("endpoint_id", "sequence")
    before = [row for row in earlier if row.sequence < newest[row.endpoint_id]]
    _push([*before, *rows])


def _push(rows: Sequence[OutboundInstruction]) -> None:
    with client() as redis, redis.pipeline(transaction=False) as pipeline:
        for row in rows:
            key = instructions_key(row.endpoint_id)
            pipeline.hset(key, str(row.sequence), bytes(row.envelope))
            # So that nothing stays for ever. Should an earlier instruction live longer than this
            # one, it is written again by `restore_waiting_instructions`.
            pipeline.expireat(key, row.expires_at)
        pipeline.publish(WAKE_CHANNEL, b"".join(row.endpoint_id.bytes for row in rows))
        pipeline.execute()


def _withdraw(instructions: Sequence[tuple[UUID, int]]) -> None:
    with client() as redis, redis.pipeline(transaction=False) as pipeline:
        for endpoint_id, sequence in instructions:
            pipeline.hdel(instructions_key(endpoint_id), str(sequence))
        pipeline.execute()


def _slices(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    remaining = iter(rows)
    while slice_ := list(islice(remaining, _WRITTEN_AT_ONCE)):
        yield slice_


def _storable(text: str) -> str:
    # PostgreSQL stores no NUL, and the text is the endpoint's.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_DETAIL_LENGTH]


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * _MICROSECONDS)


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / _MICROSECONDS, UTC)
