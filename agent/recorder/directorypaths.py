"""Paths of the directories that fanotify names by file handle.

Resolving a handle costs three system calls, so answers are kept. A mount point is opened only
while a handle is resolved: a descriptor that stayed open would keep the file system from being
unmounted. A directory that was removed before its events were read cannot be opened any more; its
place is then taken from its own create or delete event (`learn`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from agent.recorder import systemcalls
from agent.recorder.mounts import Mount
from agent.recorder.procfs import read_link

_MOST_PATHS: Final = 20_000
_MOST_MOUNTS: Final = 8
_DEEPEST: Final = 128
_FOREIGN: Final = b"/proc/"
UNKNOWN: Final = "…"


class DirectoryPaths:
    """Handles to paths. A key is the file system id followed by the `struct file_handle`."""

    FILE_SYSTEM_BYTES: Final = 8

    def __init__(self, learn_ahead: Callable[[], None]) -> None:
        """`learn_ahead` calls `learn` for what the caller has read and not yet looked at."""
        self._learn_ahead = learn_ahead
        self._paths: dict[bytes, str] = {}
        self._places: dict[bytes, tuple[bytes, str]] = {}
        self._mounts: dict[bytes, list[Mount]] = {}

    def add_mount(self, mount: Mount) -> None:
        """Note a mount through which handles of its file system can be opened."""
        number = os.statvfs(mount.path).f_fsid & 0xFFFFFFFFFFFFFFFF
        key = number.to_bytes(self.FILE_SYSTEM_BYTES, "little")
        others = [known for known in self._mounts.get(key, ()) if known.path != mount.path]
        # Our own namespace's paths are what people know. Processes end and take their
        # /proc/PID/root with them, so of the rest the newest are the best.
        ranked = sorted(
            [mount, *others], key=lambda known: (known.path.startswith(_FOREIGN), not known.whole)
        )
        self._mounts[key] = ranked[:_MOST_MOUNTS]

    def learn(self, key: bytes, parent: bytes, name: str) -> None:
        """Note where a directory stands or stood, in case it is gone when it is asked for."""
        if len(self._places) >= _MOST_PATHS:
            self._places.clear()
        self._places[key] = (parent, name)

    def path(self, key: bytes) -> str:
        """Return the directory's path, or one that begins with `…` where it is not known."""
        path = self._paths.get(key)
        if path is None:
            path = self._resolve(key, _DEEPEST)
        return path

    def forget(self) -> None:
        """Drop all paths: a directory was renamed, and everything below it with it."""
        self._paths.clear()
        self._places.clear()

    def _resolve(self, key: bytes, depth: int) -> str:
        path = self._open(key)
        if path is None:
            if key not in self._places:
                self._learn_ahead()
            parent, name = self._places.get(key, (b"", ""))
            if not parent or not depth:
                return UNKNOWN
            above = self._paths.get(parent) or self._resolve(parent, depth - 1)
            path = f"{above.rstrip('/')}/{name}"
        if len(self._paths) >= _MOST_PATHS:
            self._paths.clear()
        self._paths[key] = path
        return path

    def _open(self, key: bytes) -> str | None:
        """Ask the kernel for the directory; None when it no longer exists."""
        handle = key[self.FILE_SYSTEM_BYTES :]
        for known in self._mounts.get(key[: self.FILE_SYSTEM_BYTES], ()):
            try:
                mount = os.open(known.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                found = systemcalls.open_by_handle_at(mount, handle, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            finally:
                os.close(mount)
            try:
                return read_link(f"/proc/self/fd/{found}")
            finally:
                os.close(found)
        return None
