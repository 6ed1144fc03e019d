"""Write small files so that a crash leaves either the old content or the new one.

Everything that the agent must still believe after SIGKILL or a power cut goes through here:
identity, instruction sequences, deployed intel. Files are readable by their owner only.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PRIVATE_FILE = 0o600


def write_durably(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, on disk before this returns.

    Raises `OSError` (a full disk, for example); the old content then still stands.
    """
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        # A draft of a killed predecessor may have any mode; ours must be made new.
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
