"""What wakes gateways: which endpoints have something waiting, and small instructions themselves.

A wake-up is a hint. Whoever misses one finds the same instructions in the mailboxes
(`console.gateway.mailboxes`), so it may carry them to save the question, but never instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from console.gateway.exceptions import DamagedWakeUp

# Every gateway gets every wake-up, whosever endpoints are in it: rules for thousands of endpoints
# would fill the buffers in which Redis keeps messages for its subscribers. In bytes.
CARRIED_BYTES: Final = 2048


class SealedInstruction(msgspec.Struct, array_like=True, frozen=True):
    """One envelope for one endpoint; `protocol.signing` made it."""

    endpoint_id: UUID
    sequence: int
    envelope: bytes


class WakeUp(msgspec.Struct, array_like=True, frozen=True):
    """Endpoints whose mailboxes hold news, and news that are small enough to come along."""

    endpoint_ids: list[UUID]
    carried: list[SealedInstruction] = []


_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(WakeUp)


def wake_up_for(instructions: Iterable[SealedInstruction]) -> WakeUp:
    """Announce these instructions, in their order."""
    endpoint_ids: dict[UUID, None] = {}
    carried: list[SealedInstruction] = []
    for instruction in instructions:
        if len(instruction.envelope) <= CARRIED_BYTES:
            carried.append(instruction)
        else:
            endpoint_ids[instruction.endpoint_id] = None
    return WakeUp(list(endpoint_ids), carried)


def encode_wake_up(wake_up: WakeUp) -> bytes:
    """Write a wake-up for the channel."""
    return _encoder.encode(wake_up)


def decode_wake_up(announced: bytes) -> WakeUp:
    """Read a wake-up from the channel. Raises `DamagedWakeUp`."""
    try:
        return _decoder.decode(announced)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedWakeUp(f"{len(announced)} bytes are no wake-up: {error}") from error
