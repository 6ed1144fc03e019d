"""Walk through folders without leaving local disks, following links or waiting for anybody.

Paths are text with undecodable bytes as surrogates (PEP 383), as Python's own functions want them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from agent.sensors.context import SensorContext
from agent.sensors.exceptions import SensorFailed
from agent.sensors.filesystems import keeps_files
from agent.sensors.mounttable import parse_mount_table
from agent.sensors.reading import read_start

_MOUNTS_BYTES: Final = 16 * 1024 * 1024


class Found(NamedTuple):
    """Something in a folder: where it is as the computer has it, and here, and its lstat(2)."""

    path: str
    here: str
    status: os.stat_result


class FileWalk:
    """The files of a computer, as far as they lie on its own disks."""

    def __init__(self, context: SensorContext) -> None:
        self._root = str(context.root).rstrip("/")
        try:
            raw = read_start(Path("/proc/self/mountinfo"), _MOUNTS_BYTES)
        except OSError:
            raw = b""
        # A later mount at the same place hides the earlier one.
        self._mounts = {
            os.fsdecode(mount.point): mount.file_system for mount in parse_mount_table(raw)
        }
        self._foreign = {
            point for point, file_system in self._mounts.items() if not keeps_files(file_system)
        }

    def below(self, folder: str) -> Iterator[Found]:
        """Yield everything in a folder and below it, in no promised order.

        Raises `SensorFailed` for what is no folder, or not on a local disk.
        """
        start = self.place(folder)
        self._refuse_foreign(start)
        if not os.path.isdir(start):  # noqa: PTH112 - surrogates
            raise SensorFailed(f"There is no folder {folder!r}.")
        waiting = [start]
        while waiting:
            for entry in entries_in(waiting.pop()):
                if entry.path in self._foreign:
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                    is_folder = entry.is_dir(follow_symlinks=False)
                except OSError:
                    # Removed while we look.
                    continue
                yield Found(entry.path[len(self._root) :], entry.path, status)
                if is_folder:
                    waiting.append(entry.path)

    def place(self, path: str) -> str:
        """Return where a path of the computer is here. Raises `SensorFailed` for a relative one."""
        if not path.startswith("/"):
            raise SensorFailed(f"{path[:200]!r} is no whole path: it begins with “/”.")
        return f"{self._root}{os.path.normpath(path)}" if path.strip("/") else self._root or "/"

    def _refuse_foreign(self, start: str) -> None:
        real = os.path.realpath(start)
        point = real
        while point not in self._mounts and point not in ("", "/"):
            point = os.path.dirname(point)  # noqa: PTH120 - surrogates
        file_system = self._mounts.get(point or "/", "")
        if file_system and not keeps_files(file_system):
            raise SensorFailed(
                f"{start!r} lies on {point!r}, which is {file_system}: only local disks are read."
            )


def entries_in(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield what a folder holds; nothing when it is gone or may not be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return
