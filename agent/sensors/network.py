"""How the computer is connected: interfaces, addresses, routes, neighbours."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.rtnetlink import (
    GET_ADDRESS,
    GET_LINK,
    GET_NEIGHBOUR,
    GET_ROUTE,
    attributes_of,
    dump,
)
from agent.sensors.values import boolean_text, text_of

# linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/neighbour.h: structures and attributes.
_LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS: Final = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ROUTE: Final = struct.Struct("=BBBBBBBBI")  # family, to, from, tos, table, protocol, scope, type
_NEIGHBOUR: Final = struct.Struct("=B3xiHBB")  # family, index, state, flags, type
_NEXT_HOP: Final = struct.Struct("=HBBi")  # length, flags, hops, index

_LINK_ADDRESS, _LINK_NAME, _LINK_MTU, _LINK_STATE, _LINK_INFO, _LINK_PROMISCUITY = (
    1,
    3,
    4,
    16,
    18,
    30,
)
_INFO_KIND: Final = 1
_ADDRESS_ADDRESS, _ADDRESS_LOCAL = 1, 2
_ROUTE_TO, _ROUTE_OUT, _ROUTE_GATEWAY, _ROUTE_PRIORITY, _ROUTE_SOURCE = 1, 4, 5, 6, 7
_ROUTE_MULTIPATH, _ROUTE_TABLE, _ROUTE_VIA = 9, 15, 18
_NEIGHBOUR_ADDRESS, _NEIGHBOUR_LINK_ADDRESS = 1, 2

_FLAG_UP: Final = 1
_HARDWARE: Final = {1: "ethernet", 772: "loopback", 512: "ppp", 768: "ipip", 776: "sit", 778: "gre"}
_LINK_STATES: Final = (
    "unknown", "not present", "down", "lower layer down", "testing", "dormant", "up",
)  # fmt: skip
_ROUTE_TYPES: Final = {
    1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
    7: "unreachable", 8: "prohibit", 9: "throw", 10: "nat",
}  # fmt: skip
_ROUTE_PROTOCOLS: Final = {
    1: "redirect", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 11: "zebra", 12: "bird",
    16: "dhcp", 186: "bgp", 188: "ospf",
}  # fmt: skip
_TABLES: Final = {253: "default", 254: "main", 255: "local"}
_LOCAL_TABLE: Final = 255
_NEIGHBOUR_STATES: Final = {
    0x01: "incomplete", 0x02: "reachable", 0x04: "stale", 0x08: "delay", 0x10: "probe",
    0x20: "failed", 0x40: "noarp", 0x80: "permanent",
}  # fmt: skip
_NO_ARP: Final = 0x40


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One network interface."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    state: str
    is_up: bool
    promiscuity: int


def links() -> dict[int, Link]:
    """Return the interfaces of the agent's network namespace by their index."""
    found = {}
    for record in dump(GET_LINK, _LINK.size):
        _family, hardware, index, flags, _change = _LINK.unpack(record.fixed)
        given = record.attributes
        info = attributes_of(given.get(_LINK_INFO, b""))
        kind = text_of(info.get(_INFO_KIND, b"").rstrip(b"\0"))
        state = given.get(_LINK_STATE, b"\0")[0]
        found[index] = Link(
            index=index,
            name=text_of(given.get(_LINK_NAME, b"").rstrip(b"\0")),
            kind=kind or _HARDWARE.get(hardware, str(hardware)),
            mac=given.get(_LINK_ADDRESS, b"").hex(":"),
            mtu=_number(given.get(_LINK_MTU)),
            state=_LINK_STATES[state] if state < len(_LINK_STATES) else str(state),
            is_up=bool(flags & _FLAG_UP),
            promiscuity=_number(given.get(_LINK_PROMISCUITY)),
        )
    return found


def interfaces(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each address of each interface; one row without an address where there is none."""
    addresses: dict[int, list[tuple[str, str]]] = {}
    for record in dump(GET_ADDRESS, _ADDRESS.size):
        _family, prefix, _flags, _scope, index = _ADDRESS.unpack(record.fixed)
        given = record.attributes
        # Of a point-to-point link the one is ours, the other the peer's.
        address = _address(given.get(_ADDRESS_LOCAL) or given.get(_ADDRESS_ADDRESS))
        addresses.setdefault(index, []).append((address, str(prefix)))
    for link in links().values():
        for address, prefix in addresses.get(link.index) or [("", "")]:
            yield (
                link.name,
                address,
                prefix,
                link.mac,
                link.kind,
                boolean_text(link.is_up),
                link.state,
                str(link.mtu),
            )


def mac_addresses(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each hardware address once."""
    for mac in sorted({link.mac for link in links().values()}):
        if mac.strip("0:"):
            yield (mac,)


def promiscuous(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the interfaces that take in what is not for them."""
    for link in links().values():
        if link.promiscuity:
            yield link.name, link.kind, link.mac, str(link.promiscuity)


def routes(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the routes of all tables but the kernel's own table of local addresses."""
    names = {link.index: link.name for link in links().values()}
    for record in dump(GET_ROUTE, _ROUTE.size):
        family, length, _from, _tos, small, protocol, _scope, kind, _flags = _ROUTE.unpack(
            record.fixed
        )
        given = record.attributes
        table = _number(given.get(_ROUTE_TABLE)) or small
        if table == _LOCAL_TABLE or family not in (socket.AF_INET, socket.AF_INET6):
            continue
        for gateway, interface in _next_hops(given):
            yield (
                _destination(family, given.get(_ROUTE_TO), length),
                gateway,
                names.get(interface, str(interface) if interface else ""),
                str(_number(given.get(_ROUTE_PRIORITY))),
                _address(given.get(_ROUTE_SOURCE)),
                _ROUTE_TYPES.get(kind, str(kind)),
                _ROUTE_PROTOCOLS.get(protocol, str(protocol)),
                _TABLES.get(table, str(table)),
            )


def _next_hops(given: Mapping[int, bytes]) -> Iterator[tuple[str, int]]:
    """Yield gateway and interface, several for a route of several paths."""
    several = given.get(_ROUTE_MULTIPATH)
    if several is None:
        yield _gateway(given), _number(given.get(_ROUTE_OUT))
        return
    at = 0
    while at + _NEXT_HOP.size <= len(several):
        length, _flags, _hops, interface = _NEXT_HOP.unpack_from(several, at)
        if length < _NEXT_HOP.size:
            return
        yield _gateway(attributes_of(several[at + _NEXT_HOP.size : at + length])), interface
        at += length + 3 & ~3


def _gateway(given: Mapping[int, bytes]) -> str:
    # `via` is a gateway of the other family, behind its family's number.
    return _address(given.get(_ROUTE_GATEWAY) or given.get(_ROUTE_VIA, b"")[2:])


def _destination(family: int, to: bytes | None, length: int) -> str:
    any_address = bytes(4 if family == socket.AF_INET else 16)
    return f"{_address(to or any_address)}/{length}"


def neighbours(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the neighbours whose hardware address the kernel knows, or looks for."""
    names = {link.index: link.name for link in links().values()}
    for record in dump(GET_NEIGHBOUR, _NEIGHBOUR.size):
        family, index, state, _flags, _kind = _NEIGHBOUR.unpack(record.fixed)
        # Multicast and loopback need no look-up: the kernel keeps them to itself.
        if family not in (socket.AF_INET, socket.AF_INET6) or state in (0, _NO_ARP):
            continue
        yield (
            _address(record.attributes.get(_NEIGHBOUR_ADDRESS)),
            record.attributes.get(_NEIGHBOUR_LINK_ADDRESS, b"").hex(":"),
            names.get(index, str(index)),
            _NEIGHBOUR_STATES.get(state, f"{state:#x}"),
        )


def _address(raw: bytes | None) -> str:
    if raw is None or len(raw) not in (4, 16):
        return ""
    return str(ipaddress.ip_address(raw))


def _number(raw: bytes | None) -> int:
    return int.from_bytes(raw, sys.byteorder) if raw is not None else 0


SENSORS: Final[dict[str, SensorFunction]] = {
    "network.interfaces": interfaces,
    "network.mac_address": mac_addresses,
    "network.promiscuous": promiscuous,
    "network.routes": routes,
    "network.neighbours": neighbours,
}
