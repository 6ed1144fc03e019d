"""The keys that SSH trusts: users' authorized keys and the computer's own.

Formats: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253 section 6.6 for the blob.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.homes import Home, homes_of_users
from agent.sensors.reading import names_in, text_at
from agent.sensors.userfiles import read_user_file
from agent.sensors.values import instant_text_of_seconds

_FILE_BYTES: Final = 1024 * 1024
_USUAL_PLACES: Final = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_TYPE: Final = re.compile(r"(ssh-|ecdsa-|sk-|webauthn-)[\w@.-]+")
_OPTIONS: Final = re.compile(r"(?:[^\s\"]|\"(?:[^\"\\]|\\.)*\")+")
_SETTING: Final = re.compile(r"^\s*AuthorizedKeysFile[\s=]+(.+)$", re.IGNORECASE | re.MULTILINE)
_BITS: Final = {
    "ssh-ed25519": 256,
    "sk-ssh-ed25519@openssh.com": 256,
    "ecdsa-sha2-nistp256": 256,
    "sk-ecdsa-sha2-nistp256@openssh.com": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
}
# RSA: the modulus is the third string of the blob; DSA: the prime is the second.
_NUMBER_AT: Final = {"ssh-rsa": 2, "ssh-dss": 1}
_LENGTH: Final = struct.Struct(">I")


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """One public key as a line has it. `bits` is 0 where its length is not known."""

    type: str
    bits: int
    fingerprint: str
    comment: str
    options: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Type, bits, fingerprint and comment, as every sensor of keys gives them."""
        return self.type, str(self.bits) if self.bits else "", self.fingerprint, self.comment


def read_key(line: str) -> PublicKey | None:
    """Read a line of authorized_keys or of a public key's file; None for one that holds no key."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    options = ""
    if not _TYPE.match(text):
        found = _OPTIONS.match(text)
        options = found[0] if found else ""
        text = text[len(options) :].strip()
    words = text.split(None, 2)
    if len(words) < 2 or not _TYPE.fullmatch(words[0]):
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:
        # No letters of base64, or none at all.
        return None
    return _public_key(words[0], blob, words[2] if len(words) > 2 else "", options)


def key_of_blob(blob: bytes, comment: str) -> PublicKey | None:
    """Read a public key as it stands in the wire's own form; None for what is none."""
    name = next(strings_of(blob), b"").decode("ascii", errors="replace")
    return _public_key(name, blob, comment, "") if _TYPE.fullmatch(name) else None


def authorized_keys(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every key that lets somebody in."""
    settings = _settings_places(context.root)
    for home in homes_of_users(context.root):
        for path in _key_files(home, settings):
            in_home = path.startswith(f"{home.path.rstrip('/')}/")
            file = read_user_file(
                context.root,
                path,
                user_id=home.user_id,
                base=home.path if in_home else os.path.dirname(path),  # noqa: PTH120 - text
                most=_FILE_BYTES,
            )
            if file is None:
                continue
            place = (path, file.leads_to, instant_text_of_seconds(file.modified_at))
            keys = [key for line in file.text.splitlines() if (key := read_key(line)) is not None]
            for key in keys:
                yield (home.user, *key.cells, key.options, *place)
            if file.remark and not keys:
                yield (home.user, "", "", "", f"({file.remark})", "", *place)


def host_keys(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the computer's own public keys."""
    for name in names_in(context.root / "etc/ssh"):
        if name.startswith("ssh_host_") and name.endswith(".pub"):
            key = read_key(text_at(context.root / "etc/ssh" / name, _FILE_BYTES))
            if key is not None:
                yield (*key.cells, f"/etc/ssh/{name}")


def _settings_places(root: Path) -> list[str]:
    """Return where sshd_config, and what it includes, says that keys lie."""
    texts = [text_at(root / "etc/ssh/sshd_config")]
    folder = root / "etc/ssh/sshd_config.d"
    texts += [text_at(folder / name) for name in names_in(folder) if name.endswith(".conf")]
    lines = (line for text in texts for line in _SETTING.findall(text))
    places = [word.strip('"') for line in lines for word in line.split()]
    return list(dict.fromkeys([*_USUAL_PLACES, *(place for place in places if place != "none")]))


def _key_files(home: Home, places: list[str]) -> Iterator[str]:
    for place in places:
        path = (
            place.replace("%%", "\0")
            .replace("%h", home.path)
            .replace("%u", home.user)
            .replace("%U", str(home.user_id))
            .replace("\0", "%")
        )
        yield path if path.startswith("/") else f"{home.path.rstrip('/')}/{path}"


def _public_key(kind: str, blob: bytes, comment: str, options: str) -> PublicKey:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(
        type=kind,
        bits=_bits(kind, blob),
        fingerprint=f"SHA256:{digest}",
        comment=comment,
        options=options,
    )


def _bits(kind: str, blob: bytes) -> int:
    if kind in _BITS:
        return _BITS[kind]
    strings = list(strings_of(blob))
    place = _NUMBER_AT.get(kind)
    if place is None or len(strings) <= place:
        return 0
    return int.from_bytes(strings[place], "big").bit_length()


def strings_of(blob: bytes) -> Iterator[bytes]:
    """Split what is made of strings with their length before each; the last may be cut."""
    position = 0
    while position + _LENGTH.size <= len(blob):
        (length,) = _LENGTH.unpack_from(blob, position)
        position += _LENGTH.size
        yield blob[position : position + length]
        position += length


SENSORS: Final[dict[str, SensorFunction]] = {
    "accounts.authorized_keys": authorized_keys,
    "accounts.host_keys": host_keys,
}
