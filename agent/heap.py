"""Keep the memory of a process that lives for months small.

glibc gives every thread an arena of its own and keeps what was freed; the agent's threads are few
and idle, and compiling rules frees megabytes at once. Elsewhere (musl, Windows, macOS) these
calls do not exist and nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# malloc.h
_M_ARENA_MAX: Final = -8

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def share_one_arena() -> None:
    """Let all threads allocate from one arena. Call it before there are any."""
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return freed memory to the computer."""
    if _libc is not None and hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
