"""Keep a second agent off the same home.

The kernel holds the lock, so a killed agent never leaves a stale one; the process id inside is
for people and for `uninstall`. It is written over the last one, which needs no room on the disk.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.durable_file import PRIVATE_FILE
from agent.exceptions import AlreadyRunning

log = logging.getLogger(__name__)

_WIDTH = 12


@contextmanager
def only_instance(lock_file: Path) -> Iterator[None]:
    """Hold the home's lock for as long as the block runs.

    Raises `AlreadyRunning` with the other agent's process id.
    """
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyRunning(f"Another agent runs on this home (process {other}).") from error
        try:
            os.pwrite(descriptor, f"{os.getpid():<{_WIDTH}}\n".encode(), 0)
        except OSError as error:
            log.warning("the process id could not be written down: %s", error)
        yield
    finally:
        os.close(descriptor)


def running_process(lock_file: Path) -> int | None:
    """Return the process id of the agent that holds this lock, or None when none does.

    Raises `AlreadyRunning` when one does and could not write down who it is.
    """
    try:
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = os.read(descriptor, 32).strip()
        if not text.isdigit():
            raise AlreadyRunning("An agent runs on this home: stop it first.") from error
        return int(text)
    finally:
        os.close(descriptor)
    return None
