"""The console's certificate authority: makes itself once, issues, revokes and publishes.

Its key never leaves `<data>/keys`. What it issued stands in the database; what TLS reads stands in
files beside the key, and is written again from the database at every start.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from console.certificates import issuing, tls
from console.certificates.exceptions import AuthorityMissing
from console.certificates.models import Authority, Certificate
from console.core.private_files import locked_directory, write_private_file

AUTHORITY_KEY: Final = "authority.key"


def ensure_authority(now: datetime) -> Authority:
    """Return the authority that issues, making its key, certificate and row on the first call.

    Writes the revocation list, too. Raises `AuthorityMissing` when the database knows an
    authority whose files are gone, and when they are damaged: a new one would be trusted by no
    endpoint.
    """
    directory: Path = settings.KEYS_DIR
    with locked_directory(directory):
        if not (directory / AUTHORITY_KEY).exists():
            if Authority.objects.exists():
                raise AuthorityMissing(f"{directory / AUTHORITY_KEY} is missing: restore it")
            _write_new_authority(directory, now=now)
        row = _record_authority(_load_issuer(), now=now)
        _write_revocation_list(now=now)
    return row


def ensure_server_certificate(names: Sequence[str], now: datetime) -> None:
    """See that `server.pem` and `server.key` serve these names; keep them where they do.

    A new certificate is made when the names changed, when two thirds of its life are over, or
    when another authority issued it, or when it is damaged. The key stays, and with it the pin
    that installers carry; raises `AuthorityMissing` when it is damaged.
    """
    directory: Path = settings.KEYS_DIR
    with locked_directory(directory):
        issuer = _load_issuer()
        key = _read_or_write_key(directory / tls.SERVER_KEY)
        present = _read_server_certificate(directory / tls.SERVER_CERTIFICATE)
        if present and _serves_still(present, names, key, issuer, now=now):
            return
        certificate = issuing.make_server_certificate(
            names,
            key.public_key(),
            issuer=issuer,
            now=now,
        )
        _record_certificate(
            certificate, issuer, purpose=Certificate.Purpose.SERVER, subject_id=None, now=now
        )
        chain = issuing.certificate_pem(certificate) + issuing.certificate_pem(issuer.certificate)
        write_private_file(directory / tls.SERVER_CERTIFICATE, chain)


def issue_endpoint_certificate(csr_pem: bytes, endpoint_id: UUID, now: datetime) -> Certificate:
    """Sign the key of a request for this endpoint; call it inside the caller's transaction.

    Raises `CertificateRequestRefused` for anything but a P-256 request signed by its own key.
    """
    issuer = _load_issuer()
    certificate = issuing.make_endpoint_certificate(
        endpoint_id,
        issuing.read_request(csr_pem),
        issuer=issuer,
        now=now,
    )
    return _record_certificate(
        certificate,
        issuer,
        purpose=Certificate.Purpose.ENDPOINT,
        subject_id=endpoint_id,
        now=now,
    )


def revoke_certificate(certificate: Certificate, *, reason: str, now: datetime) -> bool:
    """Mark a certificate as revoked; tell whether it was not before.

    Call it inside the caller's transaction, and `publish_revocation_list` after its commit.
    """
    claimed = Certificate.objects.filter(pk=certificate.pk, revoked_at=None).update(
        revoked_at=now, revocation_reason=reason[:255]
    )
    return claimed == 1


def publish_revocation_list(now: datetime) -> None:
    """Write `revoked.crl` from the database; TLS ports read it at their next handshake."""
    with locked_directory(settings.KEYS_DIR):
        _write_revocation_list(now=now)


def authority_pem() -> str:
    """Return the authority's certificate, which installers carry and endpoints trust."""
    return issuing.certificate_pem(_load_issuer().certificate).decode()


def _load_issuer() -> issuing.Issuer:
    directory: Path = settings.KEYS_DIR
    try:
        content = (directory / tls.AUTHORITY_CERTIFICATE).read_bytes()
        key = _read_key(directory / AUTHORITY_KEY)
    except FileNotFoundError as error:
        raise AuthorityMissing(f"{error.filename} is missing: restore it") from error
    try:
        certificate = x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise AuthorityMissing(
            f"{directory / tls.AUTHORITY_CERTIFICATE} is damaged: restore it from a backup"
        ) from error
    if certificate.public_key() != key.public_key():
        raise AuthorityMissing(
            f"{AUTHORITY_KEY} and {tls.AUTHORITY_CERTIFICATE} in {directory} do not belong "
            "together: restore both from one backup"
        )
    return issuing.Issuer(certificate, key)


def _write_new_authority(directory: Path, *, now: datetime) -> None:
    key = issuing.new_private_key()
    name = f"Vedette authority {secrets.token_hex(4)}"
    certificate = issuing.make_authority(name, key, now=now)
    # The key comes last: it is what tells that the authority is complete.
    write_private_file(directory / tls.AUTHORITY_CERTIFICATE, issuing.certificate_pem(certificate))
    write_private_file(directory / AUTHORITY_KEY, issuing.private_key_pem(key))


def _record_authority(issuer: issuing.Issuer, *, now: datetime) -> Authority:
    common_name = issuer.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0]
    row, _ = Authority.objects.get_or_create(
        fingerprint=_fingerprint_of(issuer.certificate),
        defaults={
            "name": str(common_name.value),
            "certificate": issuing.certificate_pem(issuer.certificate).decode(),
            "not_before": issuer.certificate.not_valid_before_utc,
            "not_after": issuer.certificate.not_valid_after_utc,
            "created_at": now,
        },
    )
    return row


def _record_certificate(
    certificate: x509.Certificate,
    issuer: issuing.Issuer,
    *,
    purpose: Certificate.Purpose,
    subject_id: UUID | None,
    now: datetime,
) -> Certificate:
    return Certificate.objects.create(
        authority=Authority.objects.get(fingerprint=_fingerprint_of(issuer.certificate)),
        purpose=purpose,
        subject_id=subject_id,
        serial_number=f"{certificate.serial_number:x}",
        fingerprint=_fingerprint_of(certificate),
        certificate=issuing.certificate_pem(certificate).decode(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issued_at=now,
    )


def _write_revocation_list(*, now: datetime) -> None:
    issuer = _load_issuer()
    # A certificate that ran out needs no revocation: TLS refuses it anyway.
    revoked = Certificate.objects.filter(
        authority__fingerprint=_fingerprint_of(issuer.certificate),
        revoked_at__isnull=False,
        not_after__gt=now,
    ).order_by("pk")
    path = settings.KEYS_DIR / tls.REVOCATION_LIST
    content = issuing.make_revocation_list(
        ((int(row.serial_number, 16), row.revoked_at) for row in revoked if row.revoked_at),
        number=_next_list_number(path, now=now),
        issuer=issuer,
        now=now,
    )
    write_private_file(path, content)


def _next_list_number(path: Path, *, now: datetime) -> int:
    if not path.exists():
        return 1
    try:
        extensions = x509.load_pem_x509_crl(path.read_bytes()).extensions
        present = extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (ValueError, x509.ExtensionNotFound):
        # Damaged, and the list itself comes from the database. Numbers may only grow, and no
        # console has written a list for every second since 1970.
        return int(now.timestamp())
    return present + 1


def _read_server_certificate(path: Path) -> x509.Certificate | None:
    """Return it, or None where a new one is due because there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _serves_still(
    certificate: x509.Certificate,
    names: Sequence[str],
    key: issuing.PrivateKey,
    issuer: issuing.Issuer,
    *,
    now: datetime,
) -> bool:
    return (
        issuing.names_in(certificate) == set(names)
        and certificate.public_key() == key.public_key()
        and certificate.issuer == issuer.certificate.subject
        and not issuing.needs_renewal(certificate, now=now)
    )


def _read_or_write_key(path: Path) -> issuing.PrivateKey:
    if not path.exists():
        write_private_file(path, issuing.private_key_pem(issuing.new_private_key()))
    return _read_key(path)


def _read_key(path: Path) -> issuing.PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityMissing(f"{path} is damaged: restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityMissing(f"{path} holds no ECDSA key")
    return key


def _fingerprint_of(certificate: x509.Certificate) -> str:
    return tls.fingerprint_of(certificate.public_bytes(serialization.Encoding.DER))
