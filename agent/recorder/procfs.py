"""Read one process from /proc, and accept that it may vanish while it is read.

Field meanings: proc(5). Times in /proc/PID/stat are clock ticks since boot.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from protocol.events import text_from_os

PROC: Final = Path("/proc")
TICK_NANOSECONDS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
ARGUMENT_BYTES: Final = 8192
NO_USER: Final = 0xFFFFFFFF  # (uid_t) -1: no login
_MEMORY_PREFIX: Final = "/memfd:"
_DELETED: Final = " (deleted)"
_KERNEL_THREAD: Final = 0x00200000  # PF_KTHREAD


class ProcessSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What /proc told of a process at one moment."""

    pid: int
    parent_pid: int
    started_ticks: int
    path: str
    arguments: tuple[str, ...]
    arguments_length: int
    cwd: str
    user_id: int
    group_id: int
    login_user_id: int
    session_id: int
    memory_only: bool
    kernel_thread: bool


def list_pids(proc: Path = PROC) -> list[int]:
    """Return the ids of all processes, in ascending order."""
    return sorted(int(name) for name in os.listdir(proc) if name.isdecimal())  # noqa: PTH208 - names are enough, and there are thousands


def split_arguments(raw: bytes) -> tuple[str, ...]:
    """Turn the kernel's NUL-terminated arguments into text."""
    if not raw:
        return ()
    return tuple(text_from_os(raw.removesuffix(b"\0")).split("\0"))


def signed_user(user_id: int) -> int:
    """Return -1 where the kernel says "no user"."""
    return -1 if user_id == NO_USER else user_id


def read_process(pid: int, proc: Path = PROC) -> ProcessSnapshot | None:
    """Read a process, or return None when it has ended."""
    directory = proc / str(pid)
    try:
        # The command may contain blanks and parentheses: what counts starts behind the last one.
        stat = (directory / "stat").read_bytes().rpartition(b")")[2].split()
        raw = _read_start(directory / "cmdline", ARGUMENT_BYTES)
        # The files in it belong to root when the process may not be dumped; the folder does not.
        owner = directory.stat()
    except (FileNotFoundError, ProcessLookupError):
        return None
    path, memory_only = _image_path(directory)
    kernel_thread = bool(int(stat[6]) & _KERNEL_THREAD)
    if kernel_thread:
        path = f"[{_text(directory / 'comm')}]"
    return ProcessSnapshot(
        pid=pid,
        parent_pid=int(stat[1]),
        started_ticks=int(stat[19]),
        path=path,
        arguments=split_arguments(raw[:ARGUMENT_BYTES]),
        arguments_length=max(len(raw) - 1, 0),
        cwd=_link(directory / "cwd"),
        user_id=owner.st_uid,
        group_id=owner.st_gid,
        login_user_id=signed_user(_number(directory / "loginuid", NO_USER)),
        session_id=signed_user(_number(directory / "sessionid", NO_USER)),
        memory_only=memory_only,
        kernel_thread=kernel_thread,
    )


def _read_start(path: Path, kept: int) -> bytes:
    """Return the file's content; beyond `kept` bytes only its length matters."""
    with path.open("rb") as file:
        start = file.read(kept)
        return start + bytes(len(file.read()))


def _image_path(directory: Path) -> tuple[str, bool]:
    path = _link(directory / "exe").removesuffix(_DELETED)
    if path.startswith(_MEMORY_PREFIX):
        return path[1:], True
    return path, False


def read_link(path: str) -> str:
    """Return where a link in /proc leads, whatever bytes it holds. Raises `OSError`."""
    return text_from_os(os.readlink(path.encode()))  # noqa: PTH115 - Path cannot return bytes


def _link(path: Path) -> str:
    try:
        return read_link(str(path))
    except OSError:
        # Another user's process, a kernel thread or an ended one: not visible is an answer.
        return ""


def _text(path: Path) -> str:
    try:
        return text_from_os(path.read_bytes()).strip()
    except OSError:
        return ""


def _number(path: Path, absent: int) -> int:
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return absent
