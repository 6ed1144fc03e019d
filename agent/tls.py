"""Make the TLS settings with which the agent dials its console, and nothing else.

One certificate authority is trusted: the console's own. The system's trust store is never
asked, the host name is always checked, and TLS 1.2 is the least.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from agent.exceptions import CertificateUnacceptable


def pinned_context(authority_pem: str) -> ssl.SSLContext:
    """Trust this certificate authority alone. Raises `CertificateUnacceptable`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session would not show the certificate again, and a revoked one must be seen.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    try:
        context.load_verify_locations(cadata=authority_pem)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateUnacceptable("The CA is not a certificate in PEM form.") from error
    return context


def mutual_context(*, authority_file: Path, identity_file: Path) -> ssl.SSLContext:
    """Trust the pinned authority, and prove the endpoint's own identity.

    Raises `CertificateUnacceptable` when a file cannot be used.
    """
    try:
        context = pinned_context(authority_file.read_text(encoding="ascii"))
        context.load_cert_chain(identity_file)
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateUnacceptable(
            f"The identity in {identity_file.parent} cannot be used: {error}."
        ) from error
    return context


def fingerprint_of(certificate_pem: str) -> str:
    """Return the SHA-256 of the first certificate in this text, in lower-case hexadecimal.

    Raises `CertificateUnacceptable` when there is none.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start = certificate_pem.find(begin)
    stop = certificate_pem.find(end, start)
    if start < 0 or stop < 0:
        raise CertificateUnacceptable("There is no certificate in PEM form.")
    try:
        encoded = ssl.PEM_cert_to_DER_cert(certificate_pem[start : stop + len(end)])
    except ValueError as error:
        raise CertificateUnacceptable("The certificate is not in PEM form.") from error
    return hashlib.sha256(encoded).hexdigest()
