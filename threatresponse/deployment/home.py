"""What the home page says about intel and its way to endpoints."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from console.access.models import User
from console.core.home import HomePart, Step, Tile
from console.endpoints.reach import reach_of
from threatresponse.deployment.selectors import VIEW, DeploymentState, summarise_deployment
from threatresponse.intel.selectors import intel_visible_to


def home_part(user: User, *, now: datetime) -> HomePart:
    """Count the deployed Signals and say whether every endpoint has them."""
    if not user.has_perm("intel.view_inteldocument"):
        return HomePart()
    deployed = intel_visible_to(user).filter(is_deployed=True).count()
    tile = Tile(
        title="Signals deployed",
        value=f"{deployed:,}",
        note=_progress(user, deployed, now=now),
        url=reverse("admin:intel_inteldocument_changelist"),
        icon="policy",
        order=30,
    )
    step = Step(
        title="Write and deploy a Signal",
        text="A Signal is a rule that every endpoint evaluates on every event, also offline.",
        url=reverse("admin:intel_inteldocument_add"),
        action="New Signal",
        is_done=deployed > 0,
        order=30,
    )
    may_write = user.has_perm("intel.add_inteldocument")
    return HomePart(tiles=[tile], steps=[step] if may_write else [])


def _progress(user: User, deployed: int, *, now: datetime) -> str:
    summary = summarise_deployment(reach_of(user, VIEW), now=now)
    if not summary.revision:
        return "none was deployed yet"
    failed = summary.endpoints[DeploymentState.FAILED]
    current = summary.endpoints[DeploymentState.CURRENT]
    total = sum(summary.endpoints.values())
    if failed:
        return f"{failed:,} endpoint{'' if failed == 1 else 's'} could not take them"
    if current == total:
        return "on every endpoint" if deployed else "withdrawn everywhere"
    return f"on {current:,} of {total:,} endpoints"
