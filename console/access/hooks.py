"""What follows when somebody logs in, fails to, or logs out: the audit log hears of it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from console.access.login_attempts import count_failure
from console.access.models import User
from console.audit.services import REFUSED, record_audit_event
from console.core.actor import Actor
from console.core.requests import source_address_of


def subscribe() -> None:
    """Listen to Django's news about logins."""
    user_logged_in.connect(record_login, dispatch_uid="access.record_login")
    user_logged_out.connect(record_logout, dispatch_uid="access.record_logout")
    user_login_failed.connect(record_failure, dispatch_uid="access.record_failure")


def record_login(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that a user logged in to the web console."""
    _record("login", user, request)


def record_logout(request: HttpRequest, user: User | AnonymousUser | None, **_: Any) -> None:
    """Record that a user logged out; somebody whose login had ended already is nobody."""
    if isinstance(user, User):
        _record("logout", user, request)


def record_failure(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Count a failed login and record it; of those beyond what is allowed only the count grows."""
    if request is None:
        return
    now = timezone.now()
    username = str(credentials.get("username", ""))
    if not count_failure(request, username, now=now):
        return
    with transaction.atomic():
        record_audit_event(
            actor=Actor("anonymous", source_address=source_address_of(request)),
            action="login",
            outcome=REFUSED,
            subject_type=User._meta.label_lower,
            subject_name=username,
            now=now,
        )


def _record(action: str, user: User, request: HttpRequest) -> None:
    actor = Actor(user.get_username(), user.pk, source_address_of(request))
    with transaction.atomic():
        record_audit_event(actor=actor, action=action, subject=user, now=timezone.now())
