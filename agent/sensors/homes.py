"""Whose homes there are: of local accounts, and of those that a directory (SSSD, AD) knows.

A directory is never asked: it may be far, or gone. Its users are known by their folders in /home,
also in a folder of their domain, and by who owns those.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.accountfiles import local_users
from agent.sensors.reading import names_in

_FOLDER: Final = "home"
_MOST: Final = 20_000


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One user's home as the computer has it. `user` is the folder's name for no local account."""

    user: str
    user_id: int
    path: str

    @property
    def below(self) -> str:
        """The path without the first slash: what stands behind a root."""
        return self.path.strip("/")


def homes_of_users(root: Path) -> list[Home]:
    """Return the home of every user; several may share one, and it need not be there."""
    known = [
        Home(user=user.name, user_id=user.id, path=os.path.normpath(user.home))
        for user in local_users(root)
        if user.home.startswith("/")
    ]
    taken = {home.path for home in known}
    others = [home for home in _in_home_folder(root) if home.path not in taken]
    names = {home.user_id: home.user for home in reversed(known)}
    # A second folder of a local account is that account's.
    return known + [
        msgspec.structs.replace(home, user=names.get(home.user_id, home.user)) for home in others
    ]


def homes(root: Path) -> list[Home]:
    """Return every home that is there, once; of those who share it, it is the first one's."""
    found: dict[str, Home] = {}
    for home in homes_of_users(root):
        # Accounts of services share homes, and some have /.
        if home.below and home.below not in found and (root / home.below).is_dir():
            found[home.below] = home
    return list(found.values())


def _in_home_folder(root: Path) -> Iterator[Home]:
    return itertools.islice(_owned_folders(root, _FOLDER, depth=2), _MOST)


def _owned_folders(root: Path, folder: str, *, depth: int) -> Iterator[Home]:
    for name in names_in(root / folder):
        path = f"{folder}/{name}"
        owner = _owner_of(root / path)
        if owner > 0:
            yield Home(user=name, user_id=owner, path=f"/{path}")
        elif owner == 0 and depth > 1:
            # The administrator's: a domain's folder, with homes in it.
            yield from _owned_folders(root, path, depth=depth - 1)


def _owner_of(place: Path) -> int:
    """Return who owns a folder; -1 for what is none."""
    try:
        status = place.stat()
    except OSError:
        return -1
    return status.st_uid if stat.S_ISDIR(status.st_mode) else -1
