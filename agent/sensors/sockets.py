"""Who listens, who is connected, and who watches the wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.processlist import Processes, RunningProcess
from agent.sensors.sockettable import (
    ESTABLISHED,
    HOST,
    LISTENING,
    STATES,
    UNCONNECTED,
    SocketEntry,
    SocketTables,
)

_PACKET_FIELDS: Final = 9
# linux/if_ether.h: what a packet socket wants to see.
_ETHER_TYPES: Final = {0x0003: "all", 0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", 0x88CC: "LLDP"}


class _Sockets:
    """The sockets beside the processes that hold them; each process is read once."""

    def __init__(self, context: SensorContext) -> None:
        self.processes = Processes(context)
        self.tables = SocketTables(self.processes, context.root / "proc")
        self._read: dict[int, RunningProcess | None] = {}

    def holders(self, inode: int) -> list[RunningProcess | None]:
        """Return the holders of a socket; one None where nobody holds it."""
        for pid in self.tables.holders(inode):
            if pid not in self._read:
                self._read[pid] = self.processes.read(pid)
        return [self._read[pid] for pid in self.tables.holders(inode)] or [None]

    def described(self, holder: RunningProcess | None, user_id: int) -> Row:
        """Describe who holds a socket: name, id, path, user."""
        if holder is None:
            return "", "", "", self.processes.user_name(user_id)
        return holder.name, str(holder.pid), holder.path, self.processes.user(holder)


def _is_listening(entry: SocketEntry) -> bool:
    """Tell whether a socket takes what anybody sends: for other protocols than TCP unconnected."""
    wanted = LISTENING if entry.protocol.startswith("tcp") else UNCONNECTED
    return entry.state == wanted


def listening(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each port that is open to others, once for each process that holds it."""
    sockets = _Sockets(context)
    for entry in sockets.tables:
        if not _is_listening(entry):
            continue
        for holder in sockets.holders(entry.inode):
            yield (
                entry.protocol,
                entry.local_address,
                str(entry.local_port),
                *sockets.described(holder, entry.user_id),
                entry.namespace,
            )


def connections(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each connection, once for each process that holds it."""
    sockets = _Sockets(context)
    for entry in sockets.tables:
        if _is_listening(entry):
            continue
        if not entry.protocol.startswith("tcp") and entry.state != ESTABLISHED:
            continue
        state = STATES[entry.state] if entry.state < len(STATES) else str(entry.state)
        for holder in sockets.holders(entry.inode):
            yield (
                entry.protocol,
                state,
                entry.local_address,
                str(entry.local_port),
                entry.remote_address,
                str(entry.remote_port),
                *sockets.described(holder, entry.user_id),
                entry.namespace,
            )


def packet_sockets(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each process that reads packets beneath the protocols, as sniffers do."""
    sockets = _Sockets(context)
    own_names = dict(socket.if_nameindex())
    for raw, namespace in sockets.tables.tables("packet"):
        # Other namespaces number their interfaces themselves.
        names = own_names if namespace == HOST else {}
        for line in raw.splitlines()[1:]:
            fields = line.split()
            if len(fields) < _PACKET_FIELDS:
                continue
            ether_type, interface = int(fields[3], 16), int(fields[4])
            for holder in sockets.holders(int(fields[8])):
                yield (
                    names.get(interface, str(interface)) if interface else "any",
                    _ETHER_TYPES.get(ether_type, f"{ether_type:#06x}"),
                    *sockets.described(holder, int(fields[7])),
                    namespace,
                )


SENSORS: Final[dict[str, SensorFunction]] = {
    "network.listening": listening,
    "network.connections": connections,
    "network.packet_sockets": packet_sockets,
}
