"""The certificates with which a computer's own services prove who they are.

Only the certificates of a file are taken up: a private key beside them is never looked at.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from agent.sensors.certificates import UNREADABLE, certificates_in, facts_of
from agent.sensors.context import Row, SensorContext, SensorFunction

_FILE_BYTES: Final = 256 * 1024
_MOST_FILES: Final = 5000
_ENDINGS: Final = (".pem", ".crt", ".cer", ".cert")
# Where authorities lie among them, those are left out.
_PLACES: Final = (
    "etc/ssl/*",
    "etc/ssl/certs/*",
    "etc/ssl/private/*",
    "etc/pki/tls/certs/*",
    "etc/pki/tls/private/*",
    "etc/letsencrypt/live/*/*",
    *(
        f"etc/{service}/**/*"
        for service in (
            "apache2",
            "dovecot",
            "haproxy",
            "httpd",
            "ipsec.d/certs",
            "kubernetes/pki",
            "ldap",
            "mysql",
            "nginx",
            "openvpn",
            "postfix",
            "postgresql",
            "swanctl/x509",
        )
    ),
    "var/lib/kubelet/pki/*",
)


def own(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every certificate that is no authority's, with each file that holds it."""
    for path in _files(context.root):
        for der in certificates_in(path, _FILE_BYTES):
            certificate = _read(der)
            if certificate is None or not _is_authority(certificate):
                names = _alternative_names(certificate) if certificate else ""
                yield (*facts_of(der), names, f"/{path.relative_to(context.root)}")


def _files(root: Path) -> list[Path]:
    """Return the files to look at, each once whatever links lead to it."""
    found = itertools.chain.from_iterable(sorted(root.glob(pattern)) for pattern in _PLACES)
    named = (path for path in found if path.suffix in _ENDINGS and path.is_file())
    places: dict[Path, Path] = {}
    for path in itertools.islice(named, _MOST_FILES):
        places.setdefault(path.resolve(), path)
    return list(places.values())


def _read(der: bytes) -> x509.Certificate | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_der_x509_certificate(der)
    except UNREADABLE:
        return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        # Roots of the first version of X.509 have no extensions, and are their own issuers.
        return certificate.version is x509.Version.v1 and certificate.issuer == certificate.subject
    return found.value.ca


def _alternative_names(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ""
    return ", ".join(str(name.value) for name in found.value)


SENSORS: Final[dict[str, SensorFunction]] = {"certificates.own": own}
