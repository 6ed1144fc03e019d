"""Enrolment against a real TLS server, honest and otherwise."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.directories import Directories
from agent.enrolment import TrustAnchor, enrol, renew_certificate
from agent.exceptions import (
    AlreadyEnrolled,
    CertificateUnacceptable,
    ConsoleUnreachable,
    EnrolmentRefused,
    NotEnrolled,
)
from agent.identity import Enrolment, read_enrolment, write_enrolment
from agent.tls import fingerprint_of
from tests.agent.authority import Authority
from tests.agent.enrolment_server import EnrolmentServer, problem, serving


def _enrol(directories: Directories, server: EnrolmentServer, **given: Any) -> Enrolment:
    given.setdefault("anchor", TrustAnchor(authority_pem=server.authority.pem))
    return enrol(directories, console=server.address, token="secret-token", **given)


def _moved(enrolment: Enrolment, directories: Directories, sessions: str) -> Enrolment:
    moved = msgspec.structs.replace(enrolment, sessions=sessions)
    write_enrolment(directories, moved)
    return moved


class TestEnrolment:
    def test_keeps_identity_and_addresses(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        made = _enrol(directories, enrolment_server)

        assert made == read_enrolment(directories)
        assert made.endpoint_id == enrolment_server.endpoint_id
        assert made.gateway_address.port == 17472
        assert directories.authority_file.read_text() == enrolment_server.authority.pem

    def test_sends_token_platform_and_version(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        _enrol(directories, enrolment_server)

        path, body = enrolment_server.requests[0]
        assert path == "/enrol"
        assert body["token"] == "secret-token"
        assert body["platform"]["os"] == "linux"
        assert body["platform"]["host_name"]
        assert body["agent_version"]

    def test_never_sends_the_private_key(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        _enrol(directories, enrolment_server)

        sent = json.dumps(enrolment_server.requests)
        assert "PRIVATE KEY" not in sent
        assert b"PRIVATE KEY" in directories.identity_file.read_bytes()

    def test_makes_files_that_only_the_owner_reads(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        _enrol(directories, enrolment_server)

        for folder in directories.own:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in (directories.identity_file, directories.enrolment_file):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_makes_an_identity_that_tls_can_use(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        _enrol(directories, enrolment_server)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(directories.identity_file)

    def test_refuses_to_overwrite_an_identity(
        self, directories: Directories, enrolment_server: EnrolmentServer, enrolled: Enrolment
    ) -> None:
        before = directories.identity_file.read_bytes()

        with pytest.raises(AlreadyEnrolled, match="--force"):
            _enrol(directories, enrolment_server)

        assert directories.identity_file.read_bytes() == before

    def test_replaces_an_identity_when_asked(
        self, directories: Directories, enrolment_server: EnrolmentServer, enrolled: Enrolment
    ) -> None:
        before = directories.identity_file.read_bytes()
        directories.sequence_file.write_text("{}")

        _enrol(directories, enrolment_server, replace=True)

        assert directories.identity_file.read_bytes() != before
        assert not directories.sequence_file.exists()


class TestTrust:
    def test_refuses_a_console_of_another_ca_before_the_token_is_sent(
        self,
        directories: Directories,
        enrolment_server: EnrolmentServer,
        foreign_authority: Authority,
    ) -> None:
        with pytest.raises(ConsoleUnreachable, match="not the console"):
            _enrol(
                directories,
                enrolment_server,
                anchor=TrustAnchor(authority_pem=foreign_authority.pem),
            )

        assert enrolment_server.requests == []
        assert not directories.settings.exists()

    def test_refuses_a_console_of_another_name(
        self, directories: Directories, authority: Authority, tmp_path: Path
    ) -> None:
        context = authority.server_context(tmp_path, host="console.example")
        with serving(EnrolmentServer(authority), context) as server:
            with pytest.raises(ConsoleUnreachable, match="not the console"):
                _enrol(directories, server)

            assert server.requests == []

    def test_finds_the_ca_by_its_fingerprint(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        fingerprint = fingerprint_of(enrolment_server.authority.pem).upper()
        colons = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2))

        _enrol(directories, enrolment_server, anchor=TrustAnchor(fingerprint=colons))

        assert directories.authority_file.read_text() == enrolment_server.authority.pem

    def test_sends_nothing_secret_when_the_fingerprint_differs(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        with pytest.raises(CertificateUnacceptable, match="another fingerprint"):
            _enrol(directories, enrolment_server, anchor=TrustAnchor(fingerprint="00" * 32))

        assert [path for path, _ in enrolment_server.requests] == ["/ca.pem"]

    @pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!!!\n"])
    def test_refuses_a_ca_that_is_no_certificate(
        self, directories: Directories, enrolment_server: EnrolmentServer, text: str
    ) -> None:
        anchor = TrustAnchor(authority_pem=text or "empty")

        with pytest.raises(CertificateUnacceptable):
            _enrol(directories, enrolment_server, anchor=anchor)


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "detail"),
        [
            (403, "This token has expired"),
            (403, "This token was used up"),
            (403, "This token is not known"),
            (409, "This computer is enrolled already"),
            (400, "The certificate request is unreadable"),
            (503, "The console is starting"),
        ],
    )
    def test_says_the_consoles_reason_in_one_sentence(
        self,
        directories: Directories,
        enrolment_server: EnrolmentServer,
        status: int,
        detail: str,
    ) -> None:
        enrolment_server.answer = problem(status, detail)

        with pytest.raises(EnrolmentRefused) as refusal:
            _enrol(directories, enrolment_server)

        assert str(refusal.value) == f"The console refused: {detail}."
        assert not directories.settings.exists()

    def test_shows_no_terminal_escapes_of_a_stranger(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        enrolment_server.answer = problem(403, "no\x1b[2J\nway" + "x" * 10_000)

        with pytest.raises(EnrolmentRefused) as refusal:
            _enrol(directories, enrolment_server)

        assert str(refusal.value).isprintable()
        assert len(str(refusal.value)) < 400

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"garbage",
            b"{}",
            b'{"endpoint_id": 7}',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"x": ' + b"[" * 100_000,
        ],
    )
    def test_refuses_garbage(
        self, directories: Directories, enrolment_server: EnrolmentServer, body: bytes
    ) -> None:
        enrolment_server.answer = lambda _path, _body: (201, "application/json", body)

        with pytest.raises(ConsoleUnreachable, match="does not speak like"):
            _enrol(directories, enrolment_server)

        assert not directories.settings.exists()

    def test_refuses_an_endless_answer(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        enrolment_server.answer = lambda _path, _body: (201, "text/plain", b"x" * 3_000_000)

        with pytest.raises(ConsoleUnreachable, match="more than a console"):
            _enrol(directories, enrolment_server)

    def test_says_when_nobody_answers(self, directories: Directories, authority: Authority) -> None:
        with pytest.raises(ConsoleUnreachable, match="did not answer"):
            enrol(
                directories,
                console="127.0.0.1:1",
                anchor=TrustAnchor(authority_pem=authority.pem),
                token="token",
            )

    @pytest.mark.parametrize(
        "console", ["", "host:0", "host:99999", "ho st", "../etc:1", "[::1", "a/b", "host:"]
    )
    def test_refuses_an_address_that_is_none(
        self, directories: Directories, authority: Authority, console: str
    ) -> None:
        with pytest.raises(ConsoleUnreachable):
            enrol(
                directories,
                console=console,
                anchor=TrustAnchor(authority_pem=authority.pem),
                token="token",
            )


class TestCertificateFromConsole:
    def _answering(self, server: EnrolmentServer, **changed: object) -> None:
        def answer(_path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
            certificate = server.authority.endpoint_certificate(body["csr"], server.endpoint_id)
            accepted = server.accepted(certificate) | changed
            return 201, "application/json", json.dumps(accepted).encode()

        server.answer = answer

    def test_is_refused_for_another_key(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        certificate = enrolment_server.authority.issue(other, [])
        self._answering(enrolment_server, certificate=certificate)

        with pytest.raises(CertificateUnacceptable, match="another key"):
            _enrol(directories, enrolment_server)

    def test_is_refused_for_another_endpoint(
        self, directories: Directories, enrolment_server: EnrolmentServer
    ) -> None:
        self._answering(enrolment_server, endpoint_id=str(uuid4()))

        with pytest.raises(CertificateUnacceptable, match="another endpoint"):
            _enrol(directories, enrolment_server)

    def test_is_refused_from_another_ca(
        self,
        directories: Directories,
        enrolment_server: EnrolmentServer,
        foreign_authority: Authority,
    ) -> None:
        def answer(_path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
            foreign = foreign_authority.endpoint_certificate(
                body["csr"], enrolment_server.endpoint_id
            )
            accepted = enrolment_server.accepted(foreign)
            return 201, "application/json", json.dumps(accepted).encode()

        enrolment_server.answer = answer

        with pytest.raises(CertificateUnacceptable, match="pinned CA"):
            _enrol(directories, enrolment_server)

    def test_does_not_change_the_pinned_ca(
        self,
        directories: Directories,
        enrolment_server: EnrolmentServer,
        foreign_authority: Authority,
    ) -> None:
        self._answering(enrolment_server, ca=foreign_authority.pem)

        with pytest.raises(CertificateUnacceptable, match="another CA"):
            _enrol(directories, enrolment_server)

    @pytest.mark.parametrize("public_key", ["AAAA", "not base64!"])
    def test_comes_with_signing_keys_or_not_at_all(
        self, directories: Directories, enrolment_server: EnrolmentServer, public_key: str
    ) -> None:
        keys = [{"key_id": "k", "public_key": public_key}]
        self._answering(enrolment_server, signing_keys=keys)

        with pytest.raises(EnrolmentRefused, match="signing key"):
            _enrol(directories, enrolment_server)


class TestRenewal:
    @pytest.fixture
    def renewing(
        self, authority: Authority, enrolled: Enrolment, tmp_path: Path
    ) -> EnrolmentServer:
        return EnrolmentServer(authority, endpoint_id=enrolled.endpoint_id, days=30)

    def test_replaces_key_and_certificate(
        self,
        directories: Directories,
        authority: Authority,
        enrolled: Enrolment,
        renewing: EnrolmentServer,
        tmp_path: Path,
    ) -> None:
        before = directories.identity_file.read_bytes()
        with serving(renewing, authority.server_context(tmp_path, mutual=True)) as server:
            from_address = _moved(enrolled, directories, server.address)

            renewed = renew_certificate(directories)

        assert directories.identity_file.read_bytes() != before
        assert renewed.certificate_until_at > from_address.certificate_until_at
        assert read_enrolment(directories) == renewed

    def test_leaves_the_old_one_when_the_console_refuses(
        self,
        directories: Directories,
        authority: Authority,
        enrolled: Enrolment,
        renewing: EnrolmentServer,
        tmp_path: Path,
    ) -> None:
        before = directories.identity_file.read_bytes()
        renewing.answer = problem(403, "This endpoint was revoked")
        with serving(renewing, authority.server_context(tmp_path, mutual=True)) as server:
            _moved(enrolled, directories, server.address)

            with pytest.raises(EnrolmentRefused, match="revoked"):
                renew_certificate(directories)

        assert directories.identity_file.read_bytes() == before

    def test_needs_an_identity(self, directories: Directories) -> None:
        with pytest.raises(NotEnrolled):
            renew_certificate(directories)

    def test_is_due_at_two_thirds_of_life(self, enrolled: Enrolment) -> None:
        life = enrolled.certificate_until_at - enrolled.certificate_from_at

        assert (enrolled.renew_at - enrolled.certificate_from_at) / life == pytest.approx(2 / 3)
