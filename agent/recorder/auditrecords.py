"""Put the records of the audit system together to events.

The kernel splits one system call over several records with one serial number; EOE ends it. Text
with blanks, quotes or other than printable ASCII comes in hexadecimal, long arguments in pieces
(`a1[0]=`, `a1[1]=`). Format: the kernel's kernel/auditsc.c; names: linux/audit.h.
"""

from __future__ import annotations

import re
import struct
from typing import Final

import msgspec

from agent.recorder.exceptions import MalformedRecord
from protocol.events import text_from_os

SYSCALL, PATH, SOCKADDR, CWD, EXECVE, END = 1300, 1302, 1306, 1307, 1309, 1320
_KEPT: Final = frozenset({SYSCALL, SOCKADDR, CWD, EXECVE, END})
_STAMP: Final = re.compile(rb"audit\((\d+)\.(\d+):(\d+)\):")
_FIELD: Final = re.compile(rb'([A-Za-z0-9_\-\[\]]+)=("[^"]*"|[^ ]*)')
_ARGUMENT: Final = re.compile(rb"a(\d+)(?:\[(\d+)\])?$")
_MOST_OPEN: Final = 4096
ARGUMENT_BYTES: Final = 8192


class AuditEvent(msgspec.Struct):
    """All records of one serial number. `at` is the wall clock's (µs, UTC)."""

    at: int
    serial: int
    records: dict[int, list[bytes]]


def decode_value(value: bytes) -> bytes:
    """Return the bytes of a text field: quoted, hexadecimal or `(null)`."""
    if value.startswith(b'"'):
        return value.strip(b'"')
    if value in (b"(null)", b"(none)"):
        return b""
    try:
        return bytes.fromhex(value.decode("ascii"))
    except ValueError as error:
        raise MalformedRecord(f"neither quoted nor hexadecimal: {value[:40]!r}") from error


def read_fields(record: bytes) -> dict[bytes, bytes]:
    """Return the `name=value` pairs of a record, values as they stand."""
    return dict(_FIELD.findall(record))


def read_arguments(records: list[bytes]) -> tuple[tuple[str, ...], int]:
    """Return the arguments of EXECVE records (8 KiB of them) and their true length in bytes."""
    pieces: dict[int, bytes] = {}
    for record in records:
        for name, value in _FIELD.findall(record):
            if found := _ARGUMENT.match(name):
                number = int(found[1])
                pieces[number] = pieces.get(number, b"") + decode_value(value)
    whole = b"\0".join(pieces[number] for number in sorted(pieces))
    return tuple(text_from_os(whole[:ARGUMENT_BYTES]).split("\0")), len(whole)


def read_address(saddr: bytes) -> tuple[int, bytes, int]:
    """Return family, address and port of a `struct sockaddr` in hexadecimal."""
    raw = decode_value(saddr)
    if len(raw) < 8:
        raise MalformedRecord("an address that is too short")
    family = struct.unpack_from("=H", raw)[0]
    (port,) = struct.unpack_from(">H", raw, 2)
    if family == 2:
        return family, raw[4:8], port
    if family == 10 and len(raw) >= 24:
        return family, raw[8:24], port
    raise MalformedRecord(f"an address of family {family}")


class Assembler:
    """Collects records until their event is complete, and notices missing serial numbers."""

    def __init__(self) -> None:
        self._open: dict[int, AuditEvent] = {}
        self._first = 0
        self._highest = 0
        self._last = 0
        self._serials = 0
        self.abandoned = 0

    def missing(self) -> int:
        """Count the serial numbers that were skipped, and events that never ended."""
        if not self._first:
            return 0
        return max(self._highest - self._first + 1 - self._serials, 0) + self.abandoned

    def add(self, kind: int, record: bytes) -> AuditEvent | None:
        """Take in a record; return the event that it completes."""
        stamp = _STAMP.search(record)
        if stamp is None:
            raise MalformedRecord(f"no time stamp: {record[:40]!r}")
        serial = int(stamp[3])
        event = self._open.get(serial)
        if event is None:
            if kind == END:
                return None
            self._count(serial)
            at = int(stamp[1]) * 1_000_000 + int(stamp[2].ljust(6, b"0")[:6])
            event = AuditEvent(at, serial, {})
            if kind != SYSCALL and kind not in _KEPT:
                # A message of its own, not part of a system call: complete as it is.
                event.records[kind] = [record[stamp.end() :]]
                return event
            self._keep_open(event)
        if kind == END:
            return self._open.pop(serial)
        if kind in _KEPT:
            event.records.setdefault(kind, []).append(record[stamp.end() :].rstrip(b"\0\n"))
        return None

    def _count(self, serial: int) -> None:
        if serial == self._last:
            return  # one serial number may stand for a message and for the call that caused it
        self._last = serial
        self._first = self._first or serial
        self._highest = max(self._highest, serial)
        self._serials += 1

    def _keep_open(self, event: AuditEvent) -> None:
        if len(self._open) >= _MOST_OPEN:
            self._open.pop(next(iter(self._open)))
            self.abandoned += 1
        self._open[event.serial] = event
