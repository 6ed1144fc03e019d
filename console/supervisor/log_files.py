"""Bounded logs: what a program wrote moves to `<name>.log.1`, the oldest content goes.

The program keeps its open file, which it appends to, so nothing has to tell it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

LARGEST: Final = 16 * 1024 * 1024
# How many files of earlier content stay beside a log.
KEPT: Final = 4


def rotate_when_large(log: Path, *, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Begin the log anew when it has `largest` bytes; tell whether that was so.

    A line that is written in the instant between copying and emptying can be lost. Raises OSError,
    and then the log stays as it is.
    """
    if not log.exists() or log.stat().st_size < largest:
        return False
    # First of all: on a full disk this is the room for what follows.
    _earlier(log, kept).unlink(missing_ok=True)
    draft = log.with_name(f"{log.name}.draft")
    try:
        shutil.copyfile(log, draft)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    os.truncate(log, 0)
    for number in range(kept - 1, 0, -1):
        if _earlier(log, number).exists():
            _earlier(log, number).replace(_earlier(log, number + 1))
    draft.replace(_earlier(log, 1))
    return True


def _earlier(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
