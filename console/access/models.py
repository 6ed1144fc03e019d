"""Users, roles, and the content sets that roles are granted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, Group
from django.core.exceptions import ValidationError
from django.db import models
from guardian.models import GroupObjectPermissionBase
from knox.models import AuthToken

from console.access.time_zones import zone_names


class User(AbstractUser):
    """Someone who uses the console, or a script that does.

    Pages tell instants in UTC, and whoever points at one in `time_zone`, too; files and the API
    stay with UTC.
    """

    time_zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        """Refuse a time zone that this machine does not know."""
        super().clean()
        if self.time_zone not in zone_names():
            raise ValidationError(
                {"time_zone": "There is no such time zone; they are called like Europe/Warsaw."}
            )

    def save(self, **options: Any) -> None:
        """Store the user. A new password, or being inactive, ends every API token.

        Login sessions need nothing: they hold a digest of the password, and ask for an active user.
        """
        ends_tokens = getattr(self, "_password", None) is not None or not self.is_active
        super().save(**options)
        if ends_tokens:
            AuthToken.objects.filter(user=self).delete()


class Role(Group):
    """A set of permissions, and the containers whose content they reach.

    Its name and its Django permissions are the group's; computer groups and content sets are
    granted to the group through django-guardian. `key` names a seeded role, which keeps its
    permissions for ever; a copy of it may be changed.
    """

    key = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    description = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Role]] = models.Manager()  # type: ignore[assignment]  # the group's finds groups, without our fields

    class Meta:
        verbose_name = "role"

    def __str__(self) -> str:
        return self.name


class ContentSet(models.Model):
    """A drawer of sensors, saved questions and packages that share who may use them.

    Its permissions are granted to roles, never to users: see `console.access.content`.
    """

    name = models.CharField(max_length=128, unique=True)
    description = models.TextField(blank=True)
    reserved = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ("name",)
        permissions = (
            ("read_sensor", "Read Sensor"),
            ("write_sensor", "Write Sensor"),
            ("read_action", "Read Action"),
            ("read_own_action", "Read Own Action"),
            ("write_action", "Write Action"),
            ("show_preview", "Show Preview"),
            ("read_package", "Read Package"),
            ("write_package", "Write Package"),
            ("read_plugin", "Read Plugin"),
            ("execute_plugin", "Execute Plugin"),
            ("read_saved_question", "Read Saved Question"),
            ("write_saved_question", "Write Saved Question"),
            ("read_dashboard", "Read Dashboard"),
            ("write_dashboard", "Write Dashboard"),
            ("read_dashboard_group", "Read Dashboard Group"),
            ("write_dashboard_group", "Write Dashboard Group"),
        )

    def __str__(self) -> str:
        return self.name


class ContentSetGrant(GroupObjectPermissionBase):
    """One permission of one role on one content set."""

    content_object = models.ForeignKey(ContentSet, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "grant on a content set"
