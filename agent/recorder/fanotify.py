"""Files that are created, written, renamed, deleted or given other permissions.

fanotify names a file by its directory's handle and its name, which holds for whole file systems,
containers and chroots included. It gives no time and merges what one process does to one file
until it is read: the merged events are told in the order in which they make sense. The process is
looked up when the events are handed over, so read first (`collect`), then bring the process table
up to date, then `drain`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from agent.recorder.clock import BootClock
from agent.recorder.directorypaths import DirectoryPaths
from agent.recorder.exceptions import SourceUnavailable
from agent.recorder.filegroup import (
    FAN_ATTRIB,
    FAN_CLOSE_WRITE,
    FAN_CREATE,
    FAN_DELETE,
    FAN_ONDIR,
    FAN_Q_OVERFLOW,
    FAN_RENAME,
    FAN_REPORT_DIR_FID,
    FAN_REPORT_FID,
    FAN_REPORT_NAME,
    FAN_REPORT_TARGET_FID,
    FileGroup,
)
from agent.recorder.mounts import Mount
from agent.recorder.processes import ProcessTable
from agent.recorder.source import Deliver, SourceCapabilities
from protocol.events import FileEvent, Process, text_from_os

DeliverFile: TypeAlias = Callable[[FileEvent], object]

_MASK: Final = FAN_CREATE | FAN_CLOSE_WRITE | FAN_DELETE | FAN_RENAME | FAN_ATTRIB | FAN_ONDIR
_REPORT: Final = FAN_REPORT_FID | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_REPORT_TARGET_FID
_READ_BYTES: Final = 1 << 18
# One tick reads at most this much, so that a storm of file events cannot starve the others.
_MOST_READS: Final = 64
_METADATA: Final = struct.Struct("=IBBHQii")  # length, version, -, header length, mask, fd, pid
# An information record: type (B), padding (B), size (H), file system (8), then a file handle of
# bytes (I), type (i) and content, then, for a directory, a name that ends with NUL.
_INFORMATION_SIZE: Final = struct.Struct("=H")
_HANDLE_BYTES: Final = struct.Struct("=I")
_HANDLE_AT: Final = 20
_TYPE_FID: Final = 1
_FAR_FUTURE: Final = 1 << 62
# Operations in the order in which one process most plausibly did them to one file.
_ORDER: Final = (
    (FAN_CREATE, "create"),
    (FAN_CLOSE_WRITE, "write"),
    (FAN_ATTRIB, "permission"),
    (FAN_DELETE, "delete"),
)
_BOTH_ENDS: Final = FAN_CREATE | FAN_DELETE
_TOLD: Final = FAN_CREATE | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE
_PLAN: dict[int, tuple[str, ...]] = {}


def plan_operations(mask: int) -> tuple[str, ...]:
    """Name the operations of a merged mask, renames excepted, in their plausible order."""
    plan = _PLAN.get(mask)
    if plan is None:
        plan = _PLAN[mask] = tuple(name for bit, name in _ORDER if mask & bit)
    return plan


def restore_order(events: list[FileEvent], processes: ProcessTable) -> None:
    """Make the instants agree with the order in which the kernel told the events.

    Each event carries the latest instant at which it can have happened: when it was read, or when
    its process ended. What the kernel told before cannot have happened later; if the process ran
    another program by then, it was that one.
    """
    latest = certain = _FAR_FUTURE
    # For every file event of the computer: comparisons, because calls cost several times as much.
    for event in reversed(events):
        at, process = event.at, event.process
        if at < latest:
            latest = at
        if at < certain and event.operation != "write":
            # The kernel closes the files of a process after it told its end: when a write ended
            # says nothing certain about what came before.
            certain = at
        if process is not None and certain < process.started_at:
            process = event.process = processes.image_at(process, certain)
        if process is not None and process.started_at > latest:
            event.at = process.started_at
        else:
            event.at = latest


class FileSource:
    """The fanotify event source."""

    def __init__(
        self,
        processes: ProcessTable,
        clock: BootClock,
        *,
        is_own: Callable[[int], bool],
    ) -> None:
        self._processes = processes
        self._clock = clock
        self._is_own = is_own
        self._directories = DirectoryPaths(self._learn_ahead)
        self._group: FileGroup | None = None
        self._unread: list[bytes] = []
        self._draining: list[bytes] = []
        self._looked_ahead = False
        self._overflows = 0
        self.own_events = 0

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen; file systems that refuse a mark are named."""
        refused = self._group.refused if self._group else {}
        return SourceCapabilities(
            name="fanotify",
            kinds=("file",),
            blind_to=(
                "the order of what one process does to one file within a quarter of a second",
                "which of the programs that one process runs in turn within that time did it",
                "memory-mapped writes until the file is closed",
                *(f"files on {kind}: {reason}" for kind, reason in sorted(refused.items())),
            ),
        )

    def start(self) -> None:
        """Open the group; the marks follow with `watch`."""
        self._group = FileGroup(_REPORT, _MASK)

    def watch(self, mounts: list[Mount]) -> None:
        """Watch the file systems of these mounts from now on."""
        for mount in self._opened().watch(mounts):
            try:
                self._directories.add_mount(mount)
            except FileNotFoundError:
                continue  # unmounted since

    def descriptors(self) -> tuple[int, ...]:
        """Return the group's descriptor."""
        return (self._opened().descriptor,)

    def collect(self) -> bool:
        """Read what waits in the kernel; tell whether more may be waiting."""
        group = self._opened()
        for _ in range(_MOST_READS):
            piece = group.read(_READ_BYTES)
            if not piece:
                return False
            self._unread.append(piece)
        return True

    def drain(self, deliver: Deliver) -> None:
        """Hand over what `collect` read, attributed by the process table as it is now."""
        self._draining, self._unread = self._unread, []
        self._looked_ahead = False
        now = self._clock.now()
        events: list[FileEvent] = []
        for piece in self._draining:
            self._decode(piece, now, events.append)
        self._draining = []
        restore_order(events, self._processes)
        for event in events:
            deliver(event)

    def lost(self) -> dict[str, int]:
        """Count overflows of the kernel's queue: each hides at least one event."""
        return {"file": self._overflows}

    def stop(self) -> None:
        """Close the group; its marks go with it."""
        if self._group:
            self._group.close()
            self._group = None

    def _opened(self) -> FileGroup:
        if self._group is None:
            raise SourceUnavailable("fanotify is not started")
        return self._group

    def _decode(self, piece: bytes, now: int, deliver: DeliverFile) -> None:
        position, end = 0, len(piece)
        # Of each process: the latest instant at which it can have done something, and itself.
        doers: dict[int, tuple[int, Process | None]] = {}
        while position < end:
            length, _, _, header, mask, _, pid = _METADATA.unpack_from(piece, position)
            first = position + header
            position += length
            if mask & FAN_Q_OVERFLOW:
                self._overflows += 1
            elif self._is_own(pid):
                self.own_events += 1
            elif piece[first] != _TYPE_FID:
                # Without a name it is a change of the link count: the directory's event tells it.
                if mask & FAN_ONDIR:
                    self._learn(piece, first, position)
                who = doers.get(pid)
                if who is None:
                    who = doers[pid] = self._doer(pid, now)
                if mask & FAN_RENAME:
                    self._tell_rename(piece, first, mask, who, deliver)
                else:
                    self._tell(self._path_at(piece, first), mask, who, deliver)

    def _doer(self, pid: int, now: int) -> tuple[int, Process | None]:
        ended = self._processes.ended_at(pid)
        # What a dead process did, it did before it ended.
        return ended - 1 if ended else now, self._processes.look_up(pid)

    def _tell(
        self, path: str, mask: int, who: tuple[int, Process | None], deliver: DeliverFile
    ) -> None:
        at, process = who
        operations = plan_operations(mask & _TOLD)
        if mask & _BOTH_ENDS == _BOTH_ENDS and os.path.lexists(path):
            # It exists after both: an old file gave way to a new one.
            operations = ("delete", *(name for name in operations if name != "delete"))
        directory = mask & FAN_ONDIR != 0
        for operation in operations:
            deliver(
                FileEvent(
                    at=at, process=process, operation=operation, path=path, directory=directory
                )
            )

    def _tell_rename(
        self,
        piece: bytes,
        first: int,
        mask: int,
        who: tuple[int, Process | None],
        deliver: DeliverFile,
    ) -> None:
        at, process = who
        directory = mask & FAN_ONDIR != 0
        (old_size,) = _INFORMATION_SIZE.unpack_from(piece, first + 2)
        deliver(
            FileEvent(
                at=at,
                process=process,
                operation="rename",
                path=self._path_at(piece, first + old_size),
                original_path=self._path_at(piece, first),
                directory=directory,
            )
        )
        if directory:
            self._directories.forget()

    def _path_at(self, piece: bytes, at: int) -> str:
        """Return the path that an information record of a directory and a name stands for."""
        (handle_bytes,) = _HANDLE_BYTES.unpack_from(piece, at + 12)
        name_at = at + _HANDLE_AT + handle_bytes
        name = text_from_os(piece[name_at : piece.index(0, name_at)])
        return self._join(piece[at + 4 : name_at], name)

    def _learn(self, piece: bytes, at: int, end: int) -> None:
        """Note where the directory stands that this event is about."""
        (size,) = _INFORMATION_SIZE.unpack_from(piece, at + 2)
        target = at + size
        if target >= end or piece[target] != _TYPE_FID:
            return  # its own handle is not told: not needed, only helpful
        (handle_bytes,) = _HANDLE_BYTES.unpack_from(piece, at + 12)
        name_at = at + _HANDLE_AT + handle_bytes
        name = text_from_os(piece[name_at : piece.index(0, name_at)])
        (target_bytes,) = _HANDLE_BYTES.unpack_from(piece, target + 12)
        key = piece[target + 4 : target + _HANDLE_AT + target_bytes]
        if name != ".":
            self._directories.learn(key, piece[at + 4 : name_at], name)

    def _learn_ahead(self) -> None:
        """Look through what is being drained for the end of directories that are gone already."""
        if self._looked_ahead:
            return  # it was looked through before: once is enough, and twice would be quadratic
        self._looked_ahead = True
        for piece in self._draining:
            position = 0
            while position < len(piece):
                length, _, _, header, mask, _, _ = _METADATA.unpack_from(piece, position)
                if mask & FAN_ONDIR and mask & FAN_DELETE and piece[position + header] != _TYPE_FID:
                    self._learn(piece, position + header, position + length)
                position += length

    def _join(self, directory: bytes, name: str) -> str:
        above = self._directories.path(directory)
        if name == ".":
            return above
        return f"{above}/{name}" if above != "/" else f"/{name}"
