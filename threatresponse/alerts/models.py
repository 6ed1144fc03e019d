"""Alerts: what rules found on endpoints."""

from __future__ import annotations

from django.db import models


class Alert(models.Model):
    """One match of one rule on one endpoint. The id comes from the endpoint: storing is idempotent.

    The rule's name and techniques are copied: the alert stays readable when the rule is gone.
    `event` is as `protocol.event_json` writes it, its process and ancestors included; `matched`
    holds the terms that were true and the text they were true of. All of it is an endpoint's word:
    text to show, never markup, a path or a name to act upon.
    """

    class State(models.TextChoices):
        UNRESOLVED = "UNRESOLVED", "Unresolved"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        RESOLVED = "RESOLVED", "Resolved"
        DISMISSED = "DISMISSED", "Dismissed"

    id = models.UUIDField(primary_key=True, editable=False)
    endpoint = models.ForeignKey(
        "endpoints.Endpoint", on_delete=models.CASCADE, related_name="alerts"
    )
    intel = models.ForeignKey(
        "intel.IntelDocument", on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    intel_revision = models.PositiveBigIntegerField()
    intel_name = models.CharField(max_length=255)
    techniques = models.JSONField(default=list)
    happened_at = models.DateTimeField(db_index=True)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.UNRESOLVED)
    process_path = models.TextField(blank=True)
    user_name = models.CharField(max_length=255, blank=True)
    event = models.JSONField()
    matched = models.JSONField(default=list)

    class Meta:
        indexes = (
            models.Index(fields=("-received_at", "id"), name="alert_newest_first"),
            models.Index(fields=("state", "-received_at"), name="alert_by_state"),
            models.Index(fields=("endpoint", "-received_at"), name="alert_by_endpoint"),
        )

    def __str__(self) -> str:
        return f"{self.intel_name} {self.id}"
