"""What keeps a sensor from hurting the endpoint: limits, priority, and an end that leaves nothing.

A user's own sensor is the first process of a PID namespace where that is allowed: the kernel then
ends all that it started in one step, and nothing that it starts can signal the endpoint's own
processes. (/proc still shows them all; only `os.getpid()` counts anew.) Elsewhere the worker adopts
whatever its sensors leave behind (`PR_SET_CHILD_SUBREAPER`), so that "kill all descendants" also
finds what forked twice or began a session of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import psutil

# Enough for every sensor of ours (the largest takes a quarter), far below what hurts.
ADDRESS_SPACE_BYTES: Final = 512 * 1024 * 1024
FILE_BYTES: Final = 64 * 1024 * 1024
OPEN_FILES: Final = 1024
MOST_PROCESSES: Final = 256
WORKER_NICENESS: Final = 5
# Below the worker: who has to stop a fork bomb must not wait for its turn behind all of it.
SENSOR_NICENESS: Final = 10
# The kernel ends a sensor before the agent, which has a negative score.
OUT_OF_MEMORY_SCORE: Final = "700"
# What sleeps in the kernel (a dead network file system) dies when it wakes: not waited for longer.
KILL_TIMEOUT: Final = 10.0
KILL_PAUSE: Final = 0.002

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
# linux/sched.h
_CLONE_NEWPID: Final = 0x20000000

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_worker(*, job: bool = False) -> None:
    """Make this process yield to all others, bounded, and the heir of its descendants."""
    os.nice(WORKER_NICENESS)
    for limit, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(limit, most)
    if _libc is None:
        return
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().ionice(
            psutil.IOPRIO_CLASS_IDLE if job else psutil.IOPRIO_CLASS_BE, value=None if job else 7
        )
    with contextlib.suppress(OSError):
        # A container may forbid it; then the kernel chooses by itself.
        Path("/proc/self/oom_score_adj").write_text(OUT_OF_MEMORY_SCORE)


def become_sensor(kept: Collection[int]) -> None:
    """Cut a child that was just forked off from its worker: only descriptors in `kept` stay."""
    die_with_parent()
    os.setsid()
    os.nice(SENSOR_NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for descriptor in _open_descriptors():
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def enter_pid_namespace() -> None:
    """Go on as the first process of a new PID namespace, if that is allowed.

    The process that called waits for the one that goes on, and ends as that one ends.
    """
    if _libc is None or _libc.unshare(_CLONE_NEWPID) != 0:
        return
    die_with_parent()
    pid = os.fork()
    if pid == 0:
        return
    # The pipe to the worker must end with the sensor, not with this process.
    os.closerange(3, OPEN_FILES)
    _pid, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends, however that ends."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class ForkWatch:
    """Notices when this process' descendants become too many: the system has one table for all.

    Cheap enough to be asked several times a second: processes are only counted once the whole
    system has as many threads more as a sensor may have processes.
    """

    def __init__(self) -> None:
        self._threads = _threads_of_system()

    def is_bomb(self) -> bool:
        """Tell whether there are more descendants than any sensor needs."""
        if _threads_of_system() - self._threads <= MOST_PROCESSES:
            return False
        return len(psutil.Process().children(recursive=True)) > MOST_PROCESSES


def _threads_of_system() -> int:
    """Read proc(5), /proc/loadavg: the fourth field is runnable/existing."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except OSError:
        # Not Linux: process groups and the time limit must do.
        return 0


def kill_descendants() -> None:
    """Kill whatever this process has started, directly or not, and return when all of it is gone.

    After `KILL_TIMEOUT` it returns anyway.

    Only for a process that `become_worker` made: others would miss what forked twice.
    """
    give_up_at = time.monotonic() + KILL_TIMEOUT
    while _reap() and time.monotonic() < give_up_at:
        found = psutil.Process().children(recursive=True)
        # Stopped first: what is stopped cannot fork while the others are killed.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with contextlib.suppress(psutil.Error, OSError):
                    process.send_signal(number)
        time.sleep(KILL_PAUSE)


def _reap() -> bool:
    """Collect ended children; return whether any are left."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _lower(limit: int, most: int) -> None:
    _soft, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(limit, (most, most))


def _open_descriptors() -> list[int]:
    try:
        return [int(entry.name) for entry in os.scandir("/proc/self/fd")]
    except OSError:
        return list(range(3, OPEN_FILES))
