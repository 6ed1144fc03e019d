"""Hashes of the programs that are run, even of those that delete themselves.

A second fanotify group receives an open descriptor of every file that is opened for execution, so
the content can be read when its name is gone. One content is hashed once: the answer is kept by
device, inode, time of change and size, and the kernel is asked to be silent about that file until
it is modified. Small files are hashed at once, up to a budget per tick; the rest by a worker
thread. Larger files than `LARGEST_BYTES` are not hashed.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec

from agent.recorder.filegroup import FAN_OPEN_EXEC, FileGroup
from agent.recorder.hashing import Hashes, hash_descriptor
from agent.recorder.mounts import Mount
from agent.recorder.procfs import read_link
from protocol.events import Process

LARGEST_BYTES: Final = 256 * 1024 * 1024
_AT_ONCE_BYTES: Final = 1024 * 1024
_AT_ONCE_SECONDS: Final = 0.02  # per tick
_MOST_KNOWN: Final = 8192
_MOST_QUEUED: Final = 256  # each holds a descriptor
_METADATA: Final = struct.Struct("=IBBHQii")
# Reading an event opens a descriptor: few at a time, so that their number stays bounded.
_READ_BYTES: Final = _METADATA.size * 64
_PROCESSES_KEPT: Final = 4096


class FileIdentity(msgspec.Struct, frozen=True):
    """One content of one file. `device` is (major << 20) | minor, as the kernel counts it."""

    device: int
    inode: int
    modified_ns: int
    size: int


def identity_of(status: os.stat_result) -> FileIdentity:
    """Return the identity of a file's present content."""
    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    return FileIdentity(device, status.st_ino, status.st_mtime_ns, status.st_size)


class _Pending:
    """A content that is being hashed, and the processes that wait for the answer."""

    __slots__ = ("future", "processes")

    def __init__(self, future: Future[Hashes | None]) -> None:
        self.future = future
        self.processes: list[Process] = []


class ExecutableHashes:
    """Fills `md5`, `sha1` and `sha256` of processes."""

    def __init__(self) -> None:
        self._group: FileGroup | None = None
        self._known: dict[FileIdentity, Hashes] = {}
        self._pending: dict[FileIdentity, _Pending] = {}
        self._opened_by: dict[int, list[tuple[FileIdentity, str]]] = {}
        self._worker: ThreadPoolExecutor | None = None
        self._spent = 0.0
        self._remote: set[str] = set()
        self.unhashed = 0

    def start(self) -> None:
        """Open the group. Raises `SourceUnavailable` where there is no fanotify."""
        self._group = FileGroup(0, FAN_OPEN_EXEC)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="executable-hashes")

    def watch(self, mounts: list[Mount]) -> None:
        """Watch the file systems of these mounts from now on."""
        if self._group:
            self._group.watch(mounts)
        for mount in mounts:
            if mount.remote:
                self._remote.add(os.fsdecode(mount.path).rstrip("/") + "/")

    def descriptors(self) -> tuple[int, ...]:
        """Return the group's descriptor, if it is open."""
        return (self._group.descriptor,) if self._group else ()

    def drain(self) -> None:
        """Take in which files were opened for execution; hash the small ones."""
        self._spent = 0.0
        while self._group and (events := self._group.read(_READ_BYTES)):
            for _, _, _, _, _, descriptor, pid in _METADATA.iter_unpack(events):
                if descriptor < 0:
                    self.unhashed += 1  # the kernel's queue overflowed
                else:
                    self._take_in(descriptor, pid)

    def fill(self, process: Process, identity: FileIdentity | None) -> Future[Hashes | None] | None:
        """Give a process its hashes; return what to wait for when they are still computed.

        Without an identity, or one that another layer (overlay) renamed, the file is recognised
        by the process that opened it.
        """
        found = self._recognise(process, identity)
        if found is None:
            return None
        hashes = self._known.get(found)
        if hashes is not None:
            assign(process, hashes)
            return None
        pending = self._pending.get(found)
        if pending is None:
            return None
        pending.processes.append(process)
        return pending.future

    def settle(self) -> None:
        """Give the answers that have arrived to the processes that wait for them."""
        done = [key for key, pending in self._pending.items() if pending.future.done()]
        for key in done:
            pending = self._pending.pop(key)
            hashes = pending.future.result()
            if hashes is not None:
                self._keep(key, hashes)
                for process in pending.processes:
                    assign(process, hashes)

    def stop(self) -> None:
        """Close the group and wait for the worker's present file."""
        if self._group:
            self._group.close()
            self._group = None
        if self._worker:
            self._worker.shutdown(cancel_futures=True)
            self._worker = None

    def _take_in(self, descriptor: int, pid: int) -> None:
        keep_open = False
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return
            identity = identity_of(status)
            path = read_link(f"/proc/self/fd/{descriptor}")
            self._remember_opened(pid, identity, path.removesuffix(" (deleted)"))
            if identity not in self._known and identity not in self._pending:
                keep_open = self._hash(identity, descriptor)
            if self._group:
                self._group.ignore_until_modified(descriptor)
        except OSError:
            self.unhashed += 1  # the file system failed; the program still ran
        finally:
            if not keep_open:
                os.close(descriptor)

    def _hash(self, identity: FileIdentity, descriptor: int) -> bool:
        """Hash now or later; tell whether the descriptor is still needed."""
        if identity.size <= _AT_ONCE_BYTES and self._spent < _AT_ONCE_SECONDS:
            began = time.perf_counter()
            self._keep(identity, hash_descriptor(descriptor))
            self._spent += time.perf_counter() - began
            return False
        if identity.size > LARGEST_BYTES or len(self._pending) >= _MOST_QUEUED or not self._worker:
            self.unhashed += 1
            return False
        future = self._worker.submit(partial(_hash_and_close, descriptor))
        future.add_done_callback(_close_if_cancelled(descriptor))
        self._pending[identity] = _Pending(future)
        return True

    def _keep(self, identity: FileIdentity, hashes: Hashes) -> None:
        if len(self._known) >= _MOST_KNOWN:
            # The kernel is silent about files that we are about to forget: make it speak again.
            self._known.clear()
            if self._group:
                self._group.ignore_nothing()
        self._known[identity] = hashes

    def _remember_opened(self, pid: int, identity: FileIdentity, path: str) -> None:
        if len(self._opened_by) >= _PROCESSES_KEPT:
            self._opened_by.clear()
        files = self._opened_by.setdefault(pid, [])
        files.append((identity, path))
        del files[:-4]

    def _recognise(self, process: Process, identity: FileIdentity | None) -> FileIdentity | None:
        if identity is not None and (identity in self._known or identity in self._pending):
            return identity
        for opened, path in reversed(self._opened_by.get(process.pid, ())):
            if identity is None:
                if path == process.path:
                    return opened
            # Device and inode may be another layer's; another time of change is another content.
            elif (opened.modified_ns, opened.size) == (identity.modified_ns, identity.size):
                if opened in self._known:
                    self._keep(identity, self._known[opened])
                return opened
        return self._look_at(process.path) if identity is None else None

    def _look_at(self, path: str) -> FileIdentity | None:
        """Recognise a file by its path, where the event source gave nothing else."""
        if any(map(path.startswith, self._remote)):
            return None  # whoever is behind it may not answer
        try:
            return identity_of(os.stat(path))  # noqa: PTH116 - on the hot path
        except (OSError, ValueError):
            return None


def assign(process: Process, hashes: Hashes) -> None:
    """Write the hashes of its program into a process."""
    process.md5, process.sha1, process.sha256 = hashes.md5, hashes.sha1, hashes.sha256


def _hash_and_close(descriptor: int) -> Hashes | None:
    try:
        return hash_descriptor(descriptor)
    except OSError:
        return None  # the file system went away while reading; the process stays without hashes
    finally:
        os.close(descriptor)


def _close_if_cancelled(descriptor: int) -> Callable[[Future[Hashes | None]], None]:
    def close(future: Future[Hashes | None]) -> None:
        if future.cancelled():
            os.close(descriptor)

    return close
