"""Tell whether one user may do all that another may, so that they may act on their account.

A role is what may be done and where: somebody with the same permissions on fewer endpoints, or on
less content, is the weaker one. Grants are read from every table of django-guardian for groups,
those of apps above this one included.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from guardian.models import GroupObjectPermissionBase

from console.access.models import User

# (table of grants, number of the permission, number of the object)
Grant = tuple[str, int, int]


def is_no_weaker(acting: User, target: User) -> bool:
    """Tell whether `acting` may do everything that `target` may do, or could do when active."""
    if acting.is_superuser:
        return acting.is_active
    # As if active: an inactive user has no permissions, and may become active again.
    awake = User.objects.get(pk=target.pk)
    awake.is_active = True
    return awake.get_all_permissions() <= acting.get_all_permissions() and _covers(acting, awake)


def _covers(acting: User, target: User) -> bool:
    """Tell whether each grant of the target comes with as many permissions to the acting user."""
    held, wanted = _permissions_by_grant(acting), _permissions_by_grant(target)
    return all(permissions <= held[grant] for grant, permissions in wanted.items())


def _permissions_by_grant(user: User) -> defaultdict[Grant, set[int]]:
    permissions: dict[int, set[int]] = defaultdict(set)
    for role, permission in Permission.objects.filter(group__user=user).values_list("group", "pk"):
        permissions[role].add(permission)
    found: defaultdict[Grant, set[int]] = defaultdict(set)
    for table in _grant_tables():
        rows = table.objects.filter(group__user=user)
        for role, *grant in rows.values_list("group_id", "permission_id", "content_object_id"):
            found[table._meta.label, grant[0], grant[1]] |= permissions[role]
    return found


def _grant_tables() -> list[Any]:
    return [
        model
        for model in apps.get_models()
        if issubclass(model, GroupObjectPermissionBase) and hasattr(model, "content_object_id")
    ]
