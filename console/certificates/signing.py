"""The key that signs what makes endpoints act.

Its private half is a file of mode 0600; its public half is a row, which enrolled endpoints trust.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from console.certificates.exceptions import AuthorityMissing
from console.certificates.models import SigningKey
from console.core.private_files import locked_directory, write_private_file
from protocol.instructions import AnyInstruction
from protocol.signing import key_id_of, seal

SIGNING_KEY: Final = "signing.key"


def ensure_signing_key(now: datetime) -> SigningKey:
    """Return the row of the key that signs, making both on the first call.

    Raises `AuthorityMissing` when the database knows a key whose file is gone: a new one would
    be trusted by no endpoint, so the administrator restores the file instead.
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


def sign_instruction(
    instruction: AnyInstruction,
    *,
    audience: UUID | Literal["*"],
    sequence: int,
    issued_at: int,
    expires_at: int,
) -> bytes:
    """Seal an instruction for one endpoint, or for all of them; instants are in µs.

    Raises `AuthorityMissing` before the key was made, and what `protocol.signing.seal` refuses.
    """
    return seal(
        instruction,
        private_key=_signing_key(),
        audience=audience,
        sequence=sequence,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def _signing_key() -> Ed25519PrivateKey:
    path: Path = settings.KEYS_DIR / SIGNING_KEY
    try:
        return _read_key(path, path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise AuthorityMissing("the console has no signing key yet") from error


@lru_cache(maxsize=2)
def _read_key(path: Path, _changed_at: int) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
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
