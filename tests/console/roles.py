"""Roles for tests: some permissions, reaching some computer groups."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Permission
from django.utils import timezone

from console.access.models import Role, User
from console.endpoints.membership import add_members
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint


def all_computers() -> ComputerGroup:
    """Return the group of every endpoint."""
    return ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL)


def manual_group(name: str, *endpoints: Endpoint) -> ComputerGroup:
    """Make a group of exactly these endpoints."""
    group = ComputerGroup.objects.create(
        name=name, kind=ComputerGroup.Kind.MANUAL, created_at=timezone.now()
    )
    add_members(group.pk, [endpoint.pk for endpoint in endpoints])
    return group


def permissions_named(names: Iterable[str]) -> list[Permission]:
    """Find permissions by `app_label.codename`."""
    pairs = [name.split(".") for name in names]
    return [
        Permission.objects.get(content_type__app_label=app_label, codename=codename)
        for app_label, codename in pairs
    ]


def reach(role: Role, *groups: ComputerGroup) -> None:
    """Let a role reach these groups, and no other."""
    permission = Permission.objects.get(
        content_type__app_label="endpoints", codename="reach_computergroup"
    )
    ComputerGroupGrant.objects.filter(group=role).delete()
    ComputerGroupGrant.objects.bulk_create(
        ComputerGroupGrant(group=role, permission=permission, content_object=group)
        for group in groups
    )


def give_role(
    user: User, *permissions: str | Permission, groups: Iterable[ComputerGroup] | None = None
) -> Role:
    """Give a user a role of their own with these permissions; it reaches All Computers."""
    role = Role.objects.create(name=f"role of {user.username} {user.groups.count()}")
    named = permissions_named(name for name in permissions if isinstance(name, str))
    role.permissions.set([*named, *(p for p in permissions if isinstance(p, Permission))])
    reach(role, *([all_computers()] if groups is None else groups))
    user.groups.add(role)
    return role
