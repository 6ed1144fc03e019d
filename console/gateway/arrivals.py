"""What gateways tell each other: an endpoint that another one holds has connected here.

The newest connection wins, whichever gateway has it, and whoever held the older one compares the
computers: a certificate that two of them use was copied.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from console.gateway.exceptions import DamagedArrivals


class Computer(msgspec.Struct, array_like=True, frozen=True):
    """What tells one computer from another: its own words, and from where it connected."""

    machine_id: str
    host_name: str
    address: str


class Arrivals(msgspec.Struct, array_like=True, frozen=True):
    """Endpoints that came to `gateway`, and on which computers they said they are."""

    gateway: str
    computers: dict[UUID, Computer]


_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(Arrivals)


def encode_arrivals(arrivals: Arrivals) -> bytes:
    """Write arrivals for the channel."""
    return _encoder.encode(arrivals)


def decode_arrivals(announced: bytes) -> Arrivals:
    """Read arrivals from the channel. Raises `DamagedArrivals`."""
    try:
        return _decoder.decode(announced)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedArrivals(f"{len(announced)} bytes are no arrivals: {error}") from error


def suspicion_of(older: Computer, newer: Computer) -> str:
    """Say that one certificate is used on two computers; nothing when it is one computer."""
    if (older.machine_id, older.host_name) == (newer.machine_id, newer.host_name):
        return ""
    return (
        f"{older.host_name} at {older.address} and "
        f"{newer.host_name} at {newer.address} use one certificate"
    )
