"""Publications: the whole intel of one moment, signed, on its way to endpoints."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class IntelPublication(models.Model):
    """All deployed rules at one revision. The newest one is what every endpoint should have.

    `content` is what `publications.pack_rules` made; `digest` the SHA-256 of the rules unpacked.
    """

    revision = models.PositiveBigIntegerField(unique=True)
    content = models.BinaryField()
    digest = models.CharField(max_length=64)
    rule_count = models.PositiveIntegerField()
    published_at = models.DateTimeField()
    published_by_name = models.CharField(max_length=150)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(revision__gte=1), name="publication_counts"),
        )

    def __str__(self) -> str:
        return f"Intel revision {self.revision}"
