"""Peers that are not our agent: they dial the ports of endpoints with certificates of any kind."""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from console.certificates import issuing
from tests.e2e.console import Console
from tests.e2e.network import Host

REQUEST = b"GET / HTTP/1.1\r\nHost: console\r\nConnection: close\r\n\r\n"


def identity_of(issuer: issuing.Issuer, endpoint_id: UUID, *, now: datetime) -> bytes:
    """Issue a certificate as of `now`; return it with its key, as PEM."""
    key = issuing.new_private_key()
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
    )
    certificate = issuing.make_endpoint_certificate(endpoint_id, request, issuer=issuer, now=now)
    return issuing.private_key_pem(key) + issuing.certificate_pem(certificate)


def stolen_authority(console: Console) -> issuing.Issuer:
    """Read the console's own authority, as only its owner can."""
    keys = console.data / "keys"
    key = serialization.load_pem_private_key((keys / "authority.key").read_bytes(), None)
    assert isinstance(key, issuing.PrivateKey)
    certificate = x509.load_pem_x509_certificate(console.authority.read_bytes())
    return issuing.Issuer(certificate, key)


def other_authority(*, now: datetime) -> issuing.Issuer:
    """Make an authority that looks like the console's and is not."""
    key = issuing.new_private_key()
    return issuing.Issuer(issuing.make_authority("Vedette", key, now=now), key)


def client_context(console: Console, identity: bytes = b"") -> ssl.SSLContext:
    """Trust the console and be who `identity` (PEM) says, or nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(console.authority)
    if identity:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            Path(file.name).write_bytes(identity)
            context.load_cert_chain(file.name)
    return context


def dial(
    host: Host,
    console: Console,
    port: int,
    context: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLSocket:
    """Finish this end's TLS handshake; the other end may still refuse, and says so later."""
    connection = host.connect(console.host.address, port)
    try:
        return context.wrap_socket(
            connection, server_hostname=console.host.address, session=session
        )
    except BaseException:
        connection.close()
        raise


def is_heard(
    host: Host,
    console: Console,
    port: int,
    context: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
) -> bool:
    """Tell whether one byte of an application's answer comes back."""
    try:
        with dial(host, console, port, context, session=session) as connection:
            connection.sendall(REQUEST)
            return bool(connection.recv(1))
    except (ssl.SSLError, ConnectionError):
        return False
