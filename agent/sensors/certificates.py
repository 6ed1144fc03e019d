"""Which certificate authorities a computer trusts, and which of them somebody added.

Distributions build a bundle from folders: what lies in a package's folder came with the system.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.utils import CryptographyDeprecationWarning

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.reading import read_start
from agent.sensors.values import boolean_text, instant_text_of_seconds

_FILE_BYTES: Final = 16 * 1024 * 1024
_BUNDLES: Final = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "var/lib/ca-certificates/ca-bundle.pem",
    "etc/ssl/cert.pem",
)
# Here people put what they want to be trusted.
_LOCAL_FOLDERS: Final = (
    "usr/local/share/ca-certificates",
    "etc/pki/ca-trust/source/anchors",
    "etc/pki/trust/anchors",
    "etc/ca-certificates/trust-source/anchors",
)
_PACKAGED_FOLDERS: Final = (
    "usr/share/ca-certificates",
    "usr/share/pki/ca-trust-source",
    "usr/share/pki/trust",
    "usr/share/ca-certificates/trust-source",
)
_TRUST_FOLDERS: Final = (
    "etc/ssl/certs",
    "etc/pki/tls/certs",
    "etc/pki/ca-trust/extracted/pem/directory-hash",
)
# openssl-rehash(1): eight digits of a hash, and a number for those that have the same.
_IN_FOLDER: Final = re.compile(r"\.(?:pem|crt)$|^[0-9a-fA-F]{8}\.\d+$")
_MOST_FILES: Final = 5000
_LONG_FORM: Final = 0x80
# What is odd about one certificate must not hide all others.
UNREADABLE: Final = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
_PEM: Final = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END"
)


def trusted(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every certificate that is trusted, once."""
    root = context.root
    places = _trusted_places(root)
    if not places:
        raise SensorUnavailable("This computer has no list of trusted certificates.")
    packaged = {
        _digest(der) for path in _files(root, _PACKAGED_FOLDERS) for der in certificates_in(path)
    }
    local = {
        _digest(der): path for path in _files(root, _LOCAL_FOLDERS) for der in certificates_in(path)
    }
    seen = set()
    for place in places:
        for der in certificates_in(place):
            digest = _digest(der)
            if digest in seen:
                continue
            seen.add(digest)
            is_local = digest in local or (bool(packaged) and digest not in packaged)
            path = local.get(digest, place)
            yield (*facts_of(der), boolean_text(is_local), f"/{path.relative_to(root)}")


def _trusted_places(root: Path) -> list[Path]:
    """Return the files that hold what is trusted, each once whatever links lead to it."""
    bundles = [root / name for name in _BUNDLES if (root / name).is_file()]
    # OpenSSL also trusts what lies in its folder but in no bundle, by names that are hashes.
    folders = [path for path in _files(root, _TRUST_FOLDERS) if _IN_FOLDER.search(path.name)]
    places: dict[Path, Path] = {}
    for path in bundles + sorted(folders, key=lambda path: path.is_symlink()):
        places.setdefault(path.resolve(), path)
    return list(places.values())


def _files(root: Path, folders: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        found += sorted(path for path in (root / folder).glob("**/*") if path.is_file())
    return found[:_MOST_FILES]


def certificates_in(path: Path, most: int = _FILE_BYTES) -> Iterator[bytes]:
    """Yield the certificates in the first `most` bytes of a file, as DER; none of another file."""
    try:
        text = read_start(path, most)
    except OSError:
        return
    for encoded in _PEM.findall(text):
        try:
            yield _first_object(base64.b64decode(b"".join(encoded.split()), validate=True))
        except binascii.Error:
            continue


def _first_object(der: bytes) -> bytes:
    """Cut off what a "trusted certificate" of OpenSSL has behind the certificate (X.690, 8.1)."""
    if len(der) < 2 or der[1] < _LONG_FORM:
        return der
    digits = der[1] - _LONG_FORM
    return der[: 2 + digits + int.from_bytes(der[2 : 2 + digits], "big")]


def _digest(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def facts_of(der: bytes) -> tuple[str, str, str, str, str, str, str]:
    """Describe one certificate; one that is broken still has its hash."""
    digest = _digest(der)
    try:
        with warnings.catch_warnings():
            # Old authorities break newer rules; they are trusted all the same.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(der)
            return (
                certificate.subject.rfc4514_string(),
                certificate.issuer.rfc4514_string(),
                instant_text_of_seconds(certificate.not_valid_before_utc.timestamp()),
                instant_text_of_seconds(certificate.not_valid_after_utc.timestamp()),
                digest,
                f"{certificate.serial_number:x}",
                _key(certificate),
            )
    except UNREADABLE as error:
        return f"unreadable: {error}", "", "", "", digest, "", ""


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}"
        case _:
            return type(key).__name__.removesuffix("PublicKey").lstrip("_")


SENSORS: Final[dict[str, SensorFunction]] = {"certificates.trusted": trusted}
