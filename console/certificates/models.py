"""Certificates that the console's authority issued, enrolment tokens and signing keys.

Private keys never enter the database: they are files of mode 0600 under `<data>/keys`.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Authority(models.Model):
    """A certificate authority of this console; the newest active one issues."""

    name = models.CharField(max_length=128, unique=True)
    certificate = models.TextField()
    fingerprint = models.CharField(max_length=64, unique=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Certificate(models.Model):
    """One issued certificate. `subject_id` is the endpoint's UUID for client certificates."""

    class Purpose(models.TextChoices):
        SERVER = "SERVER", "Server"
        ENDPOINT = "ENDPOINT", "Endpoint"

    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="certificates")
    purpose = models.CharField(max_length=16, choices=Purpose)
    subject_id = models.UUIDField(null=True, db_index=True)
    serial_number = models.CharField(max_length=40, unique=True)
    fingerprint = models.CharField(max_length=64, unique=True)
    certificate = models.TextField()
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=255, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                condition=Q(not_after__gt=F("not_before")), name="certificate_has_a_life"
            ),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.serial_number}"


class EnrolmentToken(models.Model):
    """Permission for some computers to join. Only the SHA-256 of the token is kept."""

    name = models.CharField(max_length=128)
    digest = models.CharField(max_length=64, unique=True)
    uses_allowed = models.PositiveIntegerField()
    uses_left = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=150)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view", "add")
        permissions = (("revoke_enrolmenttoken", "Can revoke an enrolment token"),)
        constraints = (
            models.CheckConstraint(condition=Q(uses_allowed__gte=1), name="token_has_uses"),
            models.CheckConstraint(
                condition=Q(uses_left__lte=F("uses_allowed")), name="token_uses_within_allowance"
            ),
        )

    def __str__(self) -> str:
        return self.name


class SigningKey(models.Model):
    """The public half of an Ed25519 key that signs what makes endpoints act."""

    key_id = models.CharField(max_length=32, unique=True)
    public_key = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.key_id
