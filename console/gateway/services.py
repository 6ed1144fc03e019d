"""Tell endpoints what to do, and record how it ended.

The row is the truth (`instruction_rows`). What the gateway reads is a copy in Redis (`mailboxes`),
written after the commit and made again by `restore_waiting_instructions` whenever Redis lost it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction

from console.audit.services import record_audit_event
from console.certificates.models import Certificate
from console.certificates.signing import sealer_for
from console.core.actor import Actor
from console.core.commits import after_commit
from console.core.redis import REVOKED_CERTIFICATES, REVOKED_CHANNEL, client
from console.core.storable import storable_text
from console.endpoints.models import Endpoint
from console.gateway import mailboxes
from console.gateway.batches import Notice
from console.gateway.instruction_rows import (
    Outcome,
    Standing,
    close_waiting,
    insert_waiting,
    standings,
    waiting_letters,
)
from console.gateway.mailboxes import Letter
from console.gateway.models import OutboundInstruction
from console.gateway.wakeups import CARRIED_BYTES, SealedInstruction
from console.modules import Received
from protocol.instructions import AnyInstruction, ApplyIntel
from protocol.messages import InstructionCompleted
from protocol.signing import Sealer

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
    endpoints = _lock_endpoints(endpoint_ids)
    if not endpoints:
        return 0
    kind = str(instruction.__struct_config__.tag)
    expires_at = now + lifetime
    sealer = sealer_for(
        instruction, issued_at=_microseconds(now), expires_at=_microseconds(expires_at)
    )
    fresh: list[Letter] = []
    queued: list[UUID] = []
    for slice_ in _slices(endpoints):
        if isinstance(instruction, _REPLACING):
            _expire_older(slice_, kind, now=now)
        before = standings(slice_)
        sealed = _seal(sealer, before)
        insert_waiting(sealed, kind=kind, created_at=now, expires_at=expires_at)
        for each in sealed:
            if before[each.endpoint_id].waits or len(each.envelope) > CARRIED_BYTES:
                queued.append(each.endpoint_id)
            else:
                fresh.append((each, expires_at))
    after_commit(_deliver, fresh, queued)
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
    outcomes = [
        Outcome(
            _OUTCOMES.get(message.outcome, State.FAILED).value,
            _instant(received_at),
            storable_text(message.detail, _DETAIL_LENGTH),
            endpoint_id,
            message.sequence,
        )
        for endpoint_id, message, received_at in batch
        if isinstance(message, InstructionCompleted)
    ]
    close_waiting(outcomes)
    done = [(outcome.endpoint_id, outcome.sequence) for outcome in outcomes]
    after_commit(mailboxes.withdraw, done)


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
    count = overdue.update(state=State.EXPIRED, completed_at=now, envelope=b"")
    after_commit(mailboxes.withdraw, withdrawn)
    return count


def restore_waiting_instructions(*, now: datetime) -> int:
    """Write to Redis what it should hold and does not, and wake the gateways; tell how many."""
    waiting = OutboundInstruction.objects.filter(state=State.WAITING, expires_at__gt=now)
    addresses = waiting.order_by("pk").values_list("endpoint_id", "sequence")
    restored = 0
    for lost in _slices(mailboxes.missing(addresses.iterator(chunk_size=_WRITTEN_AT_ONCE))):
        endpoint_ids = {endpoint_id for endpoint_id, _ in lost}
        mailboxes.put(waiting_letters(endpoint_id__in=endpoint_ids, expires_at__gt=now))
        restored += len(lost)
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


def _lock_endpoints(endpoint_ids: Iterable[UUID]) -> list[UUID]:
    """Lock those that may be told something, in an order that keeps two senders from a deadlock.

    Sequences of one endpoint are given and committed one after the other by this.
    """
    present = Endpoint.objects.select_for_update(no_key=True).filter(revoked_at=None)
    return [
        endpoint_id
        for slice_ in _slices(sorted(set(endpoint_ids)))
        for endpoint_id in present.filter(pk__in=slice_).order_by("pk").values_list("pk", flat=True)
    ]


def _seal(sealer: Sealer, before: Mapping[UUID, Standing]) -> list[SealedInstruction]:
    return [
        SealedInstruction(
            endpoint_id,
            standing.sequence + 1,
            sealer.seal(audience=endpoint_id, sequence=standing.sequence + 1),
        )
        for endpoint_id, standing in before.items()
    ]


def _expire_older(endpoint_ids: Sequence[UUID], kind: str, *, now: datetime) -> None:
    older = OutboundInstruction.objects.filter(
        endpoint_id__in=endpoint_ids, kind=kind, state=State.WAITING
    )
    withdrawn = list(older.values_list("endpoint_id", "sequence"))
    older.update(
        state=State.EXPIRED, completed_at=now, detail="replaced by a newer one", envelope=b""
    )
    after_commit(mailboxes.withdraw, withdrawn)


def _deliver(fresh: Sequence[Letter], queued: Sequence[UUID]) -> None:
    """Put new instructions into mailboxes: `fresh` as they are, the others with those before them.

    Two programs may commit one after the other and get here the other way round. An endpoint that
    has accepted the later one refuses the earlier one for ever, so neither goes without the other:
    what waits for the endpoints `queued` is read from the rows, all of it.
    """
    mailboxes.put(fresh)
    for slice_ in _slices(queued):
        mailboxes.put(waiting_letters(endpoint_id__in=slice_))


def _slices(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    remaining = iter(rows)
    while slice_ := list(islice(remaining, _WRITTEN_AT_ONCE)):
        yield slice_


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * _MICROSECONDS)


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / _MICROSECONDS, UTC)
