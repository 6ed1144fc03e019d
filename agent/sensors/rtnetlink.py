"""Ask the kernel for its network configuration: one dump, without the `ip` program.

Format: rtnetlink(7), linux/netlink.h, linux/rtnetlink.h. Sees the network namespace of the agent.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from agent.sensors.exceptions import SensorFailed

GET_LINK, GET_ADDRESS, GET_ROUTE, GET_NEIGHBOUR = 18, 22, 26, 30
_REQUEST, _DUMP = 1, 0x300
_ERROR, _DONE = 2, 3
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")
_TYPE_MASK: Final = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_RECEIVE_BYTES: Final = 256 * 1024
_ANSWER_SECONDS: Final = 10.0


class NetlinkRecord(msgspec.Struct, frozen=True):
    """One object: its fixed structure, and its attributes by number."""

    fixed: bytes
    attributes: Mapping[int, bytes]


def dump(kind: int, fixed_bytes: int, family: int = socket.AF_UNSPEC) -> Iterator[NetlinkRecord]:
    """Yield all objects of a kind; `fixed_bytes` is the size of the kind's own structure.

    Raises `SensorFailed`.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as channel:
        channel.settimeout(_ANSWER_SECONDS)
        request = bytes([family]).ljust(fixed_bytes, b"\0")
        length = _HEADER.size + fixed_bytes
        channel.send(_HEADER.pack(length, kind, _REQUEST | _DUMP, 1, 0) + request)
        while True:
            try:
                packet = channel.recv(_RECEIVE_BYTES)
            except OSError as error:
                raise SensorFailed(f"The kernel's network does not answer: {error}.") from error
            for answered, body in _messages(packet):
                if answered == _DONE:
                    return
                if answered == _ERROR:
                    (code,) = struct.unpack_from("=i", body)
                    raise SensorFailed(f"The kernel's network refuses: {os.strerror(-code)}.")
                yield NetlinkRecord(body[:fixed_bytes], attributes_of(body[fixed_bytes:]))


def attributes_of(raw: bytes) -> dict[int, bytes]:
    """Read a run of attributes, each aligned to four bytes."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(raw):
        length, kind = _ATTRIBUTE.unpack_from(raw, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = raw[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    return found


def _messages(packet: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(packet):
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(packet, at)
        if length < _HEADER.size:
            return
        yield kind, packet[at + _HEADER.size : at + length]
        at += length + 3 & ~3
