"""The files of local accounts: passwd(5), group(5), shadow(5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.reading import MOST_BYTES, read_start, text_at
from agent.sensors.values import text_of

_FILE_BYTES: Final = 16 * MOST_BYTES
_NO_SHELLS: Final = ("nologin", "false", "sync", "halt", "shutdown")
_USER_FIELDS: Final = 7
_GROUP_FIELDS: Final = 4
_SHADOW_FIELDS: Final = 8


class LocalUser(msgspec.Struct, frozen=True, kw_only=True):
    """One line of passwd."""

    name: str
    id: int
    group_id: int
    full_name: str
    home: str
    shell: str
    password: str

    @property
    def can_log_in(self) -> bool:
        """Whether the account has a shell that lets anybody work."""
        # An empty field means /bin/sh.
        return self.shell.rpartition("/")[2] not in _NO_SHELLS


class LocalGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One line of group; `members` without those who have it as their first group."""

    name: str
    id: int
    members: tuple[str, ...]


class ShadowEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of shadow without its hash. Days count from the epoch; -1 means not set."""

    name: str
    secret: str
    changed_on: int
    most_days: int
    expires_on: int


def local_users(root: Path) -> list[LocalUser]:
    """Return the local accounts in the order of the file; lines that are none are left out."""
    users = []
    for fields in _lines(root / "etc/passwd", _USER_FIELDS):
        name, password, number, group, full_name, home, shell = fields[:_USER_FIELDS]
        if name and number.isdecimal() and group.isdecimal():
            users.append(
                LocalUser(
                    name=name,
                    id=int(number),
                    group_id=int(group),
                    full_name=full_name.partition(",")[0],
                    home=home,
                    shell=shell,
                    password=password,
                )
            )
    return users


def local_groups(root: Path) -> list[LocalGroup]:
    """Return the local groups in the order of the file."""
    return [
        LocalGroup(
            name=fields[0],
            id=int(fields[2]),
            members=tuple(member for member in fields[3].split(",") if member),
        )
        for fields in _lines(root / "etc/group", _GROUP_FIELDS)
        if fields[0] and fields[2].isdecimal()
    ]


def members_of(group: LocalGroup, users: list[LocalUser]) -> list[str]:
    """Return all members of a group, without repetition."""
    first = [user.name for user in users if user.group_id == group.id]
    return list(dict.fromkeys([*group.members, *first]))


def shadow_entries(root: Path) -> list[ShadowEntry]:
    """Return the lines of shadow. Raises `OSError` when it may not be read."""
    text = text_of(read_start(root / "etc/shadow", _FILE_BYTES))
    return [
        ShadowEntry(
            name=fields[0],
            secret=fields[1],
            changed_on=_days(fields[2]),
            most_days=_days(fields[4]),
            expires_on=_days(fields[7]),
        )
        for fields in _split(text, _SHADOW_FIELDS)
    ]


def _lines(path: Path, fields: int) -> Iterator[list[str]]:
    return _split(text_at(path, _FILE_BYTES), fields)


def _split(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        found = line.split(":")
        # `+` and `-` lines point to a directory service.
        if len(found) >= fields and not line.startswith(("+", "-", "#")):
            yield found


def _days(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else -1
