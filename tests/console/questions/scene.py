"""A console with endpoints and people who may ask them, without any program running."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.contrib.auth.models import Group, Permission

from console.access.models import ContentSet, ContentSetGrant, User
from console.certificates.authority import ensure_authority
from console.certificates.models import Authority, Certificate
from console.certificates.signing import ensure_signing_key
from console.core.actor import Actor
from console.endpoints.membership import add_members, remove_from_all
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint
from console.endpoints.reach import REACH
from console.modules import Received
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget
from console.questions.services import Terms, ask
from protocol.messages import QuestionAnswered
from protocol.questions import ANSWERED

NOW = datetime.now(UTC).replace(microsecond=0)
TEXT = "Get Computer Name and IP Address from all machines"


def prepare() -> None:
    """Make the keys that sign questions."""
    ensure_authority(NOW)
    ensure_signing_key(NOW)


def public_key(raw: bytes) -> Ed25519PublicKey:
    """Read a trusted key."""
    return Ed25519PublicKey.from_public_bytes(raw)


def endpoints(count: int, *, group: ComputerGroup | None = None, **fields: Any) -> list[UUID]:
    """Add endpoints, in All Computers and perhaps in another group; return their ids in order."""
    authority = Authority.objects.get()
    present = Endpoint.objects.count()
    certificates = [
        Certificate(
            authority=authority,
            purpose=Certificate.Purpose.ENDPOINT,
            serial_number=uuid.uuid4().hex,
            fingerprint=uuid.uuid4().hex * 2,
            certificate="",
            not_before=NOW,
            not_after=NOW + timedelta(days=1),
            issued_at=NOW,
        )
        for _ in range(count)
    ]
    Certificate.objects.bulk_create(certificates)
    rows = [
        Endpoint(
            id=uuid.uuid4(),
            host_name=f"host-{present + number:05}",
            os="linux",
            certificate=certificate,
            enrolled_at=NOW,
            **{"capabilities": ["question.ask"], **fields},
        )
        for number, certificate in enumerate(certificates)
    ]
    Endpoint.objects.bulk_create(rows)
    ids = [row.pk for row in rows]
    if "revoked_at" not in fields:
        everybody = ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL)
        for each in (everybody, group) if group else (everybody,):
            add_members(each.pk, ids)
    return ids


def revoke(endpoint_id: UUID) -> None:
    """Cut an endpoint off."""
    Endpoint.objects.filter(pk=endpoint_id).update(revoked_at=NOW)
    remove_from_all(endpoint_id)


def group_named(name: str) -> ComputerGroup:
    """Make a manual group."""
    return ComputerGroup.objects.create(name=name, kind=ComputerGroup.Kind.MANUAL, created_at=NOW)


def administrator(name: str = "ada") -> User:
    """Make somebody who may do everything."""
    return User.objects.create_superuser(name, password=None)


def person(
    name: str,
    *,
    permissions: Sequence[str] = ("questions.ask_question", "questions.view_question"),
    groups: Sequence[ComputerGroup] = (),
    content_sets: Sequence[str] = (),
) -> User:
    """Make somebody with one role that has these permissions on these groups and content sets."""
    role = Group.objects.create(name=f"role of {name}")
    for permission in permissions:
        app, codename = permission.split(".")
        role.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    reach = Permission.objects.get(codename=REACH)
    for group in groups:
        ComputerGroupGrant.objects.create(permission=reach, group=role, content_object=group)
    for content_set in content_sets:
        grant_content(role, content_set, "read_sensor")
    user = User.objects.create_user(name)
    user.groups.add(role)
    return user


def grant_content(role: Group, content_set: str, permission: str) -> None:
    """Grant one permission on one content set."""
    ContentSetGrant.objects.create(
        permission=Permission.objects.get(
            codename=permission, content_type__app_label="access", content_type__model="contentset"
        ),
        group=role,
        content_object=ContentSet.objects.get(name=content_set),
    )


def asked(user: User, text: str = TEXT, **terms: Any) -> Question:
    """Ask now."""
    return ask(text, user=user, actor=Actor(user.username), now=NOW, terms=Terms(**terms))


def answer(
    question: Question,
    endpoint_id: UUID,
    rows: Sequence[Sequence[str]] = (),
    *,
    at: datetime = NOW,
    **fields: Any,
) -> Received:
    """Write an answer, or a part of one, as the ingester hands it on."""
    message = QuestionAnswered(
        id=uuid.uuid5(question.pk, f"{endpoint_id}/{fields.get('part', 0)}"),
        question_id=question.pk,
        rows=[list(row) for row in rows],
        **{"outcome": ANSWERED, "took": 1000, **fields},
    )
    return (endpoint_id, message, int(at.timestamp() * 1_000_000))


def standing(question: Question) -> dict[str, Any]:
    """Say what the tables hold of a question, for comparison."""
    return {
        "rows": {
            tuple(values): count
            for values, count in AnswerRow.objects.filter(question=question).values_list(
                "values", "count"
            )
        },
        "answers": Answer.objects.filter(question=question).count(),
        "states": dict(
            QuestionTarget.objects.filter(question=question).values_list("endpoint_id", "state")
        ),
        "counters": Question.objects.values_list(
            "asked", "answered", "not_matching", "failed", "refused"
        ).get(pk=question.pk),
    }
