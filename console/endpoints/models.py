"""Endpoints: the computers that this console looks after."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from guardian.models import GroupObjectPermissionBase


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


class Label(models.Model):
    """A word that users put on endpoints, in bulk, to find and group them."""

    name = models.CharField(max_length=64, unique=True)
    colour = models.CharField(max_length=16, blank=True)
    endpoints = models.ManyToManyField(Endpoint, related_name="labels", blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ComputerGroup(models.Model):
    """A set of endpoints. Who is in it stands in `Membership`, for every kind.

    `rule` is the text of a FILTER group, in the language of questions' filters, over the properties
    of endpoints, their labels, other groups and answers of sensors (`EndpointFact`).
    """

    class Kind(models.TextChoices):
        ALL = "all", "All Computers"
        NONE = "none", "No Computers"
        FILTER = "filter", "Filter"
        MANUAL = "manual", "Manual"

    name = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    description = models.TextField(blank=True)
    rule = models.TextField(blank=True)
    member_count = models.PositiveIntegerField(default=0, editable=False)
    # Another number after every change of the members, by chance: one that was seen does not come
    # again, not even after a backup was restored. 0 before the first.
    members_version = models.PositiveBigIntegerField(default=0, editable=False)
    evaluated_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("name",)
        permissions = (("reach_computergroup", "Can work with the endpoints of a group"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind="filter") | Q(rule=""), name="only_filter_groups_have_a_rule"
            ),
            models.UniqueConstraint(
                fields=("kind",),
                condition=Q(kind__in=("all", "none")),
                name="one_group_of_all_and_one_of_none",
            ),
        )

    def __str__(self) -> str:
        return self.name


class ComputerGroupGrant(GroupObjectPermissionBase):
    """A role reaches the endpoints of this group: see `console.endpoints.reach`."""

    content_object = models.ForeignKey(ComputerGroup, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "grant on a computer group"


class Membership(models.Model):
    """An endpoint is in a group now. Written only by `console.endpoints.membership`."""

    # Both ways are covered by the constraint and the index below.
    group = models.ForeignKey(
        ComputerGroup, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("group", "endpoint"), name="endpoint_is_in_group_once"),
        )
        indexes = (models.Index(fields=("endpoint", "group"), name="groups_of_endpoint"),)

    def __str__(self) -> str:
        return f"{self.endpoint_id} in {self.group_id}"


class EndpointFact(models.Model):
    """What an endpoint answered last to a sensor that a group's rule names.

    `call` is the sensor's key with its parameters (`sensors.calls.canonical`), `rows` the answer.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="facts")
    call = models.CharField(max_length=512)
    rows = models.JSONField(default=list)
    answered_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("endpoint", "call"), name="endpoint_has_a_fact_once"),
        )

    def __str__(self) -> str:
        return f"{self.call} of {self.endpoint_id}"
