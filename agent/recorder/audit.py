"""Programs started and connections made, from the kernel's audit system.

The fallback where eBPF is not possible. Costs the watched programs far more, and the records of
our rules also reach whoever else reads the audit log. While another daemon owns the audit system
the records are read along with it. Our rules carry our key: they are removed at the end, and those
of a killed predecessor at the start.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from typing import Final

import msgspec

from agent.recorder.auditnetlink import (
    CONNECT_KEY,
    EXEC_KEY,
    STATUS_BACKLOG_LIMIT,
    STATUS_ENABLED,
    STATUS_PID,
    STATUS_WAIT_TIME,
    AuditControl,
    AuditStatus,
    AuditStream,
    pack_memory,
    recall_memory,
    recorder_rules,
)
from agent.recorder.auditrecords import (
    CWD,
    EXECVE,
    SOCKADDR,
    SYSCALL,
    Assembler,
    AuditEvent,
    decode_value,
    read_address,
    read_arguments,
    read_fields,
)
from agent.recorder.clock import BootClock, measure_boot
from agent.recorder.exceptions import MalformedRecord, SourceUnavailable
from agent.recorder.executables import FileIdentity
from agent.recorder.kernelrecords import address_text
from agent.recorder.logins import LOGIN_TYPES, read_login
from agent.recorder.processes import ProcessTable
from agent.recorder.procfs import list_pids, signed_user
from agent.recorder.source import Deliver, SourceCapabilities
from protocol.events import (
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    process_key,
    text_from_os,
)

_BACKLOG: Final = 8192
_LOCKED: Final = 2
_SWEEP_SECONDS: Final = 2.0
_MEMORY_PREFIX: Final = "/memfd:"
_REFUSED: Final = -111  # ECONNREFUSED
_IN_PROGRESS: Final = -115  # EINPROGRESS
_MICROSECONDS_TO_NS: Final = 1000


class AuditSource:
    """The audit system, owned by the recorder: there is no other audit daemon."""

    _name = "audit"

    def __init__(self, processes: ProcessTable, clock: BootClock) -> None:
        self._processes = processes
        self._clock = clock
        self._control: AuditControl | None = None
        self._stream: AuditStream | None = None
        self._assembler = Assembler()
        self._before = AuditStatus()
        self._malformed: Counter[str] = Counter()
        self._swept_at = 0.0
        self.programs: list[tuple[Process, FileIdentity | None]] = []
        self.mount_namespaces: dict[int, list[int]] = {}

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen."""
        return SourceCapabilities(
            name=self._name,
            kinds=("process", "exit", "network", "security"),
            blind_to=(
                "connections that are accepted or closed, and DNS",
                "how a process ended, and when to less than two seconds",
                "what io_uring does",
                "of which kind the records were that the kernel dropped (counted as processes)",
            ),
        )

    def start(self) -> None:
        """Own the audit system and add the rules. Raises `SourceUnavailable` with the reason."""
        self._control = AuditControl()
        try:
            self._before = _unlocked_status(self._control)
            # A killed predecessor could not put the audit system back as it had found it.
            self._before = recall_memory(self._control.delete_own_rules(), self._before)
            self._stream = AuditStream()
            self._connect(self._stream)
            self._control.add_rule(pack_memory(self._before))
            self._configure(self._control)
            for rule in recorder_rules():
                self._control.add_rule(rule)
        except OSError as error:
            self.stop()
            raise SourceUnavailable(f"audit: {error.strerror}") from error
        except SourceUnavailable:
            self.stop()
            raise
        self._swept_at = time.monotonic()

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket of the records."""
        return (self._stream.fileno(),) if self._stream else ()

    def drain(self, deliver: Deliver) -> None:
        """Hand over the events whose records are complete."""
        self.programs.clear()
        # Audit speaks of the wall clock; the recorder's clock stays where it was at boot.
        correction = self._clock.booted_at - measure_boot()
        while self._stream and (record := self._stream.receive()):
            kind, text = record
            event = None
            try:
                event = self._assembler.add(kind, text) if kind >= min(LOGIN_TYPES) else None
                if event is not None:
                    self._tell(event, event.at + correction, deliver)
            except (MalformedRecord, KeyError, ValueError):
                # A record that cannot be read is one that was lost, and is counted as such.
                self._malformed[_kind_of(event)] += 1
        self._sweep(deliver)

    def lost(self) -> dict[str, int]:
        """Count what the kernel dropped, serial numbers that never came, and unreadable records.

        What never came does not say what it was: it counts as processes, most of what is watched.
        """
        kernel = self._control.status().lost - self._before.lost if self._control else 0
        lost = Counter({"process": kernel + self._assembler.missing()})
        return dict(lost + self._malformed)

    def stop(self) -> None:
        """Remove the rules, give the audit system back as it was found, close the sockets."""
        if self._control:
            with contextlib.suppress(OSError):
                self._control.delete_own_rules()
            with contextlib.suppress(OSError):
                self._restore(self._control)
            self._control.close()
            self._control = None
        if self._stream:
            self._stream.close()
            self._stream = None

    def _connect(self, stream: AuditStream) -> None:
        if self._before.pid:
            raise SourceUnavailable(f"process {self._before.pid} owns the audit system")
        stream.own()

    def _configure(self, control: AuditControl) -> None:
        # Never let a stalled recorder stall the computer: what does not fit is dropped, counted.
        control.set_status(
            msgspec.structs.replace(
                self._before,
                mask=STATUS_ENABLED | STATUS_BACKLOG_LIMIT | STATUS_WAIT_TIME,
                enabled=1,
                backlog_limit=max(_BACKLOG, self._before.backlog_limit),
                wait_time=0,
            )
        )

    def _restore(self, control: AuditControl) -> None:
        control.set_status(
            msgspec.structs.replace(
                self._before, mask=STATUS_ENABLED | STATUS_BACKLOG_LIMIT | STATUS_WAIT_TIME
            )
        )
        control.set_status(AuditStatus(mask=STATUS_PID, pid=0))

    def _tell(self, event: AuditEvent, at: int, deliver: Deliver) -> None:
        calls = event.records.get(SYSCALL)
        if calls is None:
            for kind, texts in event.records.items():
                if kind in LOGIN_TYPES:
                    deliver(read_login(kind, texts[0], at, self._processes))
            return
        call = read_fields(calls[0])
        key = call.get(b"key", b"")
        if _has_key(key, EXEC_KEY) and EXECVE in event.records:
            self._tell_program(event, call, at, deliver)
        elif _has_key(key, CONNECT_KEY) and SOCKADDR in event.records:
            self._tell_connection(event, call, at, deliver)

    def _tell_program(
        self, event: AuditEvent, call: dict[bytes, bytes], at: int, deliver: Deliver
    ) -> None:
        pid = int(call[b"pid"])
        arguments, length = read_arguments(event.records[EXECVE])
        path = text_from_os(decode_value(call[b"exe"])).removesuffix(" (deleted)")
        memory_only = path.startswith(_MEMORY_PREFIX)
        cwd = read_fields(event.records[CWD][0])[b"cwd"] if CWD in event.records else b'""'
        table = self._processes
        started_at, ancestors = table.place(pid, parent_pid=int(call[b"ppid"]), at=at)
        user_id = int(call[b"uid"])
        process = Process(
            key=process_key(pid, started_at),
            pid=pid,
            started_at=started_at,
            path=path[1:] if memory_only else path,
            arguments=arguments,
            arguments_length=length,
            cwd=text_from_os(decode_value(cwd)),
            user=table.account(user_id),
            user_id=user_id,
            group_id=int(call[b"gid"]),
            login_user_id=signed_user(int(call[b"auid"])),
            logon_id=signed_user(int(call[b"ses"])),
            ancestors=ancestors,
            memory_only=memory_only,
        )
        since_boot = (started_at - self._clock.booted_at) * _MICROSECONDS_TO_NS
        table.started(process, started_ns=since_boot)
        self.programs.append((process, None))
        deliver(ProcessStarted(at=started_at, process=process))

    def _tell_connection(
        self, event: AuditEvent, call: dict[bytes, bytes], at: int, deliver: Deliver
    ) -> None:
        result = int(call[b"exit"])
        try:
            family, raw, port = read_address(read_fields(event.records[SOCKADDR][0])[b"saddr"])
        except MalformedRecord:
            return  # a local socket: not a network connection
        if result < 0 and result not in (_REFUSED, _IN_PROGRESS):
            return
        deliver(
            NetworkEvent(
                at=at,
                process=self._processes.look_up(int(call[b"pid"])),
                operation="refuse" if result == _REFUSED else "connect",
                protocol="tcp",
                local_address="",
                local_port=-1,
                address=address_text(socket.AF_INET if family == socket.AF_INET else family, raw),
                port=port,
            )
        )

    def _sweep(self, deliver: Deliver) -> None:
        """Find the processes that ended: a rule for it would cost every process."""
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        present = set(list_pids())
        now = self._clock.now()
        for pid in self._processes.running_pids():
            if pid not in present:
                process = self._processes.exited(pid, at=now)
                if process is not None:
                    deliver(ProcessExited(at=now, process=process, exit_code=-1))


class AuditMulticastSource(AuditSource):
    """The audit system, read along with the daemon that owns it.

    That daemon also logs what our rules record, and its administrator may change the settings.
    """

    _name = "audit-multicast"

    def _connect(self, stream: AuditStream) -> None:
        if not self._before.pid:
            # Without a daemon the kernel would print every record into its log.
            raise SourceUnavailable("no other daemon owns the audit system")
        stream.join()

    def _configure(self, control: AuditControl) -> None:
        """Leave the settings to their owner."""

    def _restore(self, control: AuditControl) -> None:
        """Nothing was changed."""


def _unlocked_status(control: AuditControl) -> AuditStatus:
    status = control.status()
    if status.enabled == _LOCKED:
        raise SourceUnavailable("the audit rules are locked until the next boot (-e 2)")
    return status


def _kind_of(event: AuditEvent | None) -> str:
    """Name the kind of event that these records were to become."""
    if event is None or EXECVE in event.records:
        return "process"
    return "network" if SOCKADDR in event.records else "security"


def _has_key(field: bytes, key: bytes) -> bool:
    """Tell whether a rule's key is among those of a record; several come in hexadecimal."""
    return key in field or (not field.startswith(b'"') and key in decode_value(field or b'""'))
