"""Read the end of files that only grow: logs and histories."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_end(path: Path, most: int, *, multiple_of: int = 1, follow: bool = True) -> bytes:
    """Return the last `most` bytes of a regular file. Raises `OSError`, for other kinds, too.

    `multiple_of`: of a file of records of that size only whole ones are returned. Without
    `follow` the path's last part must not be a link: for folders where users write.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        size = status.st_size - status.st_size % multiple_of
        start = max(size - most + most % multiple_of, 0)
        return os.pread(descriptor, size - start, start)
    finally:
        os.close(descriptor)
