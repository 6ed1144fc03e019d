"""Open, attach, record and close live sessions."""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from console.audit.services import record_audit_event
from console.certificates.models import Certificate
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.core.redis import client
from console.endpoints.models import Endpoint
from console.endpoints.presence import online_ids
from console.gateway.services import send_instruction
from directconnect.exceptions import (
    AttachmentRefused,
    EndpointCutOff,
    EndpointOffline,
    TooManySessions,
)
from directconnect.models import Session
from directconnect.switchboard import tell_end
from protocol.instructions import OpenSession

# From the request to the endpoint's attachment. An honest endpoint dials at once.
TICKET_LIFE: Final = timedelta(seconds=60)
TICKET_BYTES: Final = 32
SESSIONS_PER_USER: Final = 32

# An open session whose consumer was not heard for this long has lost its program.
ABANDONED_AFTER: Final = timedelta(minutes=3)

# Ends sessions for which no user gave the word.
SYSTEM: Final = Actor.system("sessions")

_LONGEST_REASON: Final = 255
_ALIVE: Final = (Session.State.PENDING, Session.State.OPEN)


def open_session(endpoint: Endpoint, *, actor: Actor, now: datetime) -> Session:
    """Ask an endpoint to dial in for a live session, and return it in state PENDING.

    Raises EndpointOffline, EndpointCutOff, TooManySessions, and NotAllowed when there is no user
    behind it.
    """
    if actor.user_id is None:
        raise NotAllowed("A live session belongs to a user.")
    if endpoint.revoked_at is not None:
        raise EndpointCutOff(f"{endpoint.host_name} was revoked.")
    with client() as connection:
        if not online_ids(connection, [endpoint.pk], now=now.timestamp()):
            raise EndpointOffline(f"{endpoint.host_name} is offline.")
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    with transaction.atomic(durable=True):
        mine = Session.objects.filter(opened_by_id=actor.user_id, state__in=_ALIVE)
        if mine.count() >= SESSIONS_PER_USER:
            raise TooManySessions(f"At most {SESSIONS_PER_USER} sessions can be open.")
        session = Session.objects.create(
            endpoint=endpoint,
            opened_by_id=actor.user_id,
            ticket_digest=_digest(ticket),
            requested_at=now,
        )
        # No address: an endpoint may know this console by a name that others cannot resolve.
        instruction = OpenSession(session_id=session.pk, address="", ticket=ticket)
        send_instruction([endpoint.pk], instruction, actor=actor, now=now, lifetime=TICKET_LIFE)
        record_audit_event(
            actor=actor,
            action="session.open",
            subject=endpoint,
            detail={"session": str(session.pk)},
            now=now,
        )
    return session


def attach_endpoint(
    session_id: UUID, *, ticket: str, endpoint_id: UUID, fingerprint: str, now: datetime
) -> Session:
    """Let an endpoint take its end of a session, once.

    `endpoint_id` and `fingerprint` come from the client certificate. Raises AttachmentRefused:
    the peer learns nothing but that, the log says why.
    """
    session = Session.objects.select_related("endpoint").filter(pk=session_id).first()
    # Compared in any case, in constant time: how long a refusal takes tells nothing.
    expected = _digest("") if session is None else session.ticket_digest
    if not hmac.compare_digest(expected, _digest(ticket)) or session is None:
        raise AttachmentRefused("there is no such session with this ticket")
    if session.endpoint_id != endpoint_id:
        raise AttachmentRefused(f"the session is not with endpoint {endpoint_id}")
    if session.endpoint.revoked_at is not None or not _is_valid(fingerprint, endpoint_id, now):
        raise AttachmentRefused("the endpoint or its certificate was revoked")
    # Whoever comes second with the same ticket changes no row.
    attached = Session.objects.filter(
        pk=session_id, state=Session.State.PENDING, requested_at__gt=now - TICKET_LIFE
    ).update(state=Session.State.OPEN, connected_at=now, last_message_at=now)
    if not attached:
        raise AttachmentRefused("the ticket was used before, or its time is over")
    return Session.objects.select_related("endpoint").get(pk=session_id)


def record_session_alive(session_id: UUID, *, now: datetime) -> bool:
    """Note that the endpoint is still attached; False when the session is over meanwhile.

    Called about once a minute, never per message.
    """
    alive = Session.objects.filter(
        pk=session_id, state=Session.State.OPEN, endpoint__revoked_at__isnull=True
    )
    return bool(alive.update(last_message_at=now))


def record_session_ended(session_id: UUID, *, actor: Actor, reason: str, now: datetime) -> bool:
    """Note that the endpoint has gone, and who ended it; False when it was over already."""
    with transaction.atomic(durable=True):
        session = Session.objects.filter(pk=session_id)
        return bool(_end(session, Session.State.CLOSED, reason, actor=actor, now=now))


def close_session(
    session: Session, *, actor: Actor, now: datetime, reason: str = "closed by the user"
) -> None:
    """End a session. One that is over stays as it is, without an audit row."""
    with transaction.atomic(durable=True):
        chosen = Session.objects.filter(pk=session.pk)
        ended = _end(chosen, Session.State.CLOSED, reason, actor=actor, now=now)
        _tell_after_commit(ended, reason, Session.State.CLOSED)


def close_sessions_of(endpoint_id: UUID, *, reason: str, now: datetime) -> int:
    """End every session with an endpoint and return how many there were."""
    with transaction.atomic():
        chosen = Session.objects.filter(endpoint_id=endpoint_id)
        ended = _end(chosen, Session.State.CLOSED, reason, actor=SYSTEM, now=now)
        _tell_after_commit(ended, reason, Session.State.CLOSED)
    return len(ended)


def close_abandoned_sessions(*, now: datetime) -> int:
    """End sessions that the endpoint never joined, or whose program died; return how many."""
    with transaction.atomic():
        never_joined = Session.objects.filter(
            state=Session.State.PENDING, requested_at__lte=now - TICKET_LIFE
        )
        reason = "the endpoint did not dial in"
        late = _end(never_joined, Session.State.FAILED, reason, actor=SYSTEM, now=now)
        _tell_after_commit(late, reason, Session.State.FAILED)
        lost = Session.objects.annotate(
            heard_at=Coalesce(F("last_message_at"), F("requested_at"))
        ).filter(state=Session.State.OPEN, heard_at__lte=now - ABANDONED_AFTER)
        reason = "the sessions service was lost"
        orphans = _end(lost, Session.State.CLOSED, reason, actor=SYSTEM, now=now)
        _tell_after_commit(orphans, reason, Session.State.CLOSED)
    return len(late) + len(orphans)


def _end(
    chosen: QuerySet[Session], state: Session.State, reason: str, *, actor: Actor, now: datetime
) -> list[UUID]:
    """End those of the chosen sessions that are alive, and write an audit row for each."""
    reason = reason[:_LONGEST_REASON]
    alive = chosen.filter(state__in=_ALIVE)
    ended: list[UUID] = []
    for session in alive.select_related("endpoint"):
        # One that was ended, or joined, since it was read is no longer among them.
        if not alive.filter(pk=session.pk).update(state=state, closed_at=now, close_reason=reason):
            continue
        ended.append(session.pk)
        record_audit_event(
            actor=actor,
            action="session.close",
            subject=session.endpoint,
            detail={"session": str(session.pk), "reason": reason},
            now=now,
        )
    return ended


def _tell_after_commit(ids: list[UUID], reason: str, state: Session.State) -> None:
    for session_id in ids:
        transaction.on_commit(functools.partial(tell_end, session_id, reason, state.value))


def _is_valid(fingerprint: str, endpoint_id: UUID, now: datetime) -> bool:
    # A renewed certificate and the one before it are both the endpoint's until one runs out.
    return Certificate.objects.filter(
        Q(revoked_at__isnull=True),
        fingerprint=fingerprint,
        purpose=Certificate.Purpose.ENDPOINT,
        subject_id=endpoint_id,
        not_after__gt=now,
    ).exists()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
