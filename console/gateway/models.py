"""What endpoints still have to receive: the durable side of the always-on channel."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class OutboundInstruction(models.Model):
    """A signed instruction for one endpoint, kept until the endpoint says how it ended.

    `sequence` grows by one per endpoint and is part of what is signed: an instruction is never
    accepted twice. `envelope` is what `protocol.signing.seal` made; empty once it has ended.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        DONE = "DONE", "Done"
        REFUSED = "REFUSED", "Refused"
        FAILED = "FAILED", "Failed"
        EXPIRED = "EXPIRED", "Expired"

    # The unique constraint's index begins with the endpoint: it needs none of its own.
    endpoint = models.ForeignKey(
        "endpoints.Endpoint",
        on_delete=models.CASCADE,
        related_name="instructions",
        db_index=False,
    )
    sequence = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=64)
    envelope = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    completed_at = models.DateTimeField(null=True, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("endpoint", "sequence"), name="instruction_sequence_is_unique"
            ),
            models.CheckConstraint(
                condition=Q(sequence__gte=1), name="instruction_sequence_counts"
            ),
        )
        # What waits is looked for all the time and is little; what has ended only grows.
        indexes = (
            models.Index(
                fields=("endpoint",),
                condition=Q(state="WAITING"),
                name="instruction_waits",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.sequence}"
