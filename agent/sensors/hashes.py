"""Hashes of programs that run: read through /proc/PID/exe, so that deleted ones are hashed, too.

One content is read once for each question, however many processes run it.
"""

from __future__ import annotations

import os
import stat
from typing import Final

import msgspec

from agent.recorder.hashing import Hashes, hash_descriptor
from agent.sensors.context import SensorContext
from agent.sensors.processlist import RunningProcess

LARGEST_BYTES: Final = 256 * 1024 * 1024
# What a slow disk reads in a second: a file that would take longer than what is left is not begun.
_SLOWEST_BYTES_PER_SECOND: Final = 40 * 1024 * 1024
_SECONDS_KEPT: Final = 2.0


class Hashed(msgspec.Struct, frozen=True):
    """The hashes of one program, or why there are none."""

    hashes: Hashes = Hashes("", "", "")
    reason: str = ""


class ProgramHashes:
    """Hashes programs, as long as the sensor has time."""

    def __init__(self, context: SensorContext) -> None:
        self._context = context
        self._known: dict[tuple[int, int, int, int], Hashed] = {}

    def of(self, process: RunningProcess) -> Hashed | None:
        """Hash a process' program; None when it has ended, or never had one."""
        try:
            descriptor = os.open(process.folder / "exe", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError as error:
            return Hashed(reason=f"Cannot be read: {error.strerror}")
        try:
            status = os.fstat(descriptor)
            key = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
            if key not in self._known:
                self._known[key] = self._hash(descriptor, status)
            return self._known[key]
        finally:
            os.close(descriptor)

    def _hash(self, descriptor: int, status: os.stat_result) -> Hashed:
        if not stat.S_ISREG(status.st_mode):
            return Hashed(reason="Not a regular file")
        if status.st_size > LARGEST_BYTES:
            return Hashed(reason=f"Larger than {LARGEST_BYTES // 1024**2} MiB")
        needed = _SECONDS_KEPT + status.st_size / _SLOWEST_BYTES_PER_SECOND
        if self._context.seconds_left < needed:
            return Hashed(reason="No time left")
        try:
            return Hashed(hash_descriptor(descriptor))
        except OSError as error:
            return Hashed(reason=f"Cannot be read: {error.strerror}")
