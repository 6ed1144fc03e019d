"""TLS for the programs that endpoints dial, and who is behind a client certificate.

The gateway runs this at every handshake, so nothing here imports Django. Sessions are never
resumed: a resumed one would skip the chain and the revocation list.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import ssl
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from console.certificates.exceptions import AuthorityMissing, CertificateRefused
from console.core.places import KEYS_DIR

AUTHORITY_CERTIFICATE: Final = "authority.pem"
SERVER_CERTIFICATE: Final = "server.pem"
SERVER_KEY: Final = "server.key"
REVOCATION_LIST: Final = "revoked.crl"

_WATCHED: Final = (AUTHORITY_CERTIFICATE, SERVER_CERTIFICATE, REVOCATION_LIST)
_log: Final = logging.getLogger(__name__)


def server_context(*, require_client: bool, keys_directory: Path = KEYS_DIR) -> ssl.SSLContext:
    """Return a context for a port that endpoints dial, with or without a client certificate.

    A renewed server certificate and a new revocation list are in force from the next handshake,
    without a restart. Raises `AuthorityMissing` when the authority has not been made yet.
    """
    return _FreshContext(keys_directory, require_client=require_client).listening


def endpoint_id_from_der(der: bytes) -> UUID:
    """Return the endpoint that a verified client certificate names.

    Raises `CertificateRefused` unless exactly one `urn:uuid:` URI stands in it.
    """
    try:
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        (uri,) = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        endpoint_id = UUID(uri)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise CertificateRefused("The certificate does not name one endpoint.") from error
    if uri != endpoint_id.urn:
        raise CertificateRefused("The certificate does not name one endpoint.")
    return endpoint_id


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 of a certificate in hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def public_key_pin(keys_directory: Path = KEYS_DIR) -> str:
    """Return the pin of the server's public key as curl and HPKP write it: `sha256//BASE64`.

    It stays when the certificate is reissued. Raises `AuthorityMissing` before the first one.
    """
    der = (
        _server_certificate(keys_directory)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return f"sha256//{base64.b64encode(hashlib.sha256(der).digest()).decode()}"


def server_fingerprint(keys_directory: Path = KEYS_DIR) -> str:
    """Return the SHA-256 of the present server certificate in hexadecimal.

    Raises `AuthorityMissing` before the first one.
    """
    certificate = _server_certificate(keys_directory)
    return fingerprint_of(certificate.public_bytes(serialization.Encoding.DER))


def _server_certificate(keys_directory: Path) -> x509.Certificate:
    try:
        pem = (keys_directory / SERVER_CERTIFICATE).read_bytes()
    except FileNotFoundError as error:
        raise AuthorityMissing("the console has no server certificate yet") from error
    return x509.load_pem_x509_certificate(pem)


class _FreshContext:
    """Builds a new context when a file changed and swaps it in as a handshake begins.

    The callback runs for clients that send no server name, too. Swapping the whole context is the
    only way to forget a revocation list or an authority: a live one can only be added to.
    """

    def __init__(self, keys_directory: Path, *, require_client: bool) -> None:
        self._directory = keys_directory
        self._require_client = require_client
        self._stamp = self._stamp_files()
        self._newest = self._build()
        self.listening = self._build()
        self.listening.sni_callback = self._swap

    def _swap(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        try:
            stamp = self._stamp_files()
            if stamp != self._stamp:
                self._newest, self._stamp = self._build(), stamp
        except (OSError, AuthorityMissing) as error:
            # The last good files stay in force: an endpoint that was revoked under them stays out.
            _log.error("TLS files cannot be read again: %s", error)
        connection.context = self._newest

    def _stamp_files(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [(self._directory / name).stat() for name in _WATCHED]
        except FileNotFoundError as error:
            raise AuthorityMissing(f"{error.filename} is missing") from error
        return tuple((file.st_ino, file.st_mtime_ns, file.st_size) for file in found)

    def _build(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._directory / SERVER_CERTIFICATE, self._directory / SERVER_KEY)
        if self._require_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
            context.load_verify_locations(self._directory / AUTHORITY_CERTIFICATE)
            context.load_verify_locations(self._directory / REVOCATION_LIST)
        return context
