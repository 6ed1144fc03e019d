"""Where the files of exports lie: `DATA/exports`, for the console's own user only.

A file's name holds its export's id and a mark of the reach that its rows were cut to: whoever
reaches other groups by now does not find it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from django.conf import settings

from console.core.private_files import make_private_directory
from console.endpoints.reach import Reach

_MARK_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is being written, and a directory for whatever the writer keeps beside it."""

    stream: BinaryIO
    scratch: Path


def exports_directory() -> Path:
    """Return the directory of all files."""
    return Path(settings.DATA_DIR) / "exports"


def path_of(export_id: UUID, reach: Reach) -> Path:
    """Return where the file of an export is for somebody with this reach."""
    where = "everything" if reach.everything else ",".join(map(str, sorted(reach.group_ids)))
    mark = hashlib.sha256(where.encode()).hexdigest()[:_MARK_LENGTH]
    return exports_directory() / f"{export_id}-{mark}"


@contextmanager
def drafted(path: Path) -> Iterator[Draft]:
    """Write a file that appears, complete and on the disk, when the block ends without an error.

    Raises OSError when the disk refuses.
    """
    make_private_directory(path.parent)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    scratch.mkdir(mode=0o700)
    try:
        draft = scratch / "draft"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as stream:
            yield Draft(stream, scratch)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        shutil.rmtree(scratch)


def remove_files_of(export_id: UUID) -> None:
    """Remove the files of an export, whatever reach they were made for."""
    for path in exports_directory().glob(f"{export_id}-*"):
        path.unlink(missing_ok=True)


def remove_old_files(*, before: datetime) -> int:
    """Remove what was changed last before an instant, drafts of dead programs too; tell how many.

    A draft counts by its directory: whoever writes one for longer than that loses it.
    """
    removed = 0
    folder = exports_directory()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.stat().st_mtime >= before.timestamp():
            continue
        removed += 1
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return removed
