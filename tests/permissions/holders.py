"""Somebody for each seeded role but the administrator's, with what was granted to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Permission
from django.test import Client
from rest_framework.test import APIClient

from console.access.catalogue import ADMINISTRATOR
from console.access.models import Role, User
from tests.permissions.rule import (
    READS_SAVED,
    READS_SENSOR,
    WRITES_SAVED,
    WRITES_SENSOR,
    Rule,
)
from tests.permissions.scene import Scene, client_of, grant_content, with_role


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with one role that reaches the near group, and how they reach the console."""

    role: Role
    user: User
    permissions: frozenset[str]
    page: Client | APIClient
    api: Client | APIClient

    def may(self, rule: Rule) -> bool:
        """Tell whether the role's permissions are enough, its reach left aside."""
        if rule.access == "administrator":
            return False
        if rule.either and self.permissions.isdisjoint(rule.either):
            return False
        return rule.access == "login" or self.permissions.issuperset(rule.permissions)


def holders_of_all_roles(scene: Scene) -> list[Holder]:
    """Give each seeded role to somebody; it reaches the near group and all of its content set."""
    roles = Role.objects.exclude(key=None).exclude(key=ADMINISTRATOR.key).order_by("name")
    return [holder_of(role, scene) for role in roles]


def holder_of(role: Role, scene: Scene) -> Holder:
    """Give a role to somebody; it reaches the near group and all of the granted content set."""
    user = with_role(role, scene.near_group)
    grant_content(role, scene.content_set, READS_SENSOR, WRITES_SENSOR, READS_SAVED, WRITES_SAVED)
    pairs = Permission.objects.filter(group=role).values_list("content_type__app_label", "codename")
    return Holder(
        role,
        user,
        frozenset(".".join(pair) for pair in pairs),
        client_of(user, api=False),
        client_of(user, api=True),
    )
