"""Make certificates, revocation lists and keys. Pure: no database, no files, no clock.

Everything is ECDSA P-256 with SHA-256: a full mutual handshake costs a third of RSA-3072's.
Lives are set here. Every life begins an hour before `now`, so that an endpoint whose clock is a
little slow accepts a certificate that was made a moment ago.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from console.certificates.exceptions import CertificateRequestRefused

AUTHORITY_LIFE: Final = timedelta(days=10 * 365)
# Browsers and some TLS stacks refuse server certificates that live longer than 398 days.
SERVER_LIFE: Final = timedelta(days=397)
ENDPOINT_LIFE: Final = timedelta(days=365)
BACKDATED: Final = timedelta(hours=1)

# A request with a P-256 key is about 500 bytes; this leaves room for any honest extension.
REQUEST_BYTES: Final = 16 * 1024

PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Issuer:
    """The authority that signs: its certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey


def new_private_key() -> PrivateKey:
    """Make a private key of the only kind that the console uses for TLS."""
    return ec.generate_private_key(ec.SECP256R1())


def private_key_pem(key: PrivateKey) -> bytes:
    """Write a private key as unencrypted PEM; the file's mode is what protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def read_request(csr_pem: bytes) -> x509.CertificateSigningRequest:
    """Read a PEM signing request with a P-256 key that signed it itself.

    Nothing but its public key is used: the names in it are what the endpoint would like.
    Raises `CertificateRequestRefused`.
    """
    if len(csr_pem) > REQUEST_BYTES:
        raise CertificateRequestRefused(f"the request is longer than {REQUEST_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        public_key = request.public_key()
        signed_by_its_key = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateRequestRefused("not a PEM certificate signing request") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(
        public_key.curve, ec.SECP256R1
    ):
        raise CertificateRequestRefused("the key must be ECDSA on the curve P-256")
    if not signed_by_its_key:
        raise CertificateRequestRefused("the request is not signed by its own key")
    return request


def make_authority(name: str, key: PrivateKey, *, now: datetime) -> x509.Certificate:
    """Make a self-signed authority that may issue leaves and no further authority."""
    subject = _named(name)
    return (
        _builder(subject, subject, key.public_key(), now=now, life=AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def make_server_certificate(
    names: Sequence[str],
    public_key: ec.EllipticCurvePublicKey,
    *,
    issuer: Issuer,
    now: datetime,
) -> x509.Certificate:
    """Make a certificate for a server that is reached under all of these names and addresses.

    Raises ValueError when there is no name or one is not a DNS name in ASCII.
    """
    if not names:
        raise ValueError("a server certificate needs at least one name")
    leaf = _leaf(_named(names[0]), public_key, issuer, now=now, life=SERVER_LIFE)
    return (
        leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .sign(issuer.key, hashes.SHA256())
    )


def make_endpoint_certificate(
    endpoint_id: UUID, request: x509.CertificateSigningRequest, *, issuer: Issuer, now: datetime
) -> x509.Certificate:
    """Make the certificate that proves to be one endpoint: its UUID stands in a SAN URI.

    `request` comes from `read_request`.
    """
    public_key = request.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise CertificateRequestRefused("the key must be ECDSA on the curve P-256")
    identity = x509.UniformResourceIdentifier(endpoint_id.urn)
    leaf = _leaf(_named(str(endpoint_id)), public_key, issuer, now=now, life=ENDPOINT_LIFE)
    return (
        leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def make_revocation_list(
    revoked: Iterable[tuple[int, datetime]],
    *,
    number: int,
    issuer: Issuer,
    now: datetime,
) -> bytes:
    """Write the list of revoked serial numbers, each with its instant, as PEM.

    The list holds as long as the authority: whoever reads it gets each new one pushed, and a
    list that ran out would lock out every endpoint at once.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(issuer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_identifier_of(issuer), critical=False)
    )
    for serial_number, revoked_at in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial_number)
            .revocation_date(revoked_at)
            .build()
        )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def names_in(certificate: x509.Certificate) -> set[str]:
    """List the DNS names and addresses that stand in a server certificate."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    }


def needs_renewal(certificate: x509.Certificate, *, now: datetime) -> bool:
    """Tell whether two thirds of the certificate's life are over."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * 2 / 3


def _leaf(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: Issuer,
    *,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer.certificate.subject, public_key, now=now, life=life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_identifier_of(issuer), critical=False)
    )


def _builder(
    subject: x509.Name,
    issuer_name: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + life)
    )


def _named(name: str) -> x509.Name:
    # A common name holds at most 64 characters; nobody identifies by it.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vedette"),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _identifier_of(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
