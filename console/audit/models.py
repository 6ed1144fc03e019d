"""Audit events: append-only, chained by hashes so that a missing or changed row shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from django.db import models

from console.audit.exceptions import AuditIsAppendOnly


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Reads and appends; whatever would change or remove a row is refused."""

    def update(self, **_: Any) -> NoReturn:
        """Refuse: an audit event is never changed."""
        raise AuditIsAppendOnly("audit events are never changed")

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: an audit event is never changed."""
        raise AuditIsAppendOnly("audit events are never changed")

    def bulk_create(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: `record_audit_event` appends, one link of the chain at a time."""
        raise AuditIsAppendOnly("audit events are appended one by one")

    def delete(self) -> NoReturn:
        """Refuse: an audit event is never removed."""
        raise AuditIsAppendOnly("audit events are never removed")

    def _raw_delete(self, using: str | None) -> NoReturn:
        # Cascades and the admin's bulk operation come through this door.
        raise AuditIsAppendOnly("audit events are never removed")


class AuditEvent(models.Model):
    """One thing that somebody did or tried to do.

    `sequence` counts from 1 without gaps. `digest` is the SHA-256 of the row's content and of the
    previous row's digest.
    """

    class Outcome(models.TextChoices):
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        REFUSED = "REFUSED", "Refused"

    sequence = models.PositiveBigIntegerField(unique=True)
    happened_at = models.DateTimeField(db_index=True)
    actor_id = models.PositiveBigIntegerField(null=True, db_index=True)
    actor_name = models.CharField(max_length=150)
    source_address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.SUCCEEDED)
    subject_type = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_name = models.CharField(max_length=255, blank=True)
    detail = models.JSONField(default=dict)
    previous_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        # Nobody adds, changes or deletes a row by hand, so nobody can be granted it.
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("subject_type", "subject_id"), name="audit_event_by_subject"),
        )

    def __str__(self) -> str:
        return f"{self.sequence}: {self.actor_name} {self.action} {self.subject_name}"

    def save(self, *, force_insert: bool = False, **options: Any) -> None:  # type: ignore[override]  # narrower on purpose: rows are only ever inserted
        """Insert the row. Raises `AuditIsAppendOnly` when it is stored already."""
        if not self._state.adding:
            raise AuditIsAppendOnly("audit events are never changed")
        super().save(force_insert=True, **options)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: an audit event is never removed."""
        raise AuditIsAppendOnly("audit events are never removed")


class AuditChain(models.Model):
    """The end of the chain, one row: what the next event links to.

    Locking it puts writers in a line; comparing with it shows when the newest events are gone.
    """

    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        default_permissions: ClassVar[Sequence[str]] = ()

    def __str__(self) -> str:
        return f"{self.sequence}: {self.digest}"
