"""What one gateway hands to the ingesters at once: messages of endpoints, and its own notices.

Messages travel as the endpoint encoded them: the gateway has checked them, and encoding them
again would cost more than everything else it does.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
import zstandard

from console.gateway.exceptions import DamagedBatch

# The largest batch after decompression, in bytes: far above what a gateway writes.
LARGEST: Final = 64 * 1024 * 1024

CERTIFICATE_USED_TWICE: Final = "certificate_used_twice"


class Item(msgspec.Struct, array_like=True, frozen=True):
    """One message: from which endpoint, when it arrived (µs), and its bytes on the wire."""

    endpoint_id: UUID
    received_at: int
    encoded: bytes


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """Something that the gateway saw itself and an administrator must know. `at` is in µs."""

    kind: str
    endpoint_id: UUID
    at: int
    detail: str


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """What the gateway called `gateway` received in the last moments, in the order of arrival.

    `number` is that gateway's own; the ingester names it when the batch is committed.
    """

    gateway: str
    number: int
    items: list[Item]
    notices: list[Notice] = []


_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """Write a batch for the stream."""
    return zstandard.compress(_encoder.encode(batch), 1)


def decode_batch(encoded: bytes) -> Batch:
    """Read a batch from the stream. Raises `DamagedBatch`."""
    try:
        packed = zstandard.ZstdDecompressor().decompress(encoded, max_output_size=LARGEST)
        return _decoder.decode(packed)
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedBatch(f"{len(encoded)} bytes are no batch: {error}") from error
