"""Computers that want to join: keys, signing requests and what they say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from console.certificates.authority import ensure_authority, ensure_server_certificate
from console.certificates.services import create_enrolment_token
from console.certificates.signing import ensure_signing_key
from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.endpoints.services import EnrolmentRequest, enrol_endpoint
from protocol.messages import Platform

# X.509 has no fractions of a second.
NOW = datetime.now(UTC).replace(microsecond=0)
ADMINISTRATOR = Actor("ada", source_address="192.0.2.7")


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make the kind of key that an endpoint has."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Any) -> bytes:
    """Write a private key as PEM."""
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem


def signing_request(key: Any, *, algorithm: Any = None) -> bytes:
    """Write a PEM signing request for any kind of key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a computer")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = request.sign(key, algorithm or hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def platform(host_name: str = "web-1", **changes: Any) -> Platform:
    """Describe a computer."""
    described = Platform(
        os="linux",
        os_name="Debian GNU/Linux",
        os_version="12",
        kernel="6.1.0",
        architecture="x86_64",
        host_name=host_name,
        addresses=["192.0.2.10"],
        machine_id="00000000000000000000000000000001",
    )
    return msgspec.structs.replace(described, **changes)


def prepare_console(now: datetime = NOW) -> None:
    """Make what a console has before the first computer joins."""
    ensure_authority(now)
    ensure_server_certificate(settings.VEDETTE_NAMES, now)
    ensure_signing_key(now)


def enrolment_token(*, uses: int = 1, life: timedelta = timedelta(days=1)) -> str:
    """Return a new token's text."""
    return create_enrolment_token(
        name="tests", uses=uses, expires_at=NOW + life, actor=ADMINISTRATOR, now=NOW
    ).plain


def enrolment_request(
    token: str, *, csr_pem: bytes | None = None, host_name: str = "web-1"
) -> EnrolmentRequest:
    """Return what a computer sends to join."""
    return EnrolmentRequest(
        token=token,
        csr_pem=signing_request(new_key()) if csr_pem is None else csr_pem,
        platform=platform(host_name),
        agent_version="0.1.0",
    )


def enrolled_endpoint(host_name: str = "web-1", *, csr_pem: bytes | None = None) -> Endpoint:
    """Let a computer join and return its row."""
    prepare_console()
    request = enrolment_request(enrolment_token(), host_name=host_name, csr_pem=csr_pem)
    return enrol_endpoint(request, source_address="192.0.2.10", now=NOW)
