"""The system calls that Python does not offer: bpf, fanotify, open_by_handle_at.

Called through the C library's `syscall`, so that an old C library is no obstacle. Errors become
`OSError`; nothing here decides what an error means.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

from agent.recorder.exceptions import SourceUnavailable

# https://docs.kernel.org/process/adding-syscalls.html: arm64 uses the generic table.
_NUMBERS: Final = {
    "x86_64": {"bpf": 321, "fanotify_init": 300, "fanotify_mark": 301, "open_by_handle_at": 304},
    "aarch64": {"bpf": 280, "fanotify_init": 262, "fanotify_mark": 263, "open_by_handle_at": 265},
}

_library = ctypes.CDLL(None, use_errno=True)
_library.syscall.restype = ctypes.c_long


def _number(name: str) -> int:
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None:
        raise SourceUnavailable(f"no system call numbers for the processor {platform.machine()}")
    return numbers[name]


def _call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    result: int = _library.syscall(
        ctypes.c_long(_number(name)),
        *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments),
    )
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def bpf(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    """Make one such system call; the kernel may write answers into `attributes`."""
    return _call("bpf", command, attributes, len(attributes))


def fanotify_init(flags: int, event_flags: int) -> int:
    """Open a fanotify group and return its file descriptor."""
    return _call("fanotify_init", flags, event_flags)


def fanotify_mark(group: int, flags: int, mask: int, directory: int, path: bytes | None) -> None:
    """Add, change or remove one mark of a group. `path` is relative to `directory`."""
    _call("fanotify_mark", group, flags, mask, directory, path)


def open_by_handle_at(mount: int, handle: bytes, flags: int) -> int:
    """Open the file of a `struct file_handle`; `mount` is any descriptor on its file system."""
    return _call("open_by_handle_at", mount, ctypes.create_string_buffer(handle), flags)
