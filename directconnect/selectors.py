"""Read live sessions."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import QuerySet

from directconnect.models import Session


def sessions_visible_to(user: AbstractUser | AnonymousUser) -> QuerySet[Session]:
    """List the sessions that this user may know of: all by permission, else the own ones."""
    sessions = Session.objects.select_related("endpoint", "opened_by")
    if user.has_perm("directconnect.view_session"):
        return sessions
    return sessions.filter(opened_by_id=user.pk)


def sessions_usable_by(user: AbstractUser | AnonymousUser) -> QuerySet[Session]:
    """List the sessions through which this user may look at an endpoint.

    Only the own ones: what an analyst sees through a session is attributed to who opened it.
    """
    if not user.has_perm("directconnect.open_session"):
        return Session.objects.none()
    return Session.objects.select_related("endpoint").filter(opened_by_id=user.pk)


def session_standing(session_id: UUID) -> tuple[str, str]:
    """Return a session's state and why it ended; CLOSED for one that is gone."""
    standing = Session.objects.filter(pk=session_id).values_list("state", "close_reason").first()
    return standing or (Session.State.CLOSED.value, "the session is gone")
