"""The private keys that users keep for SSH: which there are and what protects them, never the key.

Formats: OpenSSH's PROTOCOL.key; RFC 7468 and RFC 1421 (`Proc-Type`) for PEM; appendix C of PuTTY's
manual for its own.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.homes import homes
from agent.sensors.reading import names_in
from agent.sensors.sshkeys import PublicKey, key_of_blob, read_key, strings_of
from agent.sensors.userfiles import read_user_file
from agent.sensors.values import instant_text_of_seconds

# The largest RSA key that ssh-keygen makes takes 13 KiB.
_FILE_BYTES: Final = 64 * 1024
_MOST_FILES: Final = 1000

_PEM: Final = re.compile(
    r"-----BEGIN (?P<label>(?:[A-Z0-9]+ )*)PRIVATE KEY-----\s*(?P<body>.*?)-----END ", re.DOTALL
)
_MAGIC: Final = b"openssh-key-v1\0"
_PUTTY: Final = re.compile(
    r"PuTTY-User-Key-File-\d+: (?P<type>\S+)\s+Encryption: (?P<cipher>\S+)\s+"
    r"Comment: (?P<comment>[^\r\n]*)\s+Public-Lines: \d+\s+(?P<blob>[A-Za-z0-9+/=\s]+?)\s+Private-"
)
_KINDS: Final = {"RSA ": "ssh-rsa", "DSA ": "ssh-dss", "EC ": "ecdsa", "ENCRYPTED ": "", "": ""}

PASSPHRASE, NOTHING = "passphrase", "nothing"


class PrivateKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a private key's file says without its passphrase.

    `public` is None where the format hides it; `type` is empty when that is hidden, too.
    """

    format: str
    type: str
    protection: str
    public: PublicKey | None = None


def read_private_key(text: str) -> PrivateKey | None:
    """Read the file of a private key; None for one that holds none."""
    if found := _PUTTY.search(text):
        protection = NOTHING if found["cipher"] == "none" else PASSPHRASE
        public = key_of_blob(_decoded(found["blob"]), found["comment"].strip())
        return PrivateKey(format="PuTTY", type=found["type"], protection=protection, public=public)
    found = _PEM.search(text)
    if found is None:
        return None
    if found["label"] == "OPENSSH ":
        return _openssh(_decoded(found["body"]))
    kind = _KINDS.get(found["label"])
    if kind is None:
        return None
    is_protected = found["label"] == "ENCRYPTED " or "4,ENCRYPTED" in found["body"]
    return PrivateKey(
        format="PEM" if kind else "PKCS #8",
        type=kind,
        protection=PASSPHRASE if is_protected else NOTHING,
    )


def private_keys(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every private key in the users' folders for SSH."""
    for home in homes(context.root):
        folder = f"{home.path.rstrip('/')}/.ssh"
        names = names_in(context.root / folder.lstrip("/"))
        for name in itertools.islice((n for n in names if not n.endswith(".pub")), _MOST_FILES):
            path = f"{folder}/{name}"
            file = read_user_file(
                context.root, path, user_id=home.user_id, base=home.path, most=_FILE_BYTES
            )
            key = read_private_key(file.text) if file is not None else None
            if file is None or key is None:
                continue
            public = key.public
            beside = _beside(context, path, home.user_id, home.path)
            # It has the comment, too; but somebody may have put another one there.
            if beside is not None and (public is None or public.fingerprint == beside.fingerprint):
                public = beside
            kind, *known = ("",) * 4 if public is None else public.cells
            yield (
                home.user,
                key.type or kind,
                *known,
                key.protection,
                key.format,
                path,
                file.leads_to,
                instant_text_of_seconds(file.modified_at),
            )


def _beside(context: SensorContext, path: str, user_id: int, base: str) -> PublicKey | None:
    """Read the public key that ssh-keygen writes beside a private one."""
    file = read_user_file(context.root, f"{path}.pub", user_id=user_id, base=base, most=_FILE_BYTES)
    return None if file is None else read_key(file.text.partition("\n")[0])


def _openssh(blob: bytes) -> PrivateKey | None:
    if not blob.startswith(_MAGIC):
        return None
    # Three strings, the number of keys, then the public keys as strings again.
    head = list(itertools.islice(strings_of(blob[len(_MAGIC) :]), 3))
    if len(head) < 3:
        return None
    rest = blob[len(_MAGIC) + sum(4 + len(each) for each in head) + 4 :]
    public = key_of_blob(next(strings_of(rest), b""), "")
    return PrivateKey(
        format="OpenSSH",
        type="" if public is None else public.type,
        protection=NOTHING if head[0] == b"none" else PASSPHRASE,
        public=public,
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return b""


SENSORS: Final[dict[str, SensorFunction]] = {"accounts.private_keys": private_keys}
