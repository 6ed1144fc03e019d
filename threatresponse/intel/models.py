"""Intel documents. Signals first; OpenIOC, STIX, CybOX and YARA are types of the same noun."""

from __future__ import annotations

import uuid

from django.db import models


class IntelDocument(models.Model):
    """A rule or an indicator that can be deployed to endpoints.

    `definition` is the text as its author wrote it. `revision` grows with every change of what an
    endpoint would evaluate.
    """

    class Type(models.TextChoices):
        SIGNAL = "signal", "Signal"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=16, choices=Type, default=Type.SIGNAL)
    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True)
    platforms = models.JSONField(default=list)
    techniques = models.JSONField(default=list)
    definition = models.TextField()
    revision = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=150)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=150)
    # The newest revision that a publication carried, and whether it is to be on endpoints at all.
    is_deployed = models.BooleanField(default=False)
    deployed_revision = models.PositiveBigIntegerField(null=True, blank=True)
    deployed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
