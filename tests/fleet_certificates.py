"""A certificate authority for tests and benchmarks, and certificates for simulated endpoints.

Made by the console's own code (`console.certificates.issuing`), without its database.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from console.certificates import issuing, tls


class FleetAuthority:
    """An authority in `keys`, in the files and formats that `console.certificates.tls` reads."""

    def __init__(self, keys: Path, issuer: issuing.Issuer) -> None:
        self.keys = keys
        self._now = datetime.now(UTC)
        self._issuer = issuer
        self._endpoint_key = issuing.new_private_key()
        self._revoked: list[tuple[int, datetime]] = []
        self._list_number = 0

    @classmethod
    def new(cls, keys: Path) -> FleetAuthority:
        """Make an authority and everything that a TLS port reads."""
        key = issuing.new_private_key()
        certificate = issuing.make_authority("Test authority", key, now=datetime.now(UTC))
        keys.mkdir(parents=True, exist_ok=True)
        (keys / tls.AUTHORITY_CERTIFICATE).write_bytes(issuing.certificate_pem(certificate))
        authority = cls(keys, issuing.Issuer(certificate, key))
        authority._write_server()
        authority.write_revocation_list()
        return authority

    @classmethod
    def existing(cls, keys: Path) -> FleetAuthority:
        """Use the authority that a console made there."""
        certificate = x509.load_pem_x509_certificate(
            (keys / tls.AUTHORITY_CERTIFICATE).read_bytes()
        )
        key = serialization.load_pem_private_key((keys / "authority.key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is of another kind")
        return cls(keys, issuing.Issuer(certificate, key))

    def endpoint_certificate(
        self, endpoint_id: UUID, *, now: datetime | None = None
    ) -> x509.Certificate:
        """Issue a certificate; all simulated endpoints share one key, which nobody looks at."""
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .sign(self._endpoint_key, hashes.SHA256())
        )
        return issuing.make_endpoint_certificate(
            endpoint_id,
            request,
            issuer=self._issuer,
            now=now or self._now,
        )

    def client_context(self, certificate: x509.Certificate) -> ssl.SSLContext:
        """Return what an endpoint dials with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.keys / tls.AUTHORITY_CERTIFICATE)
        path = self.keys / "endpoint.pem"
        path.write_bytes(self.pem_of(certificate))
        context.load_cert_chain(path)
        return context

    def pem_of(self, certificate: x509.Certificate) -> bytes:
        """Write a certificate with the endpoints' key behind it."""
        return issuing.certificate_pem(certificate) + issuing.private_key_pem(self._endpoint_key)

    def context_for(self, endpoint_id: UUID) -> ssl.SSLContext:
        """Issue a certificate and return what the endpoint dials with."""
        return self.client_context(self.endpoint_certificate(endpoint_id))

    def revoke(self, certificate: x509.Certificate) -> None:
        """Put a certificate onto the revocation list."""
        self._revoked.append((certificate.serial_number, datetime.now(UTC)))
        self.write_revocation_list()

    def write_revocation_list(self) -> None:
        """Write the list anew."""
        self._list_number += 1
        content = issuing.make_revocation_list(
            self._revoked,
            number=self._list_number,
            issuer=self._issuer,
            now=self._now,
        )
        (self.keys / tls.REVOCATION_LIST).write_bytes(content)

    def _write_server(self) -> None:
        key = issuing.new_private_key()
        certificate = issuing.make_server_certificate(
            ["localhost", "127.0.0.1"],
            key.public_key(),
            issuer=self._issuer,
            now=self._now,
        )
        (self.keys / tls.SERVER_CERTIFICATE).write_bytes(issuing.certificate_pem(certificate))
        (self.keys / tls.SERVER_KEY).write_bytes(issuing.private_key_pem(key))


def der_of(certificate: x509.Certificate) -> bytes:
    """Write a certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)
