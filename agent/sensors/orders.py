"""What the agent and a worker of it say to each other through a pair of pipes.

The agent sends one `Order` at a time; the worker answers with any number of `Encoded` parts and of
`JobBegun`, then `Finished`. Each is a length (4 bytes, big endian) and MessagePack. The only module
of this package that the agent's own process needs.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from protocol.instructions import AskQuestion

LENGTH: Final = struct.Struct(">I")
# A question with thousands of words is some hundred KiB; a part is 192 KiB.
LARGEST: Final = 17 * 1024 * 1024


class Order(msgspec.Struct, kw_only=True):
    """Answer this question. `now` is the console's time in µs."""

    question: AskQuestion
    endpoint_id: UUID
    now: int


class Encoded(msgspec.Struct, kw_only=True, tag="part"):
    """One part of the answer: a message in the words of `protocol.codec.UPWARD`."""

    id: UUID
    body: bytes


class JobBegun(msgspec.Struct, kw_only=True, tag="job"):
    """The order wrote down a new job, to be run once nothing else does."""

    job_id: str


class Finished(msgspec.Struct, kw_only=True, tag="finished"):
    """The order is carried out: the next one may come."""


Reply: TypeAlias = Encoded | JobBegun | Finished

ORDER: Final = msgspec.msgpack.Decoder(Order)
REPLY: Final[msgspec.msgpack.Decoder[Reply]] = msgspec.msgpack.Decoder(Reply)


def framed(content: msgspec.Struct) -> bytes:
    """Write one order or reply as it stands in the pipe."""
    packed = msgspec.msgpack.encode(content)
    return LENGTH.pack(len(packed)) + packed
