"""Login messages beside another source, read along with the audit daemon that runs.

Adds no rule and changes no setting. A filter in the kernel lets only messages of user programs
through, so that a daemon with many rules costs the recorder nothing.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Final

from agent.recorder.auditnetlink import AuditControl, AuditStream
from agent.recorder.auditrecords import Assembler
from agent.recorder.clock import BootClock, measure_boot
from agent.recorder.exceptions import MalformedRecord, SourceUnavailable
from agent.recorder.logins import LOGIN_TYPES, read_login
from agent.recorder.processes import ProcessTable
from agent.recorder.source import Deliver, SourceCapabilities

# linux/filter.h: load byte 5 of the message (the high byte of its type, little-endian); pass types
# 1024 to 1279, drop the rest.
_FILTER: Final = (
    struct.pack("=HBBI", 0x30, 0, 0, 5)
    + struct.pack("=HBBI", 0x15, 0, 1, 4)
    + struct.pack("=HBBI", 0x06, 0, 0, 0xFFFF)
    + struct.pack("=HBBI", 0x06, 0, 0, 0)
)


class LoginSource:
    """The login messages of PAM, as an event source."""

    def __init__(self, processes: ProcessTable, clock: BootClock) -> None:
        self._processes = processes
        self._clock = clock
        self._stream: AuditStream | None = None
        self._malformed = 0

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen."""
        return SourceCapabilities(
            name="audit-logins",
            kinds=("security",),
            blind_to=("logins of programs that do not use PAM",),
        )

    def start(self) -> None:
        """Join. Raises `SourceUnavailable` where no audit daemon runs."""
        control = AuditControl()
        try:
            if not control.status().pid:
                raise SourceUnavailable("no audit daemon runs, so logins are not reported")
        finally:
            control.close()
        code = ctypes.create_string_buffer(_FILTER, len(_FILTER))
        program = struct.pack("@HP", len(_FILTER) // 8, ctypes.addressof(code))
        stream = AuditStream()
        try:
            stream.attach_filter(program)
            stream.join()
        except OSError as error:
            stream.close()
            raise SourceUnavailable(f"audit: {error.strerror}") from error
        self._stream = stream

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket of the messages."""
        return (self._stream.fileno(),) if self._stream else ()

    def drain(self, deliver: Deliver) -> None:
        """Hand over the messages that wait."""
        # Audit speaks of the wall clock; the recorder's clock stays where it was at boot.
        correction = self._clock.booted_at - measure_boot()
        while self._stream and (record := self._stream.receive()):
            kind, text = record
            if kind not in LOGIN_TYPES:
                continue
            try:
                # An assembler of its own for each: serial numbers have gaps behind the filter.
                event = Assembler().add(kind, text)
                if event is not None:
                    at = event.at + correction
                    deliver(read_login(kind, event.records[kind][0], at, self._processes))
            except (MalformedRecord, ValueError):
                self._malformed += 1

    def lost(self) -> dict[str, int]:
        """Count messages that could not be read, and overruns of the socket."""
        overruns = self._stream.overruns if self._stream else 0
        return {"security": self._malformed + overruns}

    def stop(self) -> None:
        """Close the socket."""
        if self._stream:
            self._stream.close()
            self._stream = None
