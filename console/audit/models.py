"""Audit events: append-only, chained by hashes so that a missing or changed row shows."""

from __future__ import annotations

from django.db import models


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

    class Meta:
        indexes = (
            models.Index(fields=("subject_type", "subject_id"), name="audit_event_by_subject"),
        )

    def __str__(self) -> str:
        return f"{self.sequence}: {self.actor_name} {self.action} {self.subject_name}"
