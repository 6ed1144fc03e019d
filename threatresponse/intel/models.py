"""Intel documents. Signals first; OpenIOC, STIX, CybOX and YARA are types of the same noun."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


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
    created_at = models.DateTimeField(db_index=True)
    created_by_name = models.CharField(max_length=150)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=150)
    # The newest revision that a publication carried, and whether it is to be on endpoints at all.
    is_deployed = models.BooleanField(default=False)
    deployed_revision = models.PositiveBigIntegerField(null=True, blank=True)
    deployed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = (("deploy_inteldocument", "Can deploy and withdraw intel"),)
        constraints = (
            models.CheckConstraint(condition=Q(revision__gte=1), name="intel_revision_counts"),
            models.CheckConstraint(
                condition=Q(is_deployed=False) | Q(deployed_revision__isnull=False),
                name="intel_deployed_has_its_revision",
            ),
        )

    def __str__(self) -> str:
        return self.name
