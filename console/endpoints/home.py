"""What the home page says about endpoints."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from console.access.models import User
from console.core.home import HomePart, Step, Tile
from console.endpoints.selectors import count_endpoints


def home_part(user: User, *, now: datetime) -> HomePart:
    """Count the endpoints that this user may see and offer to add one."""
    if not user.has_perm("endpoints.view_endpoint"):
        return HomePart()
    counts = count_endpoints(user, now=now)
    offline = counts.enrolled - counts.online
    tile = Tile(
        title="Endpoints online",
        value=f"{counts.online:,} of {counts.enrolled:,}",
        note=f"{offline:,} offline" if offline else "all of them",
        url=reverse("admin:endpoints_endpoint_changelist"),
        icon="computer",
        tone="good" if counts.enrolled and not offline else "plain",
        order=20,
    )
    step = Step(
        title="Add endpoints",
        text="One line on each computer installs the agent and lets it join this console.",
        url=reverse("admin:endpoints_endpoint_add"),
        action="Add endpoint",
        is_done=counts.enrolled > 1,
        order=20,
    )
    may_add = user.has_perm("certificates.add_enrolmenttoken")
    return HomePart(tiles=[tile], steps=[step] if may_add else [])
