"""Make the endpoint's own key, ask for a certificate with it, and check what came back.

The private key is made here and never leaves the computer. A certificate is accepted only when
it is for this key, from the pinned authority and for this endpoint: a console that mixes up
endpoints must not be able to hand out somebody else's identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.exceptions import CertificateUnacceptable


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate is valid; microseconds since the epoch, UTC."""

    from_at: int
    until_at: int

    @property
    def renew_at(self) -> int:
        """The instant at which two thirds of the certificate's life are over."""
        return self.from_at + (self.until_at - self.from_at) * 2 // 3


class KeyPair:
    """An EC P-256 key that nobody else has."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def signing_request(self, host_name: str) -> str:
        """Return a certificate signing request in PEM form.

        The name is only a help for people who read certificates: the console decides the
        identity.
        """
        # RFC 5280, appendix A: a common name has at most 64 characters and at least one.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name[:64] or "endpoint")])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        signed = request.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def identity_with(self, certificate_pem: str) -> bytes:
        """Return the private key and its certificate as one PEM text."""
        key = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return key + certificate_pem.strip().encode("ascii") + b"\n"

    def check(self, certificate_pem: str, *, authority_pem: str, endpoint_id: UUID) -> Validity:
        """Return how long the certificate is valid, once everything about it is right.

        Raises `CertificateUnacceptable` with the reason.
        """
        certificate, authority = _read(certificate_pem), _read(authority_pem)
        if certificate.public_key() != self._key.public_key():
            raise CertificateUnacceptable("The console's certificate is for another key.")
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise CertificateUnacceptable(
                "The console's certificate is not from the pinned CA."
            ) from error
        if not any(str(endpoint_id) in uri.lower() for uri in _uris(certificate)):
            raise CertificateUnacceptable("The console's certificate is for another endpoint.")
        return Validity(
            _microseconds(certificate.not_valid_before_utc),
            _microseconds(certificate.not_valid_after_utc),
        )


def _read(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode("ascii"))
    except (ValueError, UnicodeEncodeError) as error:
        raise CertificateUnacceptable("The console sent no readable certificate.") from error


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return extension.value.get_values_for_type(x509.UniformResourceIdentifier)


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
