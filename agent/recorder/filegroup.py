"""A fanotify group with a mark on every file system worth watching.

Constants: linux/fanotify.h. A mark belongs to a file system, not to a mount, and vanishes with it,
so marking again after every change of the mounts is right and cheap.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Final

from agent.recorder import systemcalls
from agent.recorder.exceptions import SourceUnavailable
from agent.recorder.mounts import Mount

AT_FDCWD: Final = -100
FAN_CLOEXEC: Final = 0x1
FAN_NONBLOCK: Final = 0x2
FAN_UNLIMITED_QUEUE: Final = 0x10
FAN_REPORT_FID: Final = 0x200
FAN_REPORT_DIR_FID: Final = 0x400
FAN_REPORT_NAME: Final = 0x800
FAN_REPORT_TARGET_FID: Final = 0x1000

FAN_ATTRIB: Final = 0x4
FAN_CLOSE_WRITE: Final = 0x8
FAN_CREATE: Final = 0x100
FAN_DELETE: Final = 0x200
FAN_OPEN_EXEC: Final = 0x1000
FAN_Q_OVERFLOW: Final = 0x4000
FAN_RENAME: Final = 0x10000000
FAN_ONDIR: Final = 0x40000000

FAN_MARK_ADD: Final = 0x1
FAN_MARK_IGNORED_MASK: Final = 0x20
FAN_MARK_FLUSH: Final = 0x80
FAN_MARK_FILESYSTEM: Final = 0x100
FAN_MARK_EVICTABLE: Final = 0x200


class FileGroup:
    """One fanotify group that watches whole file systems for the same events."""

    def __init__(self, flags: int, mask: int) -> None:
        """Open the group. Raises `SourceUnavailable` without the rights or the kernel for it."""
        self._mask = mask
        self.refused: dict[str, str] = {}
        event_flags = os.O_RDONLY | os.O_LARGEFILE | os.O_CLOEXEC | os.O_NOATIME
        try:
            self.descriptor = systemcalls.fanotify_init(
                FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | flags, event_flags
            )
        except PermissionError as error:
            raise SourceUnavailable("fanotify needs root (CAP_SYS_ADMIN)") from error
        except OSError as error:
            raise SourceUnavailable(f"fanotify: {error.strerror} (needs Linux 5.17)") from error

    def watch(self, mounts: Iterable[Mount]) -> list[Mount]:
        """Mark the file systems of these mounts; return those that took the mark.

        What a file system answers instead stands in `refused` (type to reason). One that may not
        answer at all is not asked.
        """
        marked = []
        for mount in mounts:
            if mount.remote:
                self.refused[mount.file_system] = "not watched: it may keep the agent waiting"
                continue
            try:
                systemcalls.fanotify_mark(
                    self.descriptor,
                    FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
                    self._mask,
                    AT_FDCWD,
                    mount.path,
                )
            except FileNotFoundError:
                continue  # unmounted, or its process ended, since the list was read
            except OSError as error:
                self.refused[mount.file_system] = error.strerror or str(error)
            else:
                marked.append(mount)
        return marked

    def ignore_until_modified(self, descriptor: int) -> bool:
        """Send no further events for this file until its content changes (Linux 5.19)."""
        try:
            systemcalls.fanotify_mark(
                self.descriptor,
                FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
                self._mask,
                descriptor,
                None,
            )
        except OSError:
            return False
        return True

    def ignore_nothing(self) -> None:
        """Take back every `ignore_until_modified`."""
        systemcalls.fanotify_mark(self.descriptor, FAN_MARK_FLUSH, 0, AT_FDCWD, b"/")

    def read(self, size: int) -> bytes:
        """Return waiting events, or nothing."""
        try:
            return os.read(self.descriptor, size)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Close the group; the kernel removes its marks."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
