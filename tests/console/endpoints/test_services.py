from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pytest_django import DjangoCaptureOnCommitCallbacks

from console.audit.models import AuditEvent
from console.certificates import tls
from console.certificates.exceptions import (
    CertificateRefused,
    CertificateRequestRefused,
    EnrolmentTokenRefused,
)
from console.certificates.models import Certificate, EnrolmentToken
from console.endpoints import hooks
from console.endpoints.exceptions import EndpointRevoked
from console.endpoints.models import Endpoint
from console.endpoints.services import (
    enrol_endpoint,
    renew_certificate,
    revoke_endpoint,
)
from tests.console.computers import (
    ADMINISTRATOR,
    NOW,
    enrolled_endpoint,
    enrolment_request,
    enrolment_token,
    new_key,
    prepare_console,
    signing_request,
)

pytestmark = pytest.mark.django_db

MICROSECONDS = 1_000_000


def _der(certificate: Certificate) -> bytes:
    loaded = x509.load_pem_x509_certificate(certificate.certificate.encode())
    return loaded.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def heard() -> Iterator[list[tuple[str, UUID]]]:
    """Collect the news about endpoints."""
    news: list[tuple[str, UUID]] = []

    def enrolled(endpoint_id: UUID, **_: Any) -> None:
        news.append(("enrolled", endpoint_id))

    def revoked(endpoint_id: UUID, **_: Any) -> None:
        news.append(("revoked", endpoint_id))

    hooks.endpoint_enrolled.connect(enrolled)
    hooks.endpoint_revoked.connect(revoked)
    yield news
    hooks.endpoint_enrolled.disconnect(enrolled)
    hooks.endpoint_revoked.disconnect(revoked)


class TestEnrolment:
    def test_makes_an_endpoint_whose_certificate_names_it(self) -> None:
        endpoint = enrolled_endpoint("web-1")

        assert tls.endpoint_id_from_der(_der(endpoint.certificate)) == endpoint.pk
        assert (endpoint.host_name, endpoint.os, endpoint.enrolled_with) == (
            "web-1",
            "linux",
            "tests",
        )
        assert endpoint.source_address == "192.0.2.10"

    def test_uses_the_token_once(self) -> None:
        prepare_console()
        token = enrolment_token()
        enrol_endpoint(enrolment_request(token), source_address="", now=NOW)

        with pytest.raises(EnrolmentTokenRefused, match="used up"):
            enrol_endpoint(enrolment_request(token), source_address="", now=NOW)
        assert Endpoint.objects.count() == 1

    def test_leaves_the_token_alone_when_the_request_is_garbage(self) -> None:
        prepare_console()
        token = enrolment_token()

        with pytest.raises(CertificateRequestRefused):
            enrol_endpoint(enrolment_request(token, csr_pem=b"garbage"), source_address="", now=NOW)

        assert EnrolmentToken.objects.get().uses_left == 1

    def test_stands_in_the_audit_log_refused_or_not(self) -> None:
        enrolled_endpoint("web-1")
        with pytest.raises(EnrolmentTokenRefused):
            enrol_endpoint(
                enrolment_request("foreign", host_name="web-2"),
                source_address="192.0.2.66",
                now=NOW,
            )

        good, bad = AuditEvent.objects.filter(action="endpoint.enrol").order_by("sequence")
        assert (good.subject_name, good.outcome) == ("web-1", "SUCCEEDED")
        assert (bad.subject_name, bad.outcome) == ("web-2", "REFUSED")
        assert bad.source_address == "192.0.2.66"
        assert "foreign" not in str(bad.detail)

    def test_gives_a_computer_that_comes_again_another_identity(self) -> None:
        first = enrolled_endpoint("web-1")
        second = enrolled_endpoint("web-1")

        assert first.machine_id == second.machine_id
        assert first.pk != second.pk
        assert Certificate.objects.get(pk=first.certificate_id).revoked_at is None

    def test_is_announced_after_the_commit(
        self,
        heard: list[tuple[str, UUID]],
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            endpoint = enrolled_endpoint()
            assert heard == []
        for call in callbacks:
            call()

        assert ("enrolled", endpoint.pk) in heard


class TestRevocation:
    def test_revokes_every_certificate_and_is_announced(
        self,
        heard: list[tuple[str, UUID]],
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        valkey: object,
    ) -> None:
        endpoint = enrolled_endpoint()

        with django_capture_on_commit_callbacks(execute=True):
            revoke_endpoint(endpoint, reason="stolen", actor=ADMINISTRATOR, now=NOW)

        endpoint.refresh_from_db()
        assert endpoint.revoked_at == NOW
        assert not Certificate.objects.filter(subject_id=endpoint.pk, revoked_at=None).exists()
        assert heard[-1] == ("revoked", endpoint.pk)
        event = AuditEvent.objects.get(action="endpoint.revoke")
        assert (event.subject_id, event.detail) == (str(endpoint.pk), {"reason": "stolen"})

    def test_publishes_the_list_that_tls_reads(
        self,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        settings: Any,
        valkey: object,
    ) -> None:
        endpoint = enrolled_endpoint()

        with django_capture_on_commit_callbacks(execute=True):
            revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        pem = (settings.KEYS_DIR / tls.REVOCATION_LIST).read_bytes()
        serial = int(endpoint.certificate.serial_number, 16)
        assert x509.load_pem_x509_crl(pem).get_revoked_certificate_by_serial_number(serial)

    def test_keeps_the_endpoint_out_even_when_a_listener_fails(
        self,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        settings: Any,
        valkey: object,
    ) -> None:
        endpoint = enrolled_endpoint()

        def fail(**_: Any) -> None:
            raise RuntimeError("a listener failed")

        hooks.endpoint_revoked.connect(fail)
        try:
            with (
                pytest.raises(RuntimeError),
                django_capture_on_commit_callbacks(execute=True),
            ):
                revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)
        finally:
            hooks.endpoint_revoked.disconnect(fail)

        pem = (settings.KEYS_DIR / tls.REVOCATION_LIST).read_bytes()
        serial = int(endpoint.certificate.serial_number, 16)
        assert x509.load_pem_x509_crl(pem).get_revoked_certificate_by_serial_number(serial)

    def test_is_refused_the_second_time(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        with pytest.raises(EndpointRevoked):
            revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)


class TestRenewal:
    def _renew(self, presented: Certificate, *, now: datetime = NOW) -> Certificate:
        return renew_certificate(
            _der(presented), signing_request(new_key()), source_address="192.0.2.10", now=now
        )

    def test_gives_the_same_endpoint_a_certificate_for_another_key(self) -> None:
        endpoint = enrolled_endpoint()

        renewed = self._renew(endpoint.certificate)

        endpoint.refresh_from_db()
        assert endpoint.certificate == renewed
        assert tls.endpoint_id_from_der(_der(renewed)) == endpoint.pk

    def test_lets_an_agent_that_lost_the_answer_come_again(self) -> None:
        endpoint = enrolled_endpoint()
        lost = self._renew(endpoint.certificate)

        self._renew(endpoint.certificate)

        lost.refresh_from_db()
        assert lost.revocation_reason == "superseded"

    def test_ends_the_former_certificate_once_the_new_one_was_used(self) -> None:
        endpoint = enrolled_endpoint()
        former = endpoint.certificate
        renewed = self._renew(former)

        self._renew(renewed)

        former.refresh_from_db()
        assert former.revoked_at == NOW

    def test_is_refused_to_a_revoked_endpoint(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        with pytest.raises(CertificateRefused):
            self._renew(endpoint.certificate)

    def test_is_refused_to_an_expired_certificate(self) -> None:
        endpoint = enrolled_endpoint()

        with pytest.raises(CertificateRefused):
            self._renew(endpoint.certificate, now=endpoint.certificate.not_after)

    def test_is_refused_to_the_server_certificate(self) -> None:
        certificate = enrolled_endpoint().certificate
        Certificate.objects.update(purpose=Certificate.Purpose.SERVER)

        with pytest.raises(CertificateRefused):
            self._renew(certificate)

    def test_is_refused_to_whom_nobody_knows(self) -> None:
        prepare_console()

        with pytest.raises(CertificateRefused):
            renew_certificate(b"garbage", b"", source_address="", now=NOW)
