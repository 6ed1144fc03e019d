"""Let computers join, cut them off, renew what proves their identity, record what they report.

Reports are recorded in whole batches, two statements each, however many endpoints there are. The
ingester calls that inside its transaction with messages in the order of arrival, and again with
the same ones after a crash: an older report never replaces a newer one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import transaction

from console.audit.services import REFUSED, record_audit_event
from console.certificates import authority, tls
from console.certificates.exceptions import CertificateRefused
from console.certificates.models import Certificate
from console.certificates.services import check_enrolment_token, claim_enrolment_token
from console.core.actor import Actor
from console.core.commits import after_commit
from console.core.exceptions import VedetteError
from console.endpoints.evaluation import follow_endpoints
from console.endpoints.exceptions import EndpointRevoked
from console.endpoints.hooks import endpoint_enrolled, endpoint_revoked
from console.endpoints.installer import installer_script
from console.endpoints.membership import follow_newcomer, remove_from_all
from console.endpoints.models import Endpoint
from console.endpoints.properties import FIELDS
from console.endpoints.reported import hello_fields, plain_text, platform_fields, status_fields
from console.modules import Received, modules
from protocol.messages import Hello, Platform, StatusReport

Report = TypeVar("Report")

_MICROSECONDS: Final = 1_000_000
_WRITTEN_AT_ONCE: Final = 500
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRequest:
    """What a computer sends to join. Nothing in it but the token decides whether it may."""

    token: str
    csr_pem: bytes
    platform: Platform
    agent_version: str


def enrol_endpoint(request: EnrolmentRequest, *, source_address: str, now: datetime) -> Endpoint:
    """Use the token once, sign the computer's key and record it as a new endpoint.

    A computer that joins again becomes another endpoint: what it says of itself, its machine id
    included, must not let it take an existing one's place. Raises `EnrolmentTokenRefused` or
    `CertificateRequestRefused`; the refusal stands in the audit log and the token is not used.
    """
    actor = Actor(name=plain_text(request.platform.host_name, 150), source_address=source_address)
    try:
        with transaction.atomic(durable=True):
            endpoint = _enrol(request, actor=actor, now=now)
    except VedetteError as refusal:
        with transaction.atomic(durable=True):
            record_audit_event(
                actor=actor,
                action="endpoint.enrol",
                outcome=REFUSED,
                subject_name=request.platform.host_name,
                detail={"reason": refusal.detail},
                now=now,
            )
        raise
    return endpoint


def _enrol(request: EnrolmentRequest, *, actor: Actor, now: datetime) -> Endpoint:
    token = claim_enrolment_token(request.token, now=now)
    endpoint_id = uuid.uuid4()
    certificate = authority.issue_endpoint_certificate(request.csr_pem, endpoint_id, now)
    endpoint = Endpoint.objects.create(
        id=endpoint_id,
        certificate=certificate,
        agent_version=plain_text(request.agent_version, 32),
        source_address=actor.source_address,
        enrolled_at=now,
        enrolled_with=token.name,
        **platform_fields(request.platform),
    )
    follow_newcomer(endpoint.pk)
    follow_endpoints([endpoint.pk])
    record_audit_event(
        actor=actor,
        action="endpoint.enrol",
        subject=endpoint,
        detail={"enrolment_token": token.name, "fingerprint": certificate.fingerprint},
        now=now,
    )
    # The computer has joined and its token is used: a module that fails now is logged, and must
    # not make the computer believe that it was refused.
    after_commit(_announce_enrolled, endpoint_id, now)
    return endpoint


def _announce_enrolled(endpoint_id: UUID, now: datetime) -> None:
    for module in modules():
        for call in module.on_endpoint_enrolled:
            call(endpoint_id)
    endpoint_enrolled.send(sender=Endpoint, endpoint_id=endpoint_id, at=now)


def hand_out_installer(plain: str, *, name: str, actor: Actor, now: datetime) -> str:
    """Return the installer for whoever has a token's text, and record who got it.

    Raises `EnrolmentTokenRefused`, `BundleIncomplete` or `AuthorityMissing`.
    """
    token = check_enrolment_token(plain, now=now)
    # Before the transaction: making the bundle takes a lock, for seconds the first time.
    script = installer_script(plain, name=name)
    with transaction.atomic(durable=True):
        record_audit_event(
            actor=actor, action="enrolment_token.hand_out_installer", subject=token, now=now
        )
    return script


@transaction.atomic(durable=True)
def revoke_endpoint(endpoint: Endpoint, *, reason: str, actor: Actor, now: datetime) -> None:
    """Cut an endpoint off for good: no certificate of it is accepted any more.

    After the commit the revocation list is written and `endpoint_revoked` is sent, upon which the
    gateway and the sessions close its connections. Raises `EndpointRevoked` the second time.
    """
    if not Endpoint.objects.filter(pk=endpoint.pk, revoked_at=None).update(revoked_at=now):
        raise EndpointRevoked(f"{endpoint.host_name} was revoked before.")
    for certificate in Certificate.objects.filter(subject_id=endpoint.pk, revoked_at=None):
        authority.revoke_certificate(certificate, reason=reason, now=now)
    remove_from_all(endpoint.pk)
    record_audit_event(
        actor=actor,
        action="endpoint.revoke",
        subject=endpoint,
        detail={"reason": reason[:255]},
        now=now,
    )
    transaction.on_commit(lambda: _enforce_revocation(endpoint.pk, now))


def _enforce_revocation(endpoint_id: UUID, now: datetime) -> None:
    # Whichever of the two fails, the other must still keep the endpoint out.
    try:
        endpoint_revoked.send(sender=Endpoint, endpoint_id=endpoint_id, at=now)
    finally:
        authority.publish_revocation_list(now)


@transaction.atomic(durable=True)
def renew_certificate(
    presented_der: bytes, csr_pem: bytes, *, source_address: str, now: datetime
) -> Certificate:
    """Issue a new certificate to the endpoint that proved the present one by TLS.

    The presented one stays valid until it runs out, so that an agent that dies before it has
    stored the new one can come again; others of that endpoint, which nobody ever stored, are
    revoked. Raises `CertificateRefused` or `CertificateRequestRefused`.
    """
    presented = Certificate.objects.filter(
        fingerprint=tls.fingerprint_of(presented_der),
        purpose=Certificate.Purpose.ENDPOINT,
        revoked_at=None,
        not_after__gt=now,
    ).first()
    if presented is None or presented.subject_id is None:
        raise CertificateRefused("This certificate is not valid here.")
    endpoint = Endpoint.objects.filter(pk=presented.subject_id, revoked_at=None).first()
    if endpoint is None:
        raise CertificateRefused("This certificate's endpoint was revoked.")
    unstored = Certificate.objects.filter(subject_id=endpoint.pk, revoked_at=None).exclude(
        pk=presented.pk
    )
    for certificate in unstored:
        authority.revoke_certificate(certificate, reason="superseded", now=now)
    renewed = authority.issue_endpoint_certificate(csr_pem, endpoint.pk, now)
    Endpoint.objects.filter(pk=endpoint.pk).update(certificate=renewed)
    record_audit_event(
        actor=Actor(name=plain_text(endpoint.host_name, 150), source_address=source_address),
        action="certificate.renew",
        subject=endpoint,
        detail={"fingerprint": renewed.fingerprint, "replaces": presented.fingerprint},
        now=now,
    )
    transaction.on_commit(lambda: authority.publish_revocation_list(now))
    return renewed


def record_hello(batch: Sequence[Received]) -> None:
    """Store who and what the endpoints said they are; the newest Hello of each counts."""

    def is_news(endpoint: Endpoint, at: datetime) -> bool:
        return endpoint.last_seen_at is None or endpoint.last_seen_at <= at

    def fields(hello: Hello, at: datetime) -> dict[str, Any]:
        return {**hello_fields(hello), "last_seen_at": at}

    follow_endpoints(_record(_newest(batch), is_news=is_news, fields_of=fields))


def record_status(batch: Sequence[Received]) -> None:
    """Store how the endpoints are doing; the newest report of each counts."""

    def is_news(endpoint: Endpoint, at: datetime) -> bool:
        return endpoint.status_at is None or endpoint.status_at <= at

    def fields(report: StatusReport, at: datetime) -> dict[str, Any]:
        return {**status_fields(report), "status_at": at, "last_seen_at": at}

    _record(_newest(batch), is_news=is_news, fields_of=fields)


def _newest(batch: Iterable[Received]) -> dict[UUID, tuple[Any, datetime]]:
    return {
        endpoint_id: (message, datetime.fromtimestamp(received_at / _MICROSECONDS, UTC))
        for endpoint_id, message, received_at in batch
    }


def _record(
    newest: Mapping[UUID, tuple[Report, datetime]],
    *,
    is_news: Callable[[Endpoint, datetime], bool],
    fields_of: Callable[[Report, datetime], dict[str, Any]],
) -> list[UUID]:
    """Store what is news, and return whose computer is described otherwise than before."""
    changed: list[Endpoint] = []
    otherwise: list[UUID] = []
    names: set[str] = set()
    known = Endpoint.objects.in_bulk(list(newest))
    for endpoint_id, (message, at) in newest.items():
        endpoint = known.get(endpoint_id)
        if endpoint is None:
            _log.warning("a message of endpoint %s, which is not known", endpoint_id)
            continue
        if not is_news(endpoint, at):
            continue
        fields = fields_of(message, at)
        if any(name in fields and fields[name] != getattr(endpoint, name) for name in FIELDS):
            otherwise.append(endpoint_id)
        for name, value in fields.items():
            setattr(endpoint, name, value)
        names.update(fields)
        changed.append(endpoint)
    if changed:
        # One upsert instead of one UPDATE for each row. The rows exist, so nothing is inserted,
        # and columns that are not named here, as `revoked_at`, stay as they are.
        Endpoint.objects.bulk_create(
            changed,
            batch_size=_WRITTEN_AT_ONCE,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=sorted(names),
        )
    return otherwise
