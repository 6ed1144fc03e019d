"""Endpoints: the computers that this console looks after."""

from __future__ import annotations

import uuid

from django.db import models


class Endpoint(models.Model):
    """One enrolled computer.

    What it said of itself at its last Hello stands in plain columns; its last status report stands
    whole in `status` (the fields of `protocol.messages.StatusReport`). Whether it is online now is
    not here: presence lives in Redis.
    """

    class OperatingSystem(models.TextChoices):
        LINUX = "linux", "Linux"
        WINDOWS = "windows", "Windows"
        MACOS = "macos", "macOS"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host_name = models.CharField(max_length=255, db_index=True)
    os = models.CharField(max_length=16, choices=OperatingSystem)
    os_name = models.CharField(max_length=128, blank=True)
    os_version = models.CharField(max_length=128, blank=True)
    kernel = models.CharField(max_length=128, blank=True)
    architecture = models.CharField(max_length=32, blank=True)
    machine_id = models.CharField(max_length=64, blank=True)
    addresses = models.JSONField(default=list)
    source_address = models.CharField(max_length=64, blank=True)
    agent_version = models.CharField(max_length=32, blank=True)
    certificate = models.OneToOneField(
        "certificates.Certificate", on_delete=models.PROTECT, related_name="endpoint"
    )
    enrolled_at = models.DateTimeField()
    enrolled_with = models.CharField(max_length=128, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    boot_id = models.CharField(max_length=64, blank=True)
    capabilities = models.JSONField(default=list)
    intel_revision = models.PositiveBigIntegerField(default=0)
    status = models.JSONField(default=dict)
    status_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Endpoints join by enrolment and leave by revocation; nobody adds or deletes one by hand.
        default_permissions = ("view",)
        permissions = (("revoke_endpoint", "Can cut an endpoint off"),)

    def __str__(self) -> str:
        return self.host_name
