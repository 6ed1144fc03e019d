"""Talk to the kernel's audit system over netlink, without libaudit.

Structures and numbers: linux/audit.h and linux/netlink.h. Two sockets: one for questions and
their answers, one for the stream of records, so that an answer never waits behind a flood.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import socket
import struct
from typing import Final

import msgspec

from agent.recorder.exceptions import SourceUnavailable

NETLINK_AUDIT: Final = 9
_SO_RCVBUFFORCE: Final = 33
_SO_ATTACH_FILTER: Final = 26
_RECEIVE_BYTES: Final = 16 * 1024 * 1024
_MULTICAST_READ_LOG: Final = 1

_GET, _SET, _ADD_RULE, _DELETE_RULE, _LIST_RULES = 1000, 1001, 1011, 1012, 1013
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ERROR, _DONE = 2, 3
_REQUEST, _ACKNOWLEDGE, _DUMP = 1, 4, 0x300

STATUS_ENABLED, STATUS_PID, STATUS_BACKLOG_LIMIT, STATUS_WAIT_TIME = 1, 4, 0x10, 0x20
_STATUS: Final = struct.Struct("=11I")

_FILTER_EXIT, _ALWAYS = 4, 2
_EQUAL, _NOT_EQUAL = 0x40000000, 0x30000000
_FIELD_PID, _FIELD_ARCH, _FIELD_SUCCESS, _FIELD_KEY = 0, 11, 104, 210
_FIELDS: Final = 64
_RULE: Final = struct.Struct("=3I64I64I64I64II")

KEY_PREFIX: Final = b"vedette-"
EXEC_KEY: Final = b"vedette-exec"
CONNECT_KEY: Final = b"vedette-connect"
_MEMORY: Final = b"vedette-before-"
_NO_SYSTEM_CALL: Final = 2047  # the last number that a rule can name
# (audit architecture, execve, execveat, connect) per processor: 64-bit programs, then 32-bit.
_SYSTEM_CALLS: Final = {
    "x86_64": ((0xC000003E, 59, 322, 42), (0x40000003, 11, 358, 362)),
    "aarch64": ((0xC00000B7, 221, 281, 203), (0x40000028, 11, 387, 283)),
}


class AuditStatus(msgspec.Struct, array_like=True):
    """The kernel's `struct audit_status`."""

    mask: int = 0
    enabled: int = 0
    failure: int = 0
    pid: int = 0
    rate_limit: int = 0
    backlog_limit: int = 0
    lost: int = 0
    backlog: int = 0
    features: int = 0
    wait_time: int = 0
    wait_time_actual: int = 0


def pack_rule(calls: list[int], fields: list[tuple[int, int, int]], key: bytes) -> bytes:
    """Build a rule that records these system calls at their end.

    `fields` are (field, operator, value) and must all hold.
    """
    mask = [0] * 64
    for number in calls:
        mask[number // 32] |= 1 << number % 32
    conditions = [*fields, (_FIELD_KEY, _EQUAL, len(key))]
    columns = [[row[i] for row in conditions] for i in range(3)]
    kinds, operators, values = (column + [0] * (_FIELDS - len(column)) for column in columns)
    head = _RULE.pack(
        _FILTER_EXIT, _ALWAYS, len(conditions), *mask, *kinds, *values, *operators, len(key)
    )
    return head + key


def recorder_rules() -> list[bytes]:
    """Build the recorder's rules for this processor: programs started, connections made."""
    architectures = _SYSTEM_CALLS.get(platform.machine())
    if architectures is None:
        raise SourceUnavailable(f"no audit rules for the processor {platform.machine()}")
    rules = []
    for architecture, execve, execveat, connect in architectures:
        on_architecture = (_FIELD_ARCH, _EQUAL, architecture)
        succeeded = (_FIELD_SUCCESS, _EQUAL, 1)
        not_own = (_FIELD_PID, _NOT_EQUAL, os.getpid())
        rules.append(pack_rule([execve, execveat], [on_architecture, succeeded], EXEC_KEY))
        rules.append(pack_rule([connect], [on_architecture, not_own], CONNECT_KEY))
    return rules


def pack_memory(status: AuditStatus) -> bytes:
    """Build a rule that matches nothing and whose key says how the audit system was found.

    The kernel keeps it for as long as our rules: a successor of a killed agent can put things
    back although nothing was written to disk.
    """
    key = b"%s%d-%d-%d" % (_MEMORY, status.enabled, status.backlog_limit, status.wait_time)
    on_processor = (_FIELD_ARCH, _EQUAL, _SYSTEM_CALLS[platform.machine()][0][0])
    return pack_rule([_NO_SYSTEM_CALL], [on_processor], key)


def recall_memory(keys: list[bytes], present: AuditStatus) -> AuditStatus:
    """Return the status that `pack_memory` kept among these keys, else the present one."""
    for key in keys:
        if key.startswith(_MEMORY):
            enabled, limit, wait = map(int, key.removeprefix(_MEMORY).split(b"-"))
            return msgspec.structs.replace(
                present, enabled=enabled, backlog_limit=limit, wait_time=wait
            )
    return present


class AuditControl:
    """Questions and commands to the audit system. Needs CAP_AUDIT_CONTROL."""

    def __init__(self) -> None:
        try:
            self._socket = _open_socket()
        except OSError as error:
            raise SourceUnavailable(f"no audit in this kernel: {error.strerror}") from error
        self._sequence = 0

    def status(self) -> AuditStatus:
        """Return the state of the audit system. Raises `SourceUnavailable` without the rights."""
        try:
            ((_, answer),) = self._ask(_GET, b"", _REQUEST, wanted=_GET)
        except PermissionError as error:
            raise SourceUnavailable("audit needs root (CAP_AUDIT_CONTROL)") from error
        answer = answer[: _STATUS.size].ljust(_STATUS.size, b"\0")
        return AuditStatus(*_STATUS.unpack(answer))

    def set_status(self, status: AuditStatus) -> None:
        """Set what `status.mask` names. Raises `OSError`."""
        self._ask(_SET, _STATUS.pack(*msgspec.structs.astuple(status)), _REQUEST | _ACKNOWLEDGE)

    def add_rule(self, rule: bytes) -> None:
        """Add a rule; one that exists already is fine. Raises `OSError`."""
        try:
            self._ask(_ADD_RULE, rule, _REQUEST | _ACKNOWLEDGE)
        except FileExistsError:
            return

    def delete_own_rules(self) -> list[bytes]:
        """Remove every rule with our key, of this run or an earlier one; return their keys."""
        rules = [
            payload
            for kind, payload in self._ask(_LIST_RULES, b"", _REQUEST | _DUMP, wanted=_LIST_RULES)
            if KEY_PREFIX in payload[_RULE.size :]
        ]
        for rule in rules:
            with contextlib.suppress(FileNotFoundError):
                self._ask(_DELETE_RULE, rule, _REQUEST | _ACKNOWLEDGE)
        return [rule[_RULE.size :].rstrip(b"\0") for rule in rules]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _ask(
        self, kind: int, payload: bytes, flags: int, wanted: int = 0
    ) -> list[tuple[int, bytes]]:
        """Send one request and return the answers of the wanted type."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(payload), kind, flags, self._sequence, 0)
        self._socket.send(header + payload)
        answers: list[tuple[int, bytes]] = []
        while True:
            message = self._socket.recv(1 << 16)
            _, answered, _, sequence, _ = _HEADER.unpack_from(message)
            if sequence != self._sequence:
                continue
            body = message[_HEADER.size :]
            if answered == _ERROR:
                (code,) = struct.unpack_from("=i", body)
                if code:
                    raise OSError(-code, os.strerror(-code))
                if not wanted:
                    return answers
            elif answered == _DONE:
                return answers
            elif answered == wanted:
                answers.append((answered, body))
                if flags & _DUMP != _DUMP:
                    return answers


class AuditStream:
    """The stream of audit records."""

    def __init__(self) -> None:
        self._socket = _open_socket()
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
        self._socket.setblocking(False)
        self.overruns = 0
        self._buffer = bytearray(1 << 16)
        self._view = memoryview(self._buffer)

    def own(self) -> None:
        """Become the audit daemon. Raises `OSError` (EEXIST while another one runs)."""
        self._socket.bind((0, 0))
        payload = _STATUS.pack(
            *msgspec.structs.astuple(AuditStatus(mask=STATUS_PID, pid=os.getpid()))
        )
        header = _HEADER.pack(_HEADER.size + len(payload), _SET, _REQUEST | _ACKNOWLEDGE, 1, 0)
        # The registration belongs to the socket that asks for it.
        self._socket.setblocking(True)
        self._socket.send(header + payload)
        while True:
            message = self._socket.recv(1 << 16)
            _, kind, _, sequence, _ = _HEADER.unpack_from(message)
            if kind == _ERROR and sequence == 1:
                break
        self._socket.setblocking(False)
        (code,) = struct.unpack_from("=i", message, _HEADER.size)
        if code:
            raise OSError(-code, os.strerror(-code))

    def attach_filter(self, program: bytes) -> None:
        """Let only the messages through that a classic BPF program (`struct sock_fprog`) takes."""
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def join(self) -> None:
        """Read along with the daemon that runs."""
        self._socket.bind((0, _MULTICAST_READ_LOG))

    def fileno(self) -> int:
        """Return the descriptor that is readable when records wait."""
        return self._socket.fileno()

    def receive(self) -> tuple[int, bytes] | None:
        """Return type and text of the next record; None when none waits."""
        while True:
            try:
                length = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
                continue
            kind = self._buffer[4] | self._buffer[5] << 8
            return kind, bytes(self._view[_HEADER.size : length])

    def close(self) -> None:
        """Close the socket; the kernel then has no daemon, if it was ours."""
        self._socket.close()


def _open_socket() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_AUDIT)
