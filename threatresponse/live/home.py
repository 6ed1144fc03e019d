"""What the home page says about live sessions."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from console.access.models import User
from console.core.home import HomePart, Step
from directconnect.models import Session
from directconnect.selectors import sessions_usable_by


def home_part(user: User, *, now: datetime) -> HomePart:
    """Offer to watch an endpoint live, until this user has done it once."""
    if not user.has_perm("directconnect.open_session"):
        return HomePart()
    connected = sessions_usable_by(user).exclude(state=Session.State.FAILED)
    step = Step(
        title="Watch an endpoint live",
        text="Open a live session and search what it records while it happens, on the endpoint.",
        url=reverse("live-sessions"),
        action="Watch live",
        is_done=connected.filter(connected_at__isnull=False).exists(),
        order=40,
    )
    return HomePart(steps=[step])
