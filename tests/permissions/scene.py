"""One of everything that an address can name, and people with chosen powers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.test import Client
from rest_framework.test import APIClient

from console.access.models import User
from console.audit.models import AuditEvent
from console.certificates.models import EnrolmentToken
from directconnect.models import Session
from tests.console.api_client import api_client, make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from threatresponse.alerts.models import Alert
from threatresponse.intel.services import SignalDraft, create_intel

BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Scene:
    """The texts with which addresses name what there is."""

    things: dict[str, str]

    def fill(self, sends: dict[str, Any] | None) -> dict[str, Any] | None:
        """Put what there is in the place of `$thing` in a body."""
        if sends is None:
            return None
        return {
            name: self.things[value[1:]]
            if isinstance(value, str) and value.startswith("$")
            else value
            for name, value in sends.items()
        }


def make_scene() -> Scene:
    """Make one of everything."""
    endpoint = enrolled_endpoint()
    document = create_intel(
        SignalDraft(
            name="Download and run",
            definition="process.command_line contains 'curl'",
            platforms=["linux"],
        ),
        actor=ADMINISTRATOR,
        now=NOW,
    )
    alert = Alert.objects.create(
        id=uuid.uuid4(),
        endpoint=endpoint,
        intel=document,
        intel_revision=1,
        intel_name="Shell from the web server",
        happened_at=NOW,
        received_at=NOW,
        event={"kind": "process", "process": {"path": "/bin/sh", "pid": 11}},
    )
    owner = make_user("owner")
    # Without one nobody may be changed: somebody has to be left to administer the console.
    make_user("keeper", is_superuser=True)
    audit = AuditEvent.objects.latest("sequence")
    ended = {"state": Session.State.CLOSED, "closed_at": NOW}
    return Scene(
        {
            "endpoint": str(endpoint.pk),
            "certificate": str(endpoint.certificate.pk),
            "serial": endpoint.certificate.serial_number,
            "token": str(EnrolmentToken.objects.latest("pk").pk),
            "intel": str(document.pk),
            "alert": str(alert.pk),
            "user": str(make_user("bob").pk),
            "group": str(Group.objects.create(name="analysts").pk),
            "audit": str(audit.sequence),
            "audit_row": str(audit.pk),
            "session": str(_session(endpoint.pk, owner).pk),
            "ended_session": str(_session(endpoint.pk, owner, **ended).pk),
            "one": "1",
            "nowhere": "nowhere",
        }
    )


def with_permissions(name: str, permissions: tuple[str, ...]) -> User:
    """Make a user of the pages with exactly these permissions, who opened the sessions."""
    return _owning_sessions(make_user(name, *permissions, is_staff=True))


def with_everything_but(name: str, missing: str = "") -> User:
    """Make a user with every permission that there is but one, and no administrator."""
    user = make_user(name, is_staff=True)
    app_label, _, codename = missing.partition(".")
    user.user_permissions.set(
        Permission.objects.exclude(content_type__app_label=app_label, codename=codename)
    )
    return _owning_sessions(user)


def administrator() -> User:
    """Make an administrator."""
    return _owning_sessions(make_user("root", is_staff=True, is_superuser=True))


def client_of(user: User | None, *, api: bool) -> Client | APIClient:
    """Return how this user, or nobody, reaches the API with a token or the pages with a login."""
    if api:
        return APIClient() if user is None else api_client(user)
    client = Client()
    if user is not None:
        client.force_login(user, BACKEND)
    return client


def _session(endpoint_id: uuid.UUID, owner: User, **fields: Any) -> Session:
    return Session.objects.create(
        endpoint_id=endpoint_id, opened_by=owner, requested_at=NOW, ticket_digest="", **fields
    )


def _owning_sessions(user: User) -> User:
    Session.objects.update(opened_by=user)
    return user
