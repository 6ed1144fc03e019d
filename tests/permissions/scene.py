"""One of everything that an address can name, twice: within a role's reach and out of it.

Two endpoints are in two computer groups. What belongs to the far one carries `FAR` in its names, so
that a leak can be seen in any answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from console.access.models import ContentSet, ContentSetGrant, Role, User
from console.audit.models import AuditEvent
from console.certificates.models import EnrolmentToken
from console.endpoints.labels import LabelDraft, create_label, place_labels
from console.endpoints.models import ComputerGroup, Endpoint, Label
from console.questions.models import (
    Answer,
    AnswerExport,
    AnswerRow,
    Question,
    QuestionTarget,
    SavedQuestion,
    Sensor,
    SensorVersion,
)
from directconnect.models import Session
from tests.console.api_client import api_client, make_user
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.console.roles import give_role, manual_group, reach
from threatresponse.alerts.models import Alert
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel

BACKEND = "django.contrib.auth.backends.ModelBackend"
FAR: Final = "far-and-secret"

Things = dict[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """The texts with which addresses name what there is.

    `far` names the same kinds of things of the other endpoint, and what lies in a content set that
    no role may use; `missing` things that are nowhere. Both hold only what is bound to one of the
    two. `secrets` are texts that only who reaches the far endpoint may ever read. What lies in
    content sets is for those to whom `content_set` is granted.
    """

    things: Things
    far: Things
    missing: Things
    secrets: tuple[str, ...]
    near_group: ComputerGroup
    content_set: ContentSet

    def fill(self, sends: dict[str, Any] | None, things: Things | None = None) -> Any:
        """Put what there is in the place of `$thing` in a body."""
        return _filled(sends, self.things | (things or {}))


def make_scene() -> Scene:
    """Make one of everything, and what is bound to endpoints twice."""
    # Without one nobody may be changed: somebody has to be left to administer the console.
    make_user("keeper", is_superuser=True)
    owner = make_user("owner")
    near, far = enrolled_endpoint("near-endpoint"), enrolled_endpoint(f"{FAR}-endpoint")
    document = _document()
    near_things = _things_of(near, "near", document, owner)
    near_content, content_set = _content_of("near")
    far_things = _things_of(far, FAR, document, owner) | _content_of(FAR)[0]
    near_group = manual_group("Near group", near)
    manual_group(f"{FAR} group", far)
    audit = AuditEvent.objects.latest("sequence")
    return Scene(
        near_things
        | near_content
        | {
            "token": str(EnrolmentToken.objects.latest("pk").pk),
            "intel": str(document.pk),
            "user": str(make_user("bob").pk),
            "role": str(Role.objects.create(name="analysts").pk),
            "audit": str(audit.sequence),
            "audit_row": str(audit.pk),
            "one": "1",
            "nowhere": "nowhere",
        },
        far_things,
        {name: _nowhere(text) for name, text in far_things.items()},
        (FAR, *(text for text in far_things.values() if not text.isdecimal())),
        near_group,
        content_set,
    )


def with_permissions(name: str, permissions: tuple[str, ...]) -> User:
    """Make a user of the pages with exactly these permissions everywhere, who owns what is owned.

    Sessions are their opener's, and a group that no role reaches is its maker's.
    """
    return owning(make_user(name, *permissions, is_staff=True))


def with_everything_but(name: str, *missing: str) -> User:
    """Make a user with every permission that there is but some, and no administrator."""
    user = make_user(name, is_staff=True)
    others = Permission.objects.all()
    for each in missing:
        app_label, _, codename = each.partition(".")
        others = others.exclude(content_type__app_label=app_label, codename=codename)
    give_role(user, *others)
    return owning(user)


def grant_content(role: Group, content_set: ContentSet, *permissions: str) -> None:
    """Let a role use a content set, in these ways."""
    known = Permission.objects.filter(content_type__app_label="access", codename__in=permissions)
    ContentSetGrant.objects.bulk_create(
        ContentSetGrant(group=role, permission=permission, content_object=content_set)
        for permission in known.filter(content_type__model="contentset")
    )


def administrator() -> User:
    """Make an administrator."""
    return owning(make_user("root", is_staff=True, is_superuser=True))


def with_role(role: Role, *groups: ComputerGroup) -> User:
    """Make a user of the pages who has this role, which reaches these groups only."""
    reach(role, *groups)
    user = make_user(f"holder of {role.name}"[:150], is_staff=True)
    user.groups.add(role)
    return user


def owning(user: User) -> User:
    """Let a user own the sessions and the groups of the scene."""
    Session.objects.update(opened_by=user)
    ComputerGroup.objects.filter(name="near made").update(created_by=user)
    if user.is_superuser:
        AnswerExport.objects.update(created_by=user)
    return user


def client_of(user: User | None, *, api: bool) -> Client | APIClient:
    """Return how this user, or nobody, reaches the API with a token or the pages with a login."""
    if api:
        return APIClient() if user is None else api_client(user)
    client = Client()
    if user is not None:
        client.force_login(user, BACKEND)
    return client


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo what is written meanwhile. Services may commit durably within, as in a test case."""
    block: Any = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def _document() -> IntelDocument:
    return create_intel(
        SignalDraft(
            name="Download and run",
            definition="process.command_line contains 'curl'",
            platforms=["linux"],
        ),
        actor=ADMINISTRATOR,
        now=NOW,
    )


def _things_of(endpoint: Endpoint, side: str, document: IntelDocument, owner: User) -> Things:
    alert = Alert.objects.create(
        id=uuid.uuid4(),
        endpoint=endpoint,
        intel=document,
        intel_revision=1,
        intel_name=f"{side} alert",
        process_path=f"/bin/{side}",
        happened_at=NOW,
        received_at=NOW,
        event={"kind": "process", "process": {"path": f"/bin/{side}", "pid": 11}},
    )
    label = create_label(LabelDraft(f"{side} label"), actor=ADMINISTRATOR, now=NOW)
    place_labels([endpoint.pk], put=[label], actor=ADMINISTRATOR, now=NOW)
    group = ComputerGroup.objects.create(
        name=f"{side} made", kind="filter", rule=f'Computer Name is "{side}"', created_at=NOW
    )
    ended = {"state": Session.State.CLOSED, "closed_at": NOW}
    question = _question(endpoint, side, owner)
    return {
        "endpoint": str(endpoint.pk),
        "certificate": str(endpoint.certificate.pk),
        "serial": endpoint.certificate.serial_number,
        "alert": str(alert.pk),
        "label": str(Label.objects.get(pk=label.pk).pk),
        "computer_group": str(group.pk),
        "question": str(question.pk),
        "answer_row": str(question.rows.get().pk),
        "export": str(_export(question, owner).pk),
        "session": str(_session(endpoint.pk, owner).pk),
        "ended_session": str(_session(endpoint.pk, owner, **ended).pk),
    }


def _question(endpoint: Endpoint, side: str, owner: User) -> Question:
    """Make a question that only this endpoint was asked, and answered."""
    question = Question.objects.create(
        sequence=Question.objects.count() + 1,
        text=f'Get Computer Name from machines with Computer Name is "{side}"',
        columns=[{"sensor": "Computer Name", "name": "Computer Name", "type": "text"}],
        request=b"",
        envelope=b"",
        asked_by=owner,
        asked_at=timezone.now(),
        expires_at=timezone.now() + timedelta(hours=1),
        asked=1,
        answered=1,
    )
    answered = QuestionTarget.State.ANSWERED
    QuestionTarget.objects.create(question=question, endpoint=endpoint, state=answered, rows=1)
    AnswerRow.objects.create(question=question, digest=1, values=[f"{side}-answer"], count=1)
    Answer.objects.create(question=question, endpoint=endpoint, digest=1)
    return question


def _export(question: Question, owner: User) -> AnswerExport:
    state = AnswerExport.State.WAITING
    return AnswerExport.objects.create(
        question=question, format="csv", state=state, created_by=owner, created_at=NOW
    )


def _content_of(side: str) -> tuple[Things, ContentSet]:
    content_set = ContentSet.objects.create(name=f"{side} set")
    things = {
        "content_set": str(content_set.pk),
        "saved_question": str(_saved_question(content_set, side).pk),
        "sensor": str(_sensor(content_set, side).pk),
    }
    return things, content_set


def _sensor(content_set: ContentSet, side: str) -> Sensor:
    sensor = Sensor.objects.create(
        key=f"custom.{side}",
        name=f"{side} sensor",
        category="Own",
        content_set=content_set,
        columns=[{"name": f"{side} column", "type": "text"}],
        cost="light",
        language="shell",
    )
    SensorVersion.objects.create(
        sensor=sensor, number=1, script="true", signature=b"", saved_at=NOW
    )
    return sensor


def _saved_question(content_set: ContentSet, side: str) -> SavedQuestion:
    return SavedQuestion.objects.create(
        name=f"{side} names",
        text="Get Computer Name from all machines",
        content_set=content_set,
        created_at=NOW,
        changed_at=NOW,
    )


def _session(endpoint_id: uuid.UUID, owner: User, **fields: Any) -> Session:
    return Session.objects.create(
        endpoint_id=endpoint_id, opened_by=owner, requested_at=NOW, ticket_digest="", **fields
    )


def _nowhere(text: str) -> str:
    """Return something of the same form that names nothing."""
    if text.isdecimal():
        return str(int(text) + 100_000)
    return str(uuid.uuid4()) if "-" in text else "ab" * 10


def _filled(sends: Any, things: Things) -> Any:
    if isinstance(sends, dict):
        return {name: _filled(value, things) for name, value in sends.items()}
    if isinstance(sends, list):
        return [_filled(value, things) for value in sends]
    if isinstance(sends, str) and sends.startswith("$"):
        return things[sends[1:]]
    return sends
