"""Make the two computer groups that every console has."""

from __future__ import annotations

from typing import Any, Final

from django.apps.registry import Apps
from django.utils import timezone

from console.endpoints.membership import follow_enrolment
from console.endpoints.models import ComputerGroup

SEEDED: Final = {
    ComputerGroup.Kind.ALL: "Every endpoint, those that enrol later included.",
    ComputerGroup.Kind.NONE: "No endpoint, now and ever.",
}


def seed_groups(*, apps: Apps | None = None, **_: Any) -> None:
    """Make All Computers and No Computers where they are missing; All Computers gets everybody.

    It runs after each migration, and changes nothing the second time.
    """
    if apps is not None and "membership" not in apps.all_models["endpoints"]:
        # Somebody migrated back to before there were groups.
        return
    now = timezone.now()
    for kind, description in SEEDED.items():
        ComputerGroup.objects.get_or_create(
            kind=kind,
            defaults={
                "name": kind.label,
                "description": description,
                "created_at": now,
                "evaluated_at": now,
            },
        )
    follow_enrolment(now=now)
