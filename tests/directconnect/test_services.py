"""Opening, attaching to and ending live sessions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis

from console.audit.models import AuditEvent
from console.certificates.models import Certificate
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.endpoints.models import Endpoint
from console.endpoints.services import revoke_endpoint
from directconnect.exceptions import (
    AttachmentRefused,
    EndpointCutOff,
    EndpointOffline,
    TooManySessions,
)
from directconnect.hooks import close_sessions_of_revoked
from directconnect.models import Session
from directconnect.services import (
    ABANDONED_AFTER,
    SESSIONS_PER_USER,
    SYSTEM,
    TICKET_LIFE,
    attach_endpoint,
    close_abandoned_sessions,
    close_session,
    open_session,
    record_session_alive,
    record_session_ended,
)
from protocol.instructions import OpenSession
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.directconnect.online import hear
from tests.directconnect.people import actor_for, user_with
from tests.directconnect.received import waiting_instructions

pytestmark = pytest.mark.django_db

SOON = NOW + timedelta(seconds=2)


@pytest.fixture
def endpoint(valkey: redis.Redis) -> Endpoint:
    """Enrol an endpoint and let a gateway hear it."""
    valkey.flushdb()
    endpoint = enrolled_endpoint()
    hear(valkey, endpoint, at=NOW.timestamp())
    return endpoint


@pytest.fixture
def actor() -> Actor:
    """Return a user who may open sessions."""
    return actor_for(user_with("directconnect.open_session"))


@pytest.fixture
def session(endpoint: Endpoint, actor: Actor) -> Session:
    """Open a session."""
    return open_session(endpoint, actor=actor, now=NOW)


def credentials(session: Session, **changes: Any) -> dict[str, Any]:
    """Return what the right endpoint shows when it dials in."""
    (instruction,) = waiting_instructions(session.endpoint, OpenSession, now=NOW)
    return {
        "ticket": instruction.ticket,
        "endpoint_id": session.endpoint_id,
        "fingerprint": session.endpoint.certificate.fingerprint,
        "now": SOON,
    } | changes


class TestOpenSession:
    def test_sends_the_endpoint_a_ticket_and_keeps_only_its_digest(
        self, session: Session, endpoint: Endpoint
    ) -> None:
        (instruction,) = waiting_instructions(endpoint, OpenSession, now=NOW)

        assert instruction.session_id == session.pk
        assert instruction.address == ""
        assert session.state == Session.State.PENDING
        assert instruction.ticket not in session.ticket_digest

    def test_stands_in_the_audit_log(self, session: Session, actor: Actor) -> None:
        event = AuditEvent.objects.get(action="session.open")

        assert (event.actor_id, event.source_address) == (actor.user_id, actor.source_address)
        assert event.detail == {"session": str(session.pk)}

    def test_refuses_an_endpoint_that_is_offline(self, endpoint: Endpoint, actor: Actor) -> None:
        with pytest.raises(EndpointOffline, match="web-1 is offline"):
            open_session(endpoint, actor=actor, now=NOW + timedelta(minutes=1))

        assert not Session.objects.exists()

    def test_refuses_an_endpoint_that_was_revoked(self, endpoint: Endpoint, actor: Actor) -> None:
        revoke_endpoint(endpoint, reason="stolen", actor=ADMINISTRATOR, now=NOW)
        endpoint.refresh_from_db()

        with pytest.raises(EndpointCutOff):
            open_session(endpoint, actor=actor, now=NOW)

    def test_belongs_to_a_user(self, endpoint: Endpoint) -> None:
        with pytest.raises(NotAllowed):
            open_session(endpoint, actor=Actor.system("worker"), now=NOW)

    def test_refuses_more_than_one_user_needs(self, endpoint: Endpoint, actor: Actor) -> None:
        for _ in range(SESSIONS_PER_USER):
            open_session(endpoint, actor=actor, now=NOW)

        with pytest.raises(TooManySessions):
            open_session(endpoint, actor=actor, now=NOW)


class TestAttachEndpoint:
    def test_opens_the_session_once(self, session: Session) -> None:
        shown = credentials(session)

        attached = attach_endpoint(session.pk, **shown)

        assert (attached.state, attached.connected_at) == (Session.State.OPEN, SOON)
        with pytest.raises(AttachmentRefused, match="used before"):
            attach_endpoint(session.pk, **shown)

    @pytest.mark.parametrize(
        "changes",
        [
            {"ticket": ""},
            {"ticket": "guess"},
            {"ticket": "\udcff"},
            {"endpoint_id": uuid.uuid4()},
            {"fingerprint": "00" * 32},
            {"now": NOW + TICKET_LIFE + timedelta(seconds=1)},
        ],
        ids=["no ticket", "wrong", "no text", "other endpoint", "other certificate", "too late"],
    )
    def test_refuses_every_other_peer(self, session: Session, changes: dict[str, Any]) -> None:
        with pytest.raises(AttachmentRefused):
            attach_endpoint(session.pk, **credentials(session, **changes))

        assert Session.objects.get().state == Session.State.PENDING

    def test_refuses_a_foreign_endpoint_with_the_right_ticket(self, session: Session) -> None:
        foreign = enrolled_endpoint("foreign")
        shown = credentials(
            session, endpoint_id=foreign.pk, fingerprint=foreign.certificate.fingerprint
        )

        with pytest.raises(AttachmentRefused, match="not with endpoint"):
            attach_endpoint(session.pk, **shown)

    def test_refuses_a_session_that_does_not_exist(self, session: Session) -> None:
        with pytest.raises(AttachmentRefused):
            attach_endpoint(uuid.uuid4(), **credentials(session))

    def test_refuses_a_certificate_that_was_revoked(self, session: Session) -> None:
        shown = credentials(session)
        Certificate.objects.update(revoked_at=NOW)

        with pytest.raises(AttachmentRefused, match="revoked"):
            attach_endpoint(session.pk, **shown)

    def test_refuses_a_session_that_was_closed(self, session: Session, actor: Actor) -> None:
        shown = credentials(session)
        close_session(session, actor=actor, now=NOW)

        with pytest.raises(AttachmentRefused):
            attach_endpoint(session.pk, **shown)


def _closings() -> list[tuple[str, str]]:
    """List who ended sessions, and why, as the audit log tells it."""
    rows = AuditEvent.objects.filter(action="session.close").order_by("sequence")
    return [(row.actor_name, row.detail["reason"]) for row in rows]


class TestEnd:
    def test_is_recorded_once(self, session: Session, actor: Actor) -> None:
        close_session(session, actor=actor, now=SOON)
        close_session(session, actor=actor, now=SOON + timedelta(seconds=1))

        stored = Session.objects.get()
        assert (stored.state, stored.closed_at) == (Session.State.CLOSED, SOON)
        assert AuditEvent.objects.filter(action="session.close").count() == 1

    def test_comes_when_the_endpoint_goes(self, session: Session) -> None:
        peer = Actor("web-1", source_address="192.0.2.10")

        assert record_session_ended(session.pk, actor=peer, reason="r" * 1000, now=SOON)
        assert not record_session_ended(session.pk, actor=SYSTEM, reason="again", now=SOON)

        assert len(Session.objects.get().close_reason) == 255
        row = AuditEvent.objects.get(action="session.close")
        assert (row.actor_name, row.actor_id, row.source_address) == ("web-1", None, "192.0.2.10")
        assert row.subject_id == str(session.endpoint_id)
        assert row.detail == {"session": str(session.pk), "reason": "r" * 255}

    def test_comes_when_the_endpoint_is_revoked(self, session: Session) -> None:
        close_sessions_of_revoked(endpoint_id=session.endpoint_id, at=SOON)

        stored = Session.objects.get()
        assert (stored.state, stored.close_reason) == ("CLOSED", "the endpoint was revoked")
        assert _closings() == [("sessions", "the endpoint was revoked")]

    def test_shows_at_the_next_look_of_the_one_who_carries_it(
        self, session: Session, actor: Actor
    ) -> None:
        attach_endpoint(session.pk, **credentials(session))
        assert record_session_alive(session.pk, now=SOON)

        close_session(session, actor=actor, now=SOON)

        assert not record_session_alive(session.pk, now=SOON)

    def test_comes_to_sessions_that_nobody_joined_or_carries(
        self, session: Session, endpoint: Endpoint, actor: Actor
    ) -> None:
        joined = open_session(endpoint, actor=actor, now=NOW)
        Session.objects.filter(pk=joined.pk).update(state="OPEN", last_message_at=NOW)

        assert close_abandoned_sessions(now=NOW + TICKET_LIFE) == 1
        assert close_abandoned_sessions(now=NOW + TICKET_LIFE) == 0
        assert close_abandoned_sessions(now=NOW + ABANDONED_AFTER) == 1

        states = dict(Session.objects.values_list("pk", "state"))
        assert states == {session.pk: "FAILED", joined.pk: "CLOSED"}
        assert _closings() == [
            ("sessions", "the endpoint did not dial in"),
            ("sessions", "the sessions service was lost"),
        ]
