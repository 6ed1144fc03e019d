"""Read live sessions."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import QuerySet

from console.endpoints.reach import reach_of
from directconnect.models import Session

OPEN: Final = "directconnect.open_session"
VIEW: Final = "directconnect.view_session"


def sessions_visible_to(user: AbstractUser | AnonymousUser) -> QuerySet[Session]:
    """List the sessions that this user may know of: others' by permission, and the own ones.

    Both with the endpoints only that the user reaches.
    """
    sessions = Session.objects.select_related("endpoint", "opened_by")
    others = reach_of(user, VIEW).endpoints(sessions, field="endpoint")
    own = reach_of(user, OPEN).endpoints(sessions.filter(opened_by_id=user.pk), field="endpoint")
    return others | own


def sessions_usable_by(user: AbstractUser | AnonymousUser) -> QuerySet[Session]:
    """List the sessions through which this user may look at an endpoint.

    Only the own ones: what an analyst sees through a session is attributed to who opened it.
    """
    own = Session.objects.select_related("endpoint").filter(opened_by_id=user.pk)
    return reach_of(user, OPEN).endpoints(own, field="endpoint")


def session_standing(session_id: UUID) -> tuple[str, str]:
    """Return a session's state and why it ended; CLOSED for one that is gone."""
    standing = Session.objects.filter(pk=session_id).values_list("state", "close_reason").first()
    return standing or (Session.State.CLOSED.value, "the session is gone")
