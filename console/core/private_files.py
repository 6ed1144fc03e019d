"""Files that only the console's own user may read: keys, certificates, the revocation list.

A reader sees the old content or the new one, never a part, and a crash leaves one of the two.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def make_private_directory(directory: Path) -> None:
    """Make a directory with mode 0700, and every missing one above it likewise.

    `Path.mkdir(parents=True)` gives the mode to the last one only. Those that exist stay as they
    are: they may be somebody else's. Raises OSError.
    """
    above = [folder for folder in directory.parents if not folder.exists()]
    for folder in (*reversed(above), directory):
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private_file(path: Path, content: bytes) -> None:
    """Replace the file at once, with mode 0600, and return when it is on the disk.

    Makes the directory with mode 0700 when it is missing. Raises OSError and leaves the old
    content alone when the disk refuses.
    """
    make_private_directory(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


@contextmanager
def locked_directory(directory: Path) -> Iterator[None]:
    """Hold the directory's lock against other programs and threads of this machine.

    Never take it inside a database transaction: its holder may be waiting for the database.
    """
    make_private_directory(directory)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_private(path: Path) -> bool:
    """Tell whether nobody but the owner has any right to this file or directory."""
    return path.stat().st_mode & 0o077 == 0
