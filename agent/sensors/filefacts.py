"""What the file system knows of one file, in the words of ls(1), stat(1) and lsattr(1)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from pathlib import Path
from typing import Final

from agent.recorder.accounts import Accounts
from agent.sensors.reading import text_at

FIRST_BYTES: Final = 16

_KINDS: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}
# linux/fs.h: FS_IOC_GETFLAGS for a long of 8 bytes, and the flags that somebody sets on purpose.
_GET_FLAGS: Final = 0x80086601
_FLAGS: Final = ((0x10, "immutable"), (0x20, "append only"), (0x40, "no dump"))
# linux/stat.h: the field of the birth time, and where it stands in struct statx.
_STATX_BTIME: Final = 0x800
_STATX_BYTES: Final = 256
_BTIME_OFFSET: Final = 0x50
_AT_FDCWD: Final = -100
_AT_SYMLINK_NOFOLLOW: Final = 0x100

_libc = ctypes.CDLL(None, use_errno=True)


class Owners:
    """Names of users and groups under a root."""

    def __init__(self, root: Path) -> None:
        self._accounts = Accounts(root / "etc/passwd")
        self._groups: dict[int, str] = {}
        for line in text_at(root / "etc/group").splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdecimal():
                self._groups.setdefault(int(fields[2]), fields[0])

    def user(self, number: int) -> str:
        """Name a user; the number where it has no local name."""
        return self._accounts.name(number)

    def group(self, number: int) -> str:
        """Name a group; the number where it has no local name."""
        return self._groups.get(number, str(number))


def kind_of(mode: int) -> str:
    """Say what kind of thing a mode (st_mode) belongs to."""
    return _KINDS.get(stat.S_IFMT(mode), "other")


def permissions_of(mode: int) -> str:
    """Write permissions as numbers and letters: `4755 rwsr-xr-x`."""
    return f"{stat.S_IMODE(mode):04o} {stat.filemode(mode)[1:]}"


def attributes_of(descriptor: int) -> str:
    """Name the attributes of an open file that chattr(1) sets; empty where it has none."""
    buffer = ctypes.c_long(0)
    if _libc.ioctl(descriptor, ctypes.c_ulong(_GET_FLAGS), ctypes.byref(buffer)) != 0:
        # A file system without attributes.
        return ""
    return ", ".join(name for flag, name in _FLAGS if buffer.value & flag)


def created_at(path: str) -> float:
    """Return when a file was made, in seconds since the epoch; 0 where that is not kept."""
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    failed = _libc.statx(_AT_FDCWD, os.fsencode(path), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer)
    if failed:
        return 0.0
    (mask,) = struct.unpack_from("<I", buffer, 0)
    seconds, nanoseconds = struct.unpack_from("<qI", buffer, _BTIME_OFFSET)
    return float(seconds) + nanoseconds / 1e9 if mask & _STATX_BTIME else 0.0
