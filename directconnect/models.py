"""Live sessions: who looked at which endpoint, from when to when."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Session(models.Model):
    """One live session of one user with one endpoint.

    `last_message_at` is written about once a minute while the endpoint is attached: a session
    that is open without it has lost the program that carried it.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        OPEN = "OPEN", "Open"
        CLOSED = "CLOSED", "Closed"
        FAILED = "FAILED", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(
        "endpoints.Endpoint", on_delete=models.CASCADE, related_name="sessions"
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="live_sessions"
    )
    ticket_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    requested_at = models.DateTimeField(db_index=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=255, blank=True)

    class Meta:
        permissions = (("open_session", "Can open live sessions"),)
        indexes = (models.Index(fields=("state", "endpoint"), name="session_by_state"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("PENDING", "OPEN"), closed_at__isnull=True)
                | Q(state__in=("CLOSED", "FAILED"), closed_at__isnull=False),
                name="session_that_is_over_has_its_end",
            ),
        )

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.id}"
