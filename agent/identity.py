"""What the endpoint knows about itself and its console once it is enrolled.

Two files: the enrolment (addresses, signing keys, how long the certificate is valid) and the
identity (private key with certificate). Both are replaced atomically.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import msgspec

from agent.addresses import Address, read_address
from agent.directories import Directories
from agent.durable_file import write_durably
from agent.exceptions import NotEnrolled, SettingsInvalid

STORE_KEY_BYTES = 32


class SigningKey(msgspec.Struct, frozen=True):
    """A key with which the console signs instructions: Ed25519, 32 bytes."""

    key_id: str
    public_key: bytes


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the console to enrolment, as this endpoint keeps it.

    Instants are microseconds since the epoch, UTC.
    """

    endpoint_id: UUID
    enrolment_address: str
    gateway: str
    sessions: str
    signing_keys: list[SigningKey]
    certificate_from_at: int
    certificate_until_at: int
    renew_at: int

    @property
    def gateway_address(self) -> Address:
        """Where the always-on channel is."""
        return read_address(self.gateway)

    @property
    def sessions_address(self) -> Address:
        """Where live sessions and certificate renewal are."""
        return read_address(self.sessions)


def read_enrolment(directories: Directories) -> Enrolment:
    """Read the enrolment. Raises `NotEnrolled` or `SettingsInvalid`."""
    try:
        text = directories.enrolment_file.read_bytes()
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"This endpoint is not enrolled ({directories.enrolment_file} is missing): "
            "run `enroll` first."
        ) from error
    try:
        return msgspec.json.decode(text, type=Enrolment)
    except msgspec.DecodeError as error:
        raise SettingsInvalid(f"{directories.enrolment_file}: {error}.") from error


def write_enrolment(directories: Directories, enrolment: Enrolment) -> None:
    """Keep the enrolment; from here on the endpoint counts as enrolled."""
    write_durably(directories.enrolment_file, msgspec.json.encode(enrolment))


def is_enrolled(directories: Directories) -> bool:
    """Tell whether there is an enrolment that must not be overwritten by accident."""
    return directories.enrolment_file.exists()


def store_key(path: Path) -> bytes:
    """Return the key of the event store, made at the first call.

    Raises `SettingsInvalid` when the file holds anything but a key.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = os.urandom(STORE_KEY_BYTES)
        write_durably(path, key)
    if len(key) != STORE_KEY_BYTES:
        raise SettingsInvalid(f"{path} does not hold a key of {STORE_KEY_BYTES} bytes.")
    return key
