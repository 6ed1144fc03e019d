"""Read files of the operating system for sensors, whatever somebody made of them.

A path where a small file is expected may hold a FIFO, a device, a link into nowhere or 10 GiB:
reads never wait, never follow the last link where users write, and never take more than they may.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from agent.sensors.values import text_of

MOST_BYTES: Final = 1024 * 1024


def read_start(path: Path, most: int = MOST_BYTES, *, follow: bool = True) -> bytes:
    """Return the first `most` bytes of a regular file. Raises `OSError`, for other kinds, too.

    Without `follow` the path's last part must not be a link: for folders where users write.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        pieces = []
        left = most
        # Files of /proc give a page at a time.
        while left > 0 and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def text_at(path: Path, most: int = MOST_BYTES) -> str:
    """Return a file's text without blanks around it; empty when it cannot be read.

    For facts of which an absent one is as good as an empty one.
    """
    try:
        return text_of(read_start(path, most)).strip()
    except OSError:
        return ""


def link_at(path: Path) -> str:
    """Return where a link leads; empty when it is none or cannot be read."""
    try:
        return text_of(os.readlink(os.fsencode(path)))  # noqa: PTH115 - Path cannot return bytes
    except OSError:
        return ""


def links_in(folder: Path) -> list[tuple[str, str]]:
    """Return the links in a folder with where they lead, in no order. Raises `OSError`.

    Relative to the folder's descriptor: a busy server has a million of them in /proc/PID/fd.
    """
    found = []
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(descriptor):  # noqa: PTH208 - Path knows no descriptors
            try:
                target = os.readlink(name, dir_fd=descriptor)
            except OSError:
                # Closed meanwhile, or no link.
                continue
            found.append((name, target if target.isascii() else text_of(os.fsencode(target))))
    finally:
        os.close(descriptor)
    return found


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder; none when it cannot be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are enough
    except OSError:
        return []
