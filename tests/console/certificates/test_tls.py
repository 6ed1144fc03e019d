"""Real handshakes over memory: what a port that endpoints dial lets in and what it refuses."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from console.certificates import issuing, tls
from console.certificates.exceptions import AuthorityMissing, CertificateRefused
from tests.conftest import REPOSITORY
from tests.console.computers import NOW, key_pem, new_key, signing_request

ENDPOINT_ID = UUID("11111111-2222-4333-8444-555555555555")


class Console:
    """The files of a console, made without a database."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        key = issuing.new_private_key()
        self.issuer = issuing.Issuer(issuing.make_authority("tests", key, now=NOW), key)
        self.server_key = issuing.new_private_key()
        self.number = 0
        self.write(tls.AUTHORITY_CERTIFICATE, issuing.certificate_pem(self.issuer.certificate))
        self.write(tls.SERVER_KEY, issuing.private_key_pem(self.server_key))
        self.serve("console.example")
        self.revoke()

    def write(self, name: str, content: bytes) -> None:
        draft = self.directory / f"{name}.draft"
        draft.write_bytes(content)
        draft.replace(self.directory / name)

    def serve(self, name: str) -> None:
        certificate = issuing.make_server_certificate(
            [name], self.server_key.public_key(), issuer=self.issuer, now=NOW
        )
        self.write(tls.SERVER_CERTIFICATE, issuing.certificate_pem(certificate))

    def revoke(self, *certificates: x509.Certificate) -> None:
        self.number += 1
        revoked = [(certificate.serial_number, NOW) for certificate in certificates]
        content = issuing.make_revocation_list(
            revoked, number=self.number, issuer=self.issuer, now=NOW
        )
        self.write(tls.REVOCATION_LIST, content)

    def context(self, *, require_client: bool = True) -> ssl.SSLContext:
        return tls.server_context(require_client=require_client, keys_directory=self.directory)


class Computer:
    """A computer with a key and a certificate, and the TLS side of its agent."""

    def __init__(self, console: Console, *, born: timedelta = timedelta()) -> None:
        self.key = new_key()
        request = issuing.read_request(signing_request(self.key))
        self.certificate = issuing.make_endpoint_certificate(
            ENDPOINT_ID, request, issuer=console.issuer, now=NOW + born
        )

    def context(self, console: Console, folder: Path) -> ssl.SSLContext:
        identity = folder / f"{uuid4()}.pem"
        identity.write_bytes(key_pem(self.key) + issuing.certificate_pem(self.certificate))
        context = ssl.create_default_context(cafile=console.directory / tls.AUTHORITY_CERTIFICATE)
        context.load_cert_chain(identity)
        return context


class Handshake:
    """Both ends of one connection, joined in memory; raises what the server end raised."""

    def __init__(
        self,
        server: ssl.SSLContext,
        client: ssl.SSLContext,
        *,
        name: str = "console.example",
        session: ssl.SSLSession | None = None,
    ) -> None:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server.wrap_bio(up, down, server_side=True)
        self.client = client.wrap_bio(down, up, server_hostname=name, session=session)
        finished = 0
        while finished < 2:
            finished = sum((self._step(self.client), self._step(self.server)))
        # TLS 1.3: the client hears only now whether its certificate was accepted, and would get
        # its tickets here.
        self.server.write(b"welcome")
        assert self.client.read(7) == b"welcome"

    @staticmethod
    def _step(end: ssl.SSLObject) -> bool:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


@pytest.fixture
def console(tmp_path: Path) -> Console:
    directory = tmp_path / "keys"
    directory.mkdir()
    return Console(directory)


@pytest.fixture
def dial(console: Console, tmp_path: Path) -> Callable[[Computer], Handshake]:
    server = console.context()

    def connect(computer: Computer) -> Handshake:
        return Handshake(server, computer.context(console, tmp_path))

    return connect


class TestMutualTls:
    def test_knows_the_endpoint_behind_its_certificate(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        connection = dial(Computer(console))

        der = connection.server.getpeercert(binary_form=True)
        assert der is not None
        assert tls.endpoint_id_from_der(der) == ENDPOINT_ID
        assert connection.server.version() == "TLSv1.3"

    def test_refuses_who_has_no_certificate(self, console: Console) -> None:
        client = ssl.create_default_context(cafile=console.directory / tls.AUTHORITY_CERTIFICATE)

        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            Handshake(console.context(), client)

    def test_refuses_a_certificate_of_another_authority(
        self, console: Console, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        foreign = Computer(Console(tmp_path / "other"))

        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            Handshake(console.context(), foreign.context(console, tmp_path))

    def test_refuses_an_expired_certificate(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="has expired"):
            dial(Computer(console, born=-issuing.ENDPOINT_LIFE))

    def test_refuses_a_certificate_that_is_not_valid_yet(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
            dial(Computer(console, born=timedelta(days=2)))

    def test_refuses_the_servers_own_certificate_as_an_endpoints(
        self, console: Console, tmp_path: Path
    ) -> None:
        thief = Computer(console)
        thief.key = console.server_key
        pem = (console.directory / tls.SERVER_CERTIFICATE).read_bytes()
        thief.certificate = x509.load_pem_x509_certificate(pem)

        with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
            Handshake(console.context(), thief.context(console, tmp_path))

    def test_refuses_a_revoked_certificate_without_a_restart(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        computer, other = Computer(console), Computer(console)
        dial(computer)

        console.revoke(computer.certificate)

        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            dial(computer)
        dial(other)

    def test_counts_every_list_when_two_are_written_within_a_second(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        first, second = Computer(console), Computer(console)

        console.revoke(first.certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            dial(first)
        console.revoke(first.certificate, second.certificate)

        for computer in (first, second):
            with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
                dial(computer)

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_does_not_resume_a_session_so_that_a_revoked_endpoint_stays_out(
        self, console: Console, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        server = console.context()
        computer = Computer(console)
        client = computer.context(console, tmp_path)
        client.maximum_version = version
        session = Handshake(server, client).client.session

        resumed = Handshake(server, client, session=session)
        assert not resumed.server.session_reused

        console.revoke(computer.certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            Handshake(server, client, session=session)

    def test_keeps_the_last_good_files_when_new_ones_cannot_be_read(
        self, console: Console, dial: Callable[[Computer], Handshake]
    ) -> None:
        computer = Computer(console)
        console.revoke(computer.certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            dial(computer)

        console.write(tls.REVOCATION_LIST, b"nothing of the kind")

        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            dial(computer)
        dial(Computer(console))


class TestServerTls:
    def test_serves_a_renewed_certificate_without_a_restart(self, console: Console) -> None:
        server = console.context(require_client=False)
        client = ssl.create_default_context(cafile=console.directory / tls.AUTHORITY_CERTIFICATE)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            Handshake(server, client, name="renamed.example")

        console.serve("renamed.example")

        Handshake(server, client, name="renamed.example")

    def test_does_not_speak_old_versions(self, console: Console) -> None:
        assert console.context().minimum_version == ssl.TLSVersion.TLSv1_2

    def test_needs_an_authority(self, tmp_path: Path) -> None:
        with pytest.raises(AuthorityMissing):
            tls.server_context(require_client=True, keys_directory=tmp_path)


class TestIdentity:
    def _certificate(self, *names: x509.GeneralName) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.DER)

    def test_is_the_uuid_in_the_certificate(self) -> None:
        der = self._certificate(x509.UniformResourceIdentifier(ENDPOINT_ID.urn))

        assert tls.endpoint_id_from_der(der) == ENDPOINT_ID

    @pytest.mark.parametrize(
        "names",
        [
            [],
            [x509.DNSName("console.example")],
            [x509.UniformResourceIdentifier("urn:uuid:../../etc/passwd")],
            [x509.UniformResourceIdentifier(f"https://{ENDPOINT_ID}")],
            [x509.UniformResourceIdentifier(f"urn:uuid:{{{ENDPOINT_ID}}}")],
            [x509.UniformResourceIdentifier(uuid4().urn) for _ in range(2)],
        ],
        ids=["none", "dns name", "path", "other scheme", "braces", "two"],
    )
    def test_is_refused_when_it_is_not_exactly_one_uuid(
        self, names: list[x509.GeneralName]
    ) -> None:
        with pytest.raises(CertificateRefused):
            tls.endpoint_id_from_der(self._certificate(*names))

    def test_is_refused_when_the_bytes_are_no_certificate(self) -> None:
        with pytest.raises(CertificateRefused):
            tls.endpoint_id_from_der(b"garbage")


class TestPin:
    def test_stays_when_the_certificate_is_reissued(self, console: Console) -> None:
        pin = tls.public_key_pin(console.directory)

        console.serve("renamed.example")

        assert tls.public_key_pin(console.directory) == pin
        assert pin.startswith("sha256//")

    def test_needs_a_server_certificate(self, tmp_path: Path) -> None:
        with pytest.raises(AuthorityMissing):
            tls.public_key_pin(tmp_path)


def test_the_gateway_gets_this_without_django() -> None:
    program = "import sys, console.certificates.tls; print('django' in sys.modules)"

    told = subprocess.check_output([sys.executable, "-c", program], cwd=REPOSITORY, text=True)

    assert told == "False\n"


def test_fingerprints_are_the_sha256_of_the_certificate() -> None:
    assert tls.fingerprint_of(b"der") == hashlib.sha256(b"der").hexdigest()
