"""Whom to believe to be the console: the system's authorities, a given one, a pinned certificate.

A console signs its own certificate, so no browser and no system knows it. Whoever logs in compares
a fingerprint once; from then on exactly that certificate is the console.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from pathlib import Path
from typing import Final

from client.exceptions import ConsoleUnreachable, WrongUsage

TIMEOUT: Final = 30.0


def context_trusting(pem: str = "") -> ssl.SSLContext:
    """Trust these certificates and nobody else; without any, whom the system trusts.

    Raises `WrongUsage` for what is no certificate.
    """
    if not pem:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A pinned certificate is an anchor without being an authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise WrongUsage("The authority is no certificate in PEM.") from error
    return context


def read_authority(path: Path) -> str:
    """Read a file of certificates. Raises `WrongUsage`."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read: {error}") from error


def is_vouched_for(host: str, port: int, context: ssl.SSLContext) -> bool:
    """Tell whether a context accepts who answers there. Raises `ConsoleUnreachable`."""
    try:
        _certificate(host, port, context)
    except ssl.SSLCertVerificationError:
        return False
    return True


def offered_certificate(host: str, port: int) -> bytes:
    """Return the certificate (DER) of whoever answers there: proof of nothing by itself.

    Nothing is sent over this connection. Raises `ConsoleUnreachable`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _certificate(host, port, context)


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 of a certificate, as the console's page of certificates shows it."""
    return hashlib.sha256(der).hexdigest()


def same_fingerprint(one: str, other: str) -> bool:
    """Compare two fingerprints, with or without colons, in any case."""
    plain = (text.replace(":", "").replace(" ", "").casefold() for text in (one, other))
    return len(set(plain)) == 1


def _certificate(host: str, port: int, context: ssl.SSLContext) -> bytes:
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, ValueError) as error:
        raise ConsoleUnreachable(f"No console answers at {host}:{port}: {error}") from error
