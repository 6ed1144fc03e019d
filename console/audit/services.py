"""Append to the audit log, in the same transaction as what is reported."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models

from console.audit.chain import digest_of
from console.audit.exceptions import AuditNeedsTransaction
from console.audit.models import AuditChain, AuditEvent
from console.core.actor import Actor
from console.core.storable import storable_json, storable_text

SUCCEEDED = AuditEvent.Outcome.SUCCEEDED
REFUSED = AuditEvent.Outcome.REFUSED


def record_audit_event(  # noqa: PLR0913 - one keyword for each thing that a row says
    *,
    actor: Actor,
    action: str,
    subject: models.Model | None = None,
    subject_type: str = "",
    subject_id: str = "",
    subject_name: str = "",
    detail: Mapping[str, Any] | None = None,
    outcome: AuditEvent.Outcome = SUCCEEDED,
    now: datetime,
) -> AuditEvent:
    """Append one event and return it. `action` is `noun.verb`, as in `endpoint.revoke`.

    `subject` gives type, id and name of a row at once; `detail` is what JSON can hold, without
    secrets; a NUL in it becomes U+FFFD. Raises `AuditNeedsTransaction` outside a transaction: what
    is reported and the report stand or fall together.
    """
    if not connection.in_atomic_block:
        raise AuditNeedsTransaction(f"{action} was recorded outside a transaction")
    if subject is not None:
        subject_type, subject_id = subject._meta.label_lower, str(subject.pk)
        subject_name = subject_name or str(subject)
    end = _locked_end()
    event = AuditEvent(
        sequence=end.sequence + 1,
        happened_at=now,
        actor_id=actor.user_id,
        actor_name=storable_text(actor.name, 150),
        source_address=storable_text(actor.source_address, 64),
        action=action,
        outcome=outcome,
        subject_type=subject_type,
        subject_id=storable_text(subject_id, 64),
        subject_name=storable_text(subject_name, 255),
        detail=storable_json(dict(detail or {})),
        previous_digest=end.digest,
    )
    event.digest = digest_of(event)
    event.save()
    AuditChain.objects.filter(pk=1).update(sequence=event.sequence, digest=event.digest)
    return event


def _locked_end() -> AuditChain:
    # PostgreSQL: whoever comes second waits here until the first has committed. SQLite: the
    # transaction holds the only write lock already.
    locked = AuditChain.objects.select_for_update().filter(pk=1)
    end = locked.first()
    if end is None:
        AuditChain.objects.get_or_create(pk=1)
        end = locked.get()
    return end
