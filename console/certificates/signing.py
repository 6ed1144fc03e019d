"""The key that signs what makes endpoints act.

Its private half is a file of mode 0600; its public half is a row, which enrolled endpoints trust.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from django.conf import settings

from console.certificates.exceptions import AuthorityMissing
from console.certificates.models import SigningKey
from console.core.private_files import locked_directory, write_private_file
from protocol.instructions import AnyInstruction
from protocol.signing import DOMAIN as INSTRUCTIONS
from protocol.signing import Sealer, key_id_of

SIGNING_KEY: Final = "signing.key"


def ensure_signing_key(now: datetime) -> SigningKey:
    """Return the row of the key that signs, making both on the first call.

    Raises `AuthorityMissing` when the database knows a key whose file is gone, and when the file
    is damaged: a new one would be trusted by no endpoint, so the administrator restores it.
    """
    directory: Path = settings.KEYS_DIR
    with locked_directory(directory):
        if not (directory / SIGNING_KEY).exists():
            if SigningKey.objects.filter(retired_at=None).exists():
                raise AuthorityMissing(f"{directory / SIGNING_KEY} is missing: restore it")
            _write_new_key(directory / SIGNING_KEY)
        public_key = _signing_key().public_key()
        row, _ = SigningKey.objects.get_or_create(
            key_id=key_id_of(public_key).hex(),
            defaults={"public_key": public_key.public_bytes_raw(), "created_at": now},
        )
    return row


def trusted_signing_keys() -> list[SigningKey]:
    """List the keys that an endpoint may trust, oldest first."""
    return list(SigningKey.objects.filter(retired_at=None).order_by("pk"))


def sealer_for(instruction: AnyInstruction, *, issued_at: int, expires_at: int) -> Sealer:
    """Return what seals an instruction for any number of endpoints; instants are in µs.

    Raises `AuthorityMissing` before the key was made, and what `protocol.signing.Sealer` refuses.
    """
    return Sealer(
        instruction, private_key=_signing_key(), issued_at=issued_at, expires_at=expires_at
    )


def sign_content(content: bytes, *, domain: bytes) -> bytes:
    """Sign something that the console keeps for itself, under a domain of its own.

    A signature of one domain is none in another; `protocol.signing.DOMAIN` is taken. Raises
    `AuthorityMissing` before the key was made.
    """
    if domain == INSTRUCTIONS:
        raise ValueError("instructions are sealed, not signed")
    return _signing_key().sign(domain + content)


def is_ours(content: bytes, signature: bytes, *, domain: bytes) -> bool:
    """Tell whether this console signed it, with its present key or one that is still trusted."""
    for row in trusted_signing_keys():
        key = Ed25519PublicKey.from_public_bytes(bytes(row.public_key))
        try:
            key.verify(signature, domain + content)
        except InvalidSignature:
            # Another key may be the one.
            continue
        return True
    return False


def _signing_key() -> Ed25519PrivateKey:
    path: Path = settings.KEYS_DIR / SIGNING_KEY
    try:
        return _read_key(path, path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise AuthorityMissing("the console has no signing key yet") from error


@lru_cache(maxsize=2)
def _read_key(path: Path, _changed_at: int) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityMissing(f"{path} is damaged: restore it from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AuthorityMissing(f"{path} holds no Ed25519 key")
    return key


def _write_new_key(path: Path) -> None:
    write_private_file(
        path,
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
