"""Take all the room that a disk has."""

from __future__ import annotations

import os
from pathlib import Path


def fill(folder: Path) -> Path:
    """Fill the disk of a folder to the last byte; return the file that did it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                os.fsync(file.fileno())
    return filler
