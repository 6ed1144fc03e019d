"""The pages of live endpoints: the user's sessions, and one session with its event grid."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.http import require_POST, require_safe

from console.core.admin import page_in_shell
from console.core.exceptions import NotFound, VedetteError
from console.core.instants import how_long_ago
from console.core.requests import actor_of
from console.endpoints.selectors import endpoint_visible_to
from directconnect.models import Session
from directconnect.selectors import sessions_usable_by
from directconnect.services import close_session, open_session
from threatresponse.live.vocabulary import search_vocabulary

PERMISSION: Final = "directconnect.open_session"
SESSIONS_SHOWN: Final = 100

# The search that an address carries to the page; a longer one would not fit into an address.
LONGEST_SEARCH: Final = 4000

STATES: Final = {
    Session.State.PENDING.value: ("Connecting", "warn"),
    Session.State.OPEN.value: ("Open", "good"),
    Session.State.CLOSED.value: ("Closed", ""),
    Session.State.FAILED.value: ("Failed", "alarm"),
}
ALIVE: Final = (Session.State.PENDING, Session.State.OPEN)


@require_safe
def list_sessions(request: HttpRequest) -> HttpResponse:
    """Show the user's sessions, those that are alive first; `?part=rows` only the table."""
    _check_permission(request)
    is_over = Case(When(state__in=ALIVE, then=Value(0)), default=1, output_field=IntegerField())
    sessions = sessions_usable_by(request.user).order_by(is_over, "-requested_at")
    now = timezone.now()
    context = {
        "title": "Live endpoints",
        "rows": [_row(session, now) for session in sessions[:SESSIONS_SHOWN]],
        "may_see_endpoints": request.user.has_perm("endpoints.view_endpoint"),
    }
    if request.GET.get("part") == "rows":
        return TemplateResponse(request, "live/session_rows.html", context)
    return page_in_shell(request, "live/sessions.html", context)


@require_safe
def show_session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Show one session with its grid. `?search=` is what the grid asks first."""
    _check_permission(request)
    session = _usable_session(request, session_id)
    title, tone = STATES[session.state]
    context = {
        "title": session.endpoint.host_name,
        "session": session,
        "state_title": title,
        "state_tone": tone,
        "may_see_endpoints": request.user.has_perm("endpoints.view_endpoint"),
        "live": {
            "socket": f"/ws/sessions/{session.pk}/",
            "host_name": session.endpoint.host_name,
            "state": session.state,
            "reason": session.close_reason,
            "search": request.GET.get("search", "")[:LONGEST_SEARCH],
            **search_vocabulary(session.endpoint.os),
        },
    }
    return page_in_shell(request, "live/session.html", context)


@require_POST
def open_live_session(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Ask an endpoint for a session and lead to its page; a refusal leads back with the reason.

    `search` in the form is passed on to the page.
    """
    _check_permission(request)
    try:
        endpoint = endpoint_visible_to(request.user, endpoint_id, permission=PERMISSION)
    except NotFound as error:
        raise Http404(error.detail) from error
    try:
        session = open_session(endpoint, actor=actor_of(request), now=timezone.now())
    except VedetteError as refusal:
        messages.error(request, refusal.detail)
        back = reverse("admin:endpoints_endpoint_change", args=[endpoint.pk])
        return HttpResponseRedirect(back)
    address = reverse("live-session", args=[session.pk])
    search = request.POST.get("search", "")[:LONGEST_SEARCH]
    return HttpResponseRedirect(f"{address}?{urlencode({'search': search})}" if search else address)


@require_POST
def close_live_session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """End a session and lead back to the list."""
    _check_permission(request)
    session = _usable_session(request, session_id)
    close_session(session, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"The session with {session.endpoint.host_name} is closed.")
    return HttpResponseRedirect(reverse("live-sessions"))


def _check_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def _usable_session(request: HttpRequest, session_id: UUID) -> Session:
    session = sessions_usable_by(request.user).filter(pk=session_id).first()
    if session is None:
        raise Http404("There is no such session of yours.")
    return session


def _row(session: Session, now: datetime) -> dict[str, Any]:
    title, tone = STATES[session.state]
    return {
        "session": session,
        "state_title": title,
        "state_tone": tone,
        "is_alive": session.state in ALIVE,
        "opened": how_long_ago(session.requested_at, now=now),
        "heard": how_long_ago(session.last_message_at, now=now) if session.last_message_at else "",
        "lasts": _duration(session, now),
    }


def _duration(session: Session, now: datetime) -> str:
    if session.connected_at is None:
        return ""
    end = session.closed_at or now
    if end - session.connected_at < timedelta(minutes=1):
        return "under a minute"
    return timesince(session.connected_at, end)
