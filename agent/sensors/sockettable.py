"""The kernel's tables of sockets and who holds them, in every network namespace with a process.

Format: Documentation/networking/proc_net_tcp.rst. A table is read through a process that lives in
its namespace, so containers' sockets are seen without entering them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.processlist import Processes
from agent.sensors.reading import link_at, links_in, read_start

PROTOCOLS: Final = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
ESTABLISHED, LISTENING, UNCONNECTED = 1, 10, 7
STATES: Final = (
    "", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait",
    "closed", "close-wait", "last-ack", "listening", "closing", "new-syn-received",
)  # fmt: skip
HOST: Final = "host"
_TABLE_BYTES: Final = 64 * 1024 * 1024
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
_FIELDS: Final = 10


class SocketEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One socket of a table. `inode` is 0 where no process holds it any more."""

    protocol: str
    local_address: str
    local_port: int
    remote_address: str
    remote_port: int
    state: int
    user_id: int
    inode: int
    namespace: str


def parse_table(raw: bytes, protocol: str, namespace: str) -> Iterator[SocketEntry]:
    """Read a table of /proc/net."""
    for line in raw.splitlines()[1:]:
        fields = line.split()
        if len(fields) < _FIELDS:
            continue
        local_address, local_port = _end(fields[1])
        remote_address, remote_port = _end(fields[2])
        yield SocketEntry(
            protocol=protocol,
            local_address=local_address,
            local_port=local_port,
            remote_address=remote_address,
            remote_port=remote_port,
            state=int(fields[3], 16),
            user_id=int(fields[7]),
            inode=int(fields[9]),
            namespace=namespace,
        )


def _end(text: bytes) -> tuple[str, int]:
    """Read `0100007F:1F90`: words of 32 bits in the processor's order, and a port."""
    address, _, port = text.partition(b":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    if len(words) == 1:
        return str(ipaddress.IPv4Address(raw)), int(port, 16)
    number = ipaddress.IPv6Address(raw)
    # IPv4 through an IPv6 socket: analysts look for the address that they know.
    return str(number.ipv4_mapped or number), int(port, 16)


class SocketTables:
    """All sockets, and the ids of the processes that hold each."""

    def __init__(self, processes: Processes, proc: Path) -> None:
        self._proc = proc
        self._namespaces: dict[str, int] = {}
        self._holders: dict[int, list[int]] = {}
        for pid in processes.ids():
            folder = proc / str(pid)
            namespace = link_at(folder / "ns/net")
            if namespace:
                self._namespaces.setdefault(namespace, pid)
            with contextlib.suppress(OSError):
                # Ended, or closed to the agent: its sockets are shown without a process.
                self._take_in(links_in(folder / "fd"), pid)

    def holders(self, inode: int) -> list[int]:
        """Return the processes that have this socket open, in the order of their ids."""
        return self._holders.get(inode, [])

    def __iter__(self) -> Iterator[SocketEntry]:
        """Yield the sockets of all protocols and namespaces."""
        for protocol in PROTOCOLS:
            for raw, namespace in self.tables(protocol):
                yield from parse_table(raw, protocol, namespace)

    def tables(self, name: str) -> Iterator[tuple[bytes, str]]:
        """Yield a file of /proc/net with its namespace: `host`, or the kernel's name of it."""
        host = link_at(self._proc / "1/ns/net") or link_at(self._proc / "self/ns/net")
        for namespace, pid in self._namespaces.items():
            try:
                raw = read_start(self._proc / str(pid) / "net" / name, _TABLE_BYTES)
            except OSError:
                # No such protocol in this kernel, or the process has just ended.
                continue
            yield raw, HOST if namespace == host else namespace

    def _take_in(self, links: Iterable[tuple[str, str]], pid: int) -> None:
        for _number, target in links:
            found = _SOCKET.fullmatch(target)
            if found:
                holders = self._holders.setdefault(int(found[1]), [])
                if pid not in holders:
                    holders.append(pid)
