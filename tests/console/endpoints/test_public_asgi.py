from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from console.audit.models import AuditEvent
from console.certificates import tls
from console.certificates.models import Certificate
from console.endpoints.models import Endpoint
from console.endpoints.public_asgi import (
    BODY_BYTES,
    endpoint_application,
    public_application,
)
from console.endpoints.services import revoke_endpoint
from console.endpoints.views import REFUSED_TOKENS, RENEWALS
from tests.console.asgi_client import Answer, ask
from tests.console.computers import (
    ADMINISTRATOR,
    NOW,
    enrolled_endpoint,
    enrolment_token,
    new_key,
    platform,
    prepare_console,
    signing_request,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_counters(valkey: redis.Redis) -> None:
    valkey.flushdb()
    prepare_console()


def _enrol(token: str, **changes: Any) -> Answer:
    body = {
        "token": token,
        "csr": signing_request(new_key()).decode(),
        "platform": msgspec.to_builtins(platform()),
        "agent_version": "0.1.0",
        **changes,
    }
    peer = changes.pop("peer", "192.0.2.10")
    return ask(public_application, "POST", "/enrol", body=json.dumps(body).encode(), peer=peer)


def _renew(certificate: bytes | None, body: bytes | None = None) -> Answer:
    request = body or json.dumps({"csr": signing_request(new_key()).decode()}).encode()
    return ask(
        endpoint_application, "POST", "/certificate/renew", body=request, certificate=certificate
    )


def _der(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)


class TestPublicPort:
    def test_tells_that_a_console_answers(self) -> None:
        answer = ask(public_application, "GET", "/status")

        assert answer.status == 200
        assert answer.json() == {"service": "vedette", "status": "ok"}

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/login/",
            "/api/v1/endpoints/",
            "/healthz/",
            "/certificate/renew",
            "/bundle/../../keys/authority.key",
            "/install/..%2f..%2fkeys%2fauthority.key",
            "/static/..%2fkeys/authority.key",
        ],
    )
    def test_serves_nothing_else(self, path: str) -> None:
        assert ask(public_application, "GET", path).status == 404

    def test_gives_the_authority_to_whoever_compares_its_fingerprint(self) -> None:
        answer = ask(public_application, "GET", "/ca.pem")

        certificate = x509.load_pem_x509_certificate(answer.body)
        assert "Vedette authority" in certificate.subject.rfc4514_string()
        assert b"PRIVATE" not in answer.body


class TestEnrolment:
    def test_answers_everything_that_an_agent_needs(self) -> None:
        answer = _enrol(enrolment_token())

        assert answer.status == 201
        given = answer.json()
        endpoint_id = UUID(given["endpoint_id"])
        assert tls.endpoint_id_from_der(_der(given["certificate"])) == endpoint_id
        assert (given["gateway"], given["sessions"]) == ("localhost:17472", "localhost:17475")
        (key,) = given["signing_keys"]
        assert len(base64.b64decode(key["public_key"])) == 32
        assert given["ca"].startswith("-----BEGIN CERTIFICATE-----")
        assert Endpoint.objects.get().source_address == "192.0.2.10"

    def test_sends_the_computer_to_a_name_of_the_console_only(self) -> None:
        body = json.dumps(
            {
                "token": enrolment_token(),
                "csr": signing_request(new_key()).decode(),
                "platform": msgspec.to_builtins(platform()),
                "agent_version": "0.1.0",
            }
        ).encode()

        answer = ask(
            public_application, "POST", "/enrol", body=body, headers={"Host": "127.0.0.1:17443"}
        )

        assert answer.json()["gateway"] == "127.0.0.1:17472"

    def test_is_refused_with_a_problem_that_says_why(self) -> None:
        answer = _enrol("foreign")

        assert answer.status == 403
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"] == "urn:vedette:problem:enrolment-token-refused"
        assert problem["detail"] == "This enrolment token is not known here."

    @pytest.mark.parametrize(
        "changes",
        [
            {"csr": "garbage"},
            {"csr": None},
            {"platform": []},
            {"platform": {"os": "linux"}},
            {"agent_version": 7},
        ],
    )
    def test_is_refused_when_a_field_is_wrong(self, changes: dict[str, Any]) -> None:
        answer = _enrol(enrolment_token(), **changes)

        assert answer.status == 400
        assert not Endpoint.objects.exists()

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"token": "\\ud800'])
    def test_is_refused_when_the_body_is_garbage(self, body: bytes) -> None:
        answer = ask(public_application, "POST", "/enrol", body=body)

        assert answer.status == 400
        assert answer.json()["title"] == "Invalid input"

    def test_is_refused_before_a_long_body_is_read_to_its_end(self) -> None:
        answer = ask(public_application, "POST", "/enrol", body=b" " * (BODY_BYTES * 100))

        assert answer.status == 413
        assert answer.json()["title"] == "Request too large"

    def test_names_with_paths_and_scripts_are_stored_as_text(self) -> None:
        name = "../../etc/<script>alert(1)</script>"

        _enrol(enrolment_token(), platform=msgspec.to_builtins(platform(name)))

        assert Endpoint.objects.get().host_name == name

    def test_floods_of_refusals_are_no_longer_heard(self) -> None:
        for _ in range(REFUSED_TOKENS.allowed):
            assert _enrol("wrong").status == 403

        answer = _enrol(enrolment_token())

        assert answer.status == 429
        assert int(answer.headers["retry-after"]) >= 1
        refused = AuditEvent.objects.filter(action="endpoint.enrol", outcome="REFUSED")
        assert refused.count() == REFUSED_TOKENS.allowed

    def test_floods_from_elsewhere_do_not_count(self) -> None:
        for _ in range(REFUSED_TOKENS.allowed):
            ask(public_application, "POST", "/enrol", body=b"{", peer="2001:db8::1")

        assert (
            ask(public_application, "POST", "/enrol", body=b"{", peer="2001:db8::2").status == 429
        )
        assert _enrol(enrolment_token()).status == 201

    def test_addresses_that_clients_claim_do_not_count(self) -> None:
        headers = {"X-Forwarded-For": "203.0.113.5"}

        ask(public_application, "POST", "/enrol", body=b"{}", headers=headers)
        _enrol("wrong")

        assert AuditEvent.objects.get(outcome="REFUSED").source_address == "192.0.2.10"


class TestRenewal:
    def test_gives_a_new_certificate_to_who_proved_the_present_one(self) -> None:
        endpoint = enrolled_endpoint()

        answer = _renew(_der(endpoint.certificate.certificate))

        assert answer.status == 201
        assert tls.endpoint_id_from_der(_der(answer.json()["certificate"])) == endpoint.pk

    def test_is_refused_without_a_client_certificate(self) -> None:
        assert _renew(None).status == 403

    def test_is_refused_with_one_that_is_not_ours(self) -> None:
        assert _renew(b"garbage").status == 403

    def test_is_refused_to_a_revoked_endpoint(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        assert _renew(_der(endpoint.certificate.certificate)).status == 403

    def test_is_refused_when_the_request_is_garbage(self) -> None:
        endpoint = enrolled_endpoint()

        answer = _renew(_der(endpoint.certificate.certificate), b'{"csr": "x"}')

        assert answer.status == 400
        assert answer.json()["errors"] == {"csr": ["not a PEM certificate signing request"]}

    def test_is_limited(self) -> None:
        der = _der(enrolled_endpoint().certificate.certificate)
        for _ in range(RENEWALS.allowed):
            assert _renew(der).status == 201

        assert _renew(der).status == 429
        assert Certificate.objects.filter(revoked_at=None).count() == 2
