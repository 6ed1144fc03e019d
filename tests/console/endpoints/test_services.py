from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.db import connection
from django.test.utils import CaptureQueriesContext
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
    record_hello,
    record_last_seen,
    record_status,
    renew_certificate,
    revoke_endpoint,
)
from protocol.messages import Hello, KindCounters, SourceHealth, StatusReport
from tests.console.computers import (
    ADMINISTRATOR,
    NOW,
    enrolled_endpoint,
    enrolment_request,
    enrolment_token,
    new_key,
    platform,
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


def _hello(host_name: str = "web-1", **changes: Any) -> Hello:
    values: dict[str, Any] = {
        "version_oldest": 1,
        "version_newest": 1,
        "agent_version": "0.2.0",
        "boot_id": "boot",
        "sent_at": 0,
        "platform": platform(host_name),
        "capabilities": ["intel.apply"],
        "intel_revision": 3,
        "sequence": 0,
    }
    return Hello(**{**values, **changes})


def _report(**changes: Any) -> StatusReport:
    values: dict[str, Any] = {
        "sent_at": 1,
        "started_at": 1,
        "sources": [SourceHealth(name="ebpf", state="running", kinds=["process"])],
        "counters": {"process": KindCounters(seen=5)},
        "cpu_percent": 0.5,
        "memory_bytes": 1,
        "store_bytes": 1,
        "store_oldest_at": 1,
        "disk_free_bytes": 1,
        "outbox_bytes": 0,
        "outbox_dropped": 0,
        "intel_revision": 4,
        "signals": 1,
        "problems": [],
    }
    return StatusReport(**{**values, **changes})


def _at(moment: datetime) -> int:
    return int(moment.timestamp() * MICROSECONDS)


class TestReports:
    def test_of_hellos_update_what_is_known(self) -> None:
        endpoint = enrolled_endpoint("old-name")

        record_hello([(endpoint.pk, _hello("new-name"), _at(NOW))])

        endpoint.refresh_from_db()
        assert (endpoint.host_name, endpoint.agent_version) == ("new-name", "0.2.0")
        assert endpoint.capabilities == ["intel.apply"]
        assert endpoint.last_seen_at == NOW

    def test_of_status_are_stored_whole(self) -> None:
        endpoint = enrolled_endpoint()

        record_status([(endpoint.pk, _report(), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.status["sources"][0]["name"] == "ebpf"
        assert endpoint.status["counters"]["process"]["seen"] == 5
        assert "t" not in endpoint.status
        assert (endpoint.status_at, endpoint.intel_revision) == (NOW, 4)

    def test_count_as_the_newest_even_when_they_come_again(self) -> None:
        endpoint = enrolled_endpoint()
        old = (endpoint.pk, _report(signals=1), _at(NOW))
        new = (endpoint.pk, _report(signals=2), _at(NOW + timedelta(minutes=1)))

        record_status([old, new])
        record_status([old])
        record_hello([(endpoint.pk, _hello("stale"), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.status["signals"] == 2
        assert endpoint.host_name == "web-1"

    def test_leave_revocation_and_certificate_alone(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        record_hello([(endpoint.pk, _hello(), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.revoked_at == NOW

    def test_of_strangers_are_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        record_hello([(uuid4(), _hello(), _at(NOW))])

        assert Endpoint.objects.count() == 0
        assert "not known" in caplog.text

    def test_of_many_endpoints_take_two_statements(self) -> None:
        endpoints = [enrolled_endpoint(f"web-{number}") for number in range(20)]
        batch = [(endpoint.pk, _report(), _at(NOW)) for endpoint in endpoints]

        with CaptureQueriesContext(connection) as queries:
            record_status(batch)

        written = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert len(written) == 2
        assert Endpoint.objects.filter(status_at=NOW).count() == 20

    def test_of_a_rogue_are_cut_to_what_can_be_stored(self) -> None:
        endpoint, neighbour = enrolled_endpoint(), enrolled_endpoint("neighbour")
        rogue = platform("h" * 10_000 + "\x00", os="beos", addresses=["a" * 9999] * 9999)

        record_hello(
            [
                (endpoint.pk, _hello(platform=rogue, intel_revision=2**63), _at(NOW)),
                (neighbour.pk, _hello("neighbour"), _at(NOW)),
            ]
        )
        record_status(
            [
                (
                    endpoint.pk,
                    _report(
                        cpu_percent=math.nan,
                        memory_bytes=2**64 - 1,
                        intel_revision=-5,
                        problems=["<script>\x00" * 10_000],
                        counters={"../../etc/passwd\x00": KindCounters()},
                    ),
                    _at(NOW),
                ),
                (neighbour.pk, _report(), _at(NOW)),
            ]
        )

        endpoint.refresh_from_db()
        neighbour.refresh_from_db()
        assert len(endpoint.host_name) == 255
        assert endpoint.status["cpu_percent"] is None
        assert endpoint.intel_revision == 0
        assert "\x00" not in str(endpoint.status)
        assert neighbour.status_at == NOW

    def test_of_heartbeats_only_move_forward(self) -> None:
        endpoint = enrolled_endpoint()

        record_last_seen({endpoint.pk: NOW + timedelta(minutes=1)})
        record_last_seen({endpoint.pk: NOW, uuid4(): NOW})

        endpoint.refresh_from_db()
        assert endpoint.last_seen_at == NOW + timedelta(minutes=1)
