"""Exec, fork, exit, TCP connections and DNS questions, from programs inside the kernel.

The best source there is: complete, below every trick with system calls, and nearly free for the
processes that are watched. Needs root, a kernel with BTF, and Linux 5.17 (tried on 6.18).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from agent.recorder import kernelrecords as records
from agent.recorder.clock import BootClock
from agent.recorder.containers import Containers
from agent.recorder.dnsmessage import read_question
from agent.recorder.exceptions import MalformedRecord, ProgramRefused, SourceUnavailable
from agent.recorder.executables import FileIdentity
from agent.recorder.lightskeleton import LightSkeleton
from agent.recorder.listeners import Listeners
from agent.recorder.mounts import MountTable
from agent.recorder.processes import ProcessTable
from agent.recorder.procfs import read_process, signed_user, split_arguments
from agent.recorder.ringbuffer import RingBuffer
from agent.recorder.source import Deliver, SourceCapabilities
from protocol.events import (
    DnsEvent,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    process_key,
)

_TRACEPOINTS: Final = ("on_exec", "on_fork", "on_exit", "on_state")
_INITIAL_PID_NAMESPACE: Final = 0xEFFFFFFC  # linux/proc_ns.h
_TYPE_INFORMATION: Final = Path("/sys/kernel/btf/vmlinux")


class EbpfSource:
    """The eBPF event source. Not to be used from two threads."""

    def __init__(self, processes: ProcessTable, clock: BootClock) -> None:
        self._processes = processes
        self._clock = clock
        self._texts = records.TextCache()
        self._containers = Containers()
        self._listeners = Listeners()
        self._skeleton: LightSkeleton | None = None
        self._ring: RingBuffer | None = None
        self._blind_to: list[str] = []
        self._deliver: Deliver = list[object]().append
        self._handlers = {
            records.RECORD_EXEC: self._on_exec,
            records.RECORD_FORK: self._on_fork,
            records.RECORD_EXIT: self._on_exit,
            records.RECORD_NETWORK: self._on_network,
            records.RECORD_DNS: self._on_dns,
        }
        # What the last `drain` started: for whoever looks up hashes and mount namespaces.
        self.programs: list[tuple[Process, FileIdentity]] = []
        self.mount_namespaces: dict[int, list[int]] = {}

    def capabilities(self) -> SourceCapabilities:
        """Tell what is seen, and which program could not be attached."""
        return SourceCapabilities(
            name="ebpf",
            kinds=("process", "exit", "network", "dns"),
            blind_to=(
                "UDP other than DNS questions",
                "DNS over TCP, TLS or HTTPS, and DNS answers",
                *self._blind_to,
            ),
        )

    def start(self) -> None:
        """Load and attach the programs. Raises `SourceUnavailable` with the reason."""
        if os.geteuid() != 0:
            raise SourceUnavailable("eBPF needs root (CAP_BPF, CAP_PERFMON)")
        if not _TYPE_INFORMATION.exists():
            raise SourceUnavailable("the kernel has no type information (CONFIG_DEBUG_INFO_BTF)")
        if Path("/proc/self/ns/pid").stat().st_ino != _INITIAL_PID_NAMESPACE:
            raise SourceUnavailable("the agent runs in a pid namespace: pids would not match")
        skeleton = LightSkeleton.load()
        try:
            for program in _TRACEPOINTS:
                skeleton.attach_tracepoint(program)
            self._ring = RingBuffer(skeleton.maps["ring"], records.RING_BYTES)
        except BaseException:
            skeleton.close()
            raise
        self._skeleton = skeleton
        self._attach_dns(skeleton)
        self._listeners.seed()

    def descriptors(self) -> tuple[int, ...]:
        """Return the ring buffer's descriptor."""
        return (self._ring.descriptor,) if self._ring else ()

    def drain(self, deliver: Deliver) -> None:
        """Hand over what waits in the ring and bring the process table up to date."""
        self.programs.clear()
        self.mount_namespaces.clear()
        self._deliver = deliver
        if self._ring:
            self._ring.drain(self._handle)

    def waiting_bytes(self) -> int:
        """Return how many bytes of the ring wait to be read."""
        return self._ring.waiting_bytes() if self._ring else 0

    def lost(self) -> dict[str, int]:
        """Count the records that found the ring full."""
        lost: dict[str, int] = {}
        if self._skeleton:
            for record, kind in records.KIND_OF_RECORD.items():
                lost[kind] = lost.get(kind, 0) + self._skeleton.read_counter("drops", record)
        return lost

    def stop(self) -> None:
        """Detach and unload the programs."""
        if self._ring:
            self._ring.close()
            self._ring = None
        if self._skeleton:
            self._skeleton.close()
            self._skeleton = None

    def _attach_dns(self, skeleton: LightSkeleton) -> None:
        """DNS is the one part that a kernel without cgroup version 2 lacks: go on without it."""
        table = MountTable()
        try:
            roots = [mount.path for mount in table.read() if mount.file_system == "cgroup2"]
        finally:
            table.close()
        if not roots:
            self._blind_to.append("DNS: no cgroup file system of version 2 is mounted")
            return
        try:
            skeleton.attach_cgroup_egress("on_dns", Path(os.fsdecode(roots[0])))
        except ProgramRefused as error:
            self._blind_to.append(f"DNS: {error}")

    def _handle(self, view: memoryview, at: int) -> None:
        header = records.HEADER.unpack_from(view, at)
        self._handlers[header[0]](view, at + records.HEADER.size, header)

    def _on_exec(self, view: memoryview, at: int, header: tuple[int, ...]) -> None:
        _, _, stamp, pid, user_id, process_started = header
        (
            parent_pid,
            group_id,
            login_user_id,
            session_id,
            _,
            mount_namespace,
            _,
            device,
            cgroup_id,
            inode,
            size,
            modified_s,
            modified_ns,
            flags,
            path_length,
            cwd_length,
            kept,
            total,
        ) = records.EXEC.unpack_from(view, at)
        path_at = at + records.EXEC.size
        cwd_at = path_at + path_length
        arguments_at = cwd_at + cwd_length
        arguments = split_arguments(bytes(view[arguments_at : arguments_at + kept]))
        if total and not kept:
            # The page was not in memory while the program of the kernel ran: rare.
            snapshot = read_process(pid)
            arguments = snapshot.arguments if snapshot else ()
        table = self._processes
        started_at, ancestors = table.place(
            pid, parent_pid=parent_pid, at=self._clock.instant(stamp)
        )
        process = Process(
            key=process_key(pid, started_at),
            pid=pid,
            started_at=started_at,
            path=self._texts.path(
                bytes(view[path_at:cwd_at]),
                flags & (records.EXEC_PATH_CUT | records.EXEC_MEMORY_ONLY),
            ),
            arguments=arguments,
            arguments_length=max(total - 1, 0),
            cwd=self._texts.path(bytes(view[cwd_at:arguments_at]), flags & records.EXEC_CWD_CUT),
            user=table.account(user_id),
            user_id=user_id,
            group_id=group_id,
            login_user_id=signed_user(login_user_id),
            logon_id=signed_user(session_id),
            container=self._containers.name(cgroup_id, mount_namespace, pid),
            ancestors=ancestors,
            memory_only=bool(flags & records.EXEC_MEMORY_ONLY),
        )
        table.started(process, started_ns=process_started)
        identity = FileIdentity(device, inode, modified_s * 1_000_000_000 + modified_ns, size)
        self.programs.append((process, identity))
        self.mount_namespaces.setdefault(mount_namespace, []).append(pid)
        self._deliver(ProcessStarted(at=started_at, process=process))

    def _on_fork(self, view: memoryview, at: int, header: tuple[int, ...]) -> None:
        (parent_pid, _) = records.FORK.unpack_from(view, at)
        self._processes.forked(
            header[3],
            parent_pid=parent_pid,
            at=self._clock.instant(header[2]),
            started_ns=header[5],
        )

    def _on_exit(self, view: memoryview, at: int, header: tuple[int, ...]) -> None:
        (code, _) = records.EXIT.unpack_from(view, at)
        instant = self._clock.instant(header[2])
        process = self._processes.exited(header[3], at=instant)
        # A process that never called exec was not told as started, so its end is not told either.
        if process is not None:
            self._deliver(
                ProcessExited(
                    at=instant, process=process, exit_code=code >> 8 & 0xFF, killed_by=code & 0x7F
                )
            )

    def _on_network(self, view: memoryview, at: int, header: tuple[int, ...]) -> None:
        family, local_port, port, operation, local, remote, namespace, _ = (
            records.NETWORK.unpack_from(view, at)
        )
        pid = header[3]
        if operation == records.NETWORK_LISTEN_END:
            return  # not an event; the table of listeners replaces its entry when needed
        if operation == records.NETWORK_LISTEN:
            self._listeners.add(namespace, local_port, pid)
        elif not pid:
            pid = self._listeners.owner(namespace, local_port)
        self._deliver(
            NetworkEvent(
                at=self._clock.instant(header[2]),
                process=self._processes.find(pid) if pid else None,
                operation=records.OPERATIONS[operation],
                protocol="tcp",
                local_address=self._texts.address(family, local),
                local_port=local_port,
                address=self._texts.address(family, remote),
                port=port,
            )
        )

    def _on_dns(self, view: memoryview, at: int, header: tuple[int, ...]) -> None:
        family, length, _, server = records.DNS.unpack_from(view, at)
        message_at = at + records.DNS.size
        try:
            query, record_type = read_question(bytes(view[message_at : message_at + length]))
        except MalformedRecord:
            # Something that is no question goes to port 53: worth an event all the more.
            query, record_type = "", ""
        self._deliver(
            DnsEvent(
                at=self._clock.instant(header[2]),
                process=self._processes.find(header[3]),
                query=query,
                record_type=record_type,
                server=self._texts.address(family, server),
            )
        )
