"""Keep the memory of a process that lives for months small.

glibc gives every thread an arena of its own and keeps what was freed between blocks that stay;
the agent's threads are few and idle, and compiling rules frees megabytes at once. Elsewhere (musl,
Windows, macOS) these calls do not exist and nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

# A block of this size gets pages of its own, and gives them back when it is freed. glibc starts at
# twice as much, and raises it to 32 MiB by what it sees freed.
_LARGE_BYTES: Final = 64 * 1024

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def keep_small() -> None:
    """Let all threads share one arena, and large blocks go when they are freed.

    Call it before there are threads.
    """
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)
        _libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        _libc.mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """Return freed memory to the computer."""
    if _libc is not None and hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
