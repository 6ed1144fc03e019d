"""Choose which computer groups a role reaches, and tell the pages of roles about it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import Permission
from django.db import transaction

from console.access.models import Role
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput
from console.endpoints.models import ComputerGroup, ComputerGroupGrant
from console.endpoints.reach import REACH


def set_role_reach(
    role: Role, group_ids: Collection[int], *, actor: Actor, now: datetime
) -> list[ComputerGroup]:
    """Let a role reach these groups and no other; return them by name.

    Acts on the next request of everybody who has the role. Raises InvalidInput for a group that
    is not there.
    """
    with transaction.atomic(durable=True):
        groups = list(ComputerGroup.objects.filter(pk__in=set(group_ids)).order_by("name"))
        if len(groups) != len(set(group_ids)):
            raise InvalidInput(
                "The role was not changed.", errors={"groups": ["There is no such group."]}
            )
        grants = ComputerGroupGrant.objects.filter(group=role, permission=reach_permission())
        before = sorted(grants.values_list("content_object__name", flat=True))
        grants.exclude(content_object__in=groups).delete()
        ComputerGroupGrant.objects.bulk_create(
            (
                ComputerGroupGrant(group=role, permission=reach_permission(), content_object=group)
                for group in groups
            ),
            ignore_conflicts=True,
        )
        after = [group.name for group in groups]
        if before != sorted(after):
            record_audit_event(
                actor=actor,
                action="role.reach",
                subject=role,
                detail={"before": before, "after": after},
                now=now,
            )
    return groups


def reach_permission() -> Permission:
    """Return the permission that grants on computer groups are made with."""
    return Permission.objects.get(content_type__app_label="endpoints", codename=REACH)
