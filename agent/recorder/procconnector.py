"""Programs started, forked and ended, from the kernel's process connector, completed from /proc.

The last resort with root: the kernel names only the pid, and what a program was called with must
be read before it ends. Structures: linux/connector.h and linux/cn_proc.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from agent.recorder.clock import BootClock
from agent.recorder.exceptions import SourceUnavailable
from agent.recorder.executables import FileIdentity
from agent.recorder.processes import ProcessTable
from agent.recorder.procfs import ProcessSnapshot, read_process
from agent.recorder.source import Deliver, SourceCapabilities
from protocol.events import Process, ProcessExited, ProcessStarted

_NETLINK_CONNECTOR: Final = 11
_CN_PROC: Final = 1
_SO_RCVBUFFORCE: Final = 33
_RECEIVE_BYTES: Final = 16 * 1024 * 1024
_LISTEN, _IGNORE = 1, 2
_SUBSCRIBE: Final = struct.Struct("=IHHIIIIIIHHI")  # nlmsghdr, cn_msg, operation
_EVENT_AT: Final = 36  # behind nlmsghdr and cn_msg
_EVENT: Final = struct.Struct("=IIQII")  # what, processor, time since start (ns), pid, tgid
_FORK, _EXEC, _EXIT = 0x1, 0x2, 0x80000000
_FORK_PIDS: Final = struct.Struct("=IIII")  # parent pid, tgid, child pid, tgid
_EXIT_CODE: Final = struct.Struct("=I")


class ProcConnectorSource:
    """The process connector event source."""

    def __init__(self, processes: ProcessTable, clock: BootClock) -> None:
        self._processes = processes
        self._clock = clock
        self._socket: socket.socket | None = None
        self._overruns = 0
        self._too_late = 0
        self._buffer = bytearray(4096)
        self._deliver: Deliver = list[object]().append
        self.programs: list[tuple[Process, FileIdentity | None]] = []
        self.mount_namespaces: dict[int, list[int]] = {}

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen."""
        return SourceCapabilities(
            name="proc-connector",
            kinds=("process", "exit"),
            blind_to=(
                f"arguments and paths of programs that ended at once ({self._too_late} so far)",
                "network connections and DNS",
            ),
        )

    def start(self) -> None:
        """Subscribe. Raises `SourceUnavailable` without the rights or the kernel for it."""
        try:
            connector = socket.socket(
                socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR
            )
        except OSError as error:
            raise SourceUnavailable(f"no process connector: {error.strerror}") from error
        try:
            connector.bind((0, _CN_PROC))
            connector.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
            connector.send(_subscription(_LISTEN))
        except OSError as error:
            connector.close()
            raise SourceUnavailable(
                "the process connector needs root (CAP_NET_ADMIN)"
                if isinstance(error, PermissionError)
                else f"the process connector: {error.strerror}"
            ) from error
        connector.setblocking(False)
        self._socket = connector

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket."""
        return (self._socket.fileno(),) if self._socket else ()

    def drain(self, deliver: Deliver) -> None:
        """Hand over what waits, completed from /proc where that is still possible."""
        self.programs.clear()
        self._deliver = deliver
        while self._socket:
            try:
                length = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._overruns += 1
                continue
            if length >= _EVENT_AT + _EVENT.size:
                self._on_event()

    def lost(self) -> dict[str, int]:
        """Count overruns of the socket, and programs of which only the pid could be recorded.

        Each overrun hides at least one event.
        """
        return {"process": self._overruns + self._too_late}

    def stop(self) -> None:
        """Unsubscribe and close."""
        if self._socket:
            try:
                self._socket.send(_subscription(_IGNORE))
            finally:
                self._socket.close()
                self._socket = None

    def _on_event(self) -> None:
        what, _, since_start, pid, group = _EVENT.unpack_from(self._buffer, _EVENT_AT)
        at = self._clock.instant(since_start)
        if what == _EXEC:
            self._on_exec(group, at, since_start)
        elif what == _EXIT and pid == group:
            (code,) = _EXIT_CODE.unpack_from(self._buffer, _EVENT_AT + _EVENT.size)
            process = self._processes.exited(pid, at=at)
            if process is not None:
                self._deliver(
                    ProcessExited(
                        at=at, process=process, exit_code=code >> 8 & 0xFF, killed_by=code & 0x7F
                    )
                )
        elif what == _FORK:
            _, parent, child, child_group = _FORK_PIDS.unpack_from(self._buffer, _EVENT_AT + 16)
            if child == child_group:
                self._processes.forked(child, parent_pid=parent, at=at, started_ns=since_start)

    def _on_exec(self, pid: int, at: int, since_start: int) -> None:
        snapshot = read_process(pid)
        if snapshot is None or not snapshot.path:
            self._too_late += 1
            snapshot = _unknown(pid)
        process = self._processes.start_snapshot(snapshot, at=at, started_ns=since_start)
        self.programs.append((process, None))
        self._deliver(ProcessStarted(at=process.started_at, process=process))


def _subscription(operation: int) -> bytes:
    return _SUBSCRIBE.pack(
        _SUBSCRIBE.size, 3, 0, 0, os.getpid(), _CN_PROC, 1, 0, 0, 4, 0, operation
    )


def _unknown(pid: int) -> ProcessSnapshot:
    """Stand for a program that ended before it could be read."""
    return ProcessSnapshot(
        pid=pid,
        parent_pid=0,
        started_ticks=0,
        path="",
        arguments=(),
        arguments_length=-1,
        cwd="",
        user_id=-1,
        group_id=-1,
        login_user_id=-1,
        session_id=-1,
        memory_only=False,
        kernel_thread=False,
    )
