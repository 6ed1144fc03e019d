"""Turn messages into bytes and bytes into messages, each direction with its own words.

One encoded message is one byte that names its form, then MessagePack, compressed by zstd where
that pays. A reader never spends more than its direction's limit: the compressed form must declare
its size, and a declared size above the limit is refused before anything is unpacked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
import zstandard

from protocol import limits
from protocol.events import Event
from protocol.exceptions import MalformedMessage, MessageTooLarge
from protocol.instructions import AnyInstruction
from protocol.live import LiveDownward, LiveUpward
from protocol.messages import Downward, Upward

Content = TypeVar("Content")

PLAIN: Final = 0x00
ZSTD: Final = 0x01
ZSTD_LEVEL: Final = 1

_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")


class _Zstandard(threading.local):
    """A compressor and a decompressor for each thread: they are not safe to share."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstandard: Final = _Zstandard()


@dataclass(frozen=True)
class Dialect(Generic[Content]):
    """The messages of one direction: `name` for errors, `limit` in bytes, and how to read them.

    `limit` bounds the encoded bytes and what they decompress to.
    """

    name: str
    limit: int
    decoder: msgspec.msgpack.Decoder[Content]

    def encode(self, content: Content) -> bytes:
        """Write one message. Raises `MessageTooLarge` when it is above the limit."""
        packed = _encoder.encode(content)
        if len(packed) >= self.limit:
            raise MessageTooLarge(
                f"{self.name}: {len(packed)} bytes are more than the limit of {self.limit}"
            )
        if len(packed) <= limits.COMPRESS_ABOVE:
            return b"%c%b" % (PLAIN, packed)
        compressed = _zstandard.compressor.compress(packed)
        # Random content grows a little: it travels as it is.
        if len(compressed) >= len(packed):
            return b"%c%b" % (PLAIN, packed)
        return b"%c%b" % (ZSTD, compressed)

    def decode(self, encoded: bytes) -> Content:
        """Read one message that fills all of `encoded`; unknown fields are ignored.

        Raises `MessageTooLarge` above the limit and `MalformedMessage` for everything else that
        is not one message of this direction: the text names the field.
        """
        if len(encoded) > self.limit:
            raise MessageTooLarge(
                f"{self.name}: {len(encoded)} bytes are more than the limit of {self.limit}"
            )
        try:
            return self.decoder.decode(self._unpack(encoded))
        except msgspec.MsgspecError as error:
            raise MalformedMessage(f"{self.name}: {error}") from error
        # msgspec lets these through for text and for maps nested hundreds deep.
        except (UnicodeDecodeError, RecursionError) as error:
            raise MalformedMessage(f"{self.name}: {type(error).__name__}: {error}") from error

    def _unpack(self, encoded: bytes) -> bytes | memoryview:
        if not encoded:
            raise MalformedMessage(f"{self.name}: no bytes at all")
        body = memoryview(encoded)[1:]
        form = encoded[0]
        if form == PLAIN:
            return body
        if form != ZSTD:
            raise MalformedMessage(f"{self.name}: the first byte {form:#04x} names no known form")
        return self._decompress(body)

    def _decompress(self, body: memoryview) -> bytes:
        try:
            declared = zstandard.frame_content_size(body)
            if declared < 0:
                raise MalformedMessage(f"{self.name}: compressed without a declared size")
            if declared > self.limit:
                raise MessageTooLarge(
                    f"{self.name}: declares {declared} bytes, more than the limit of {self.limit}"
                )
            return _zstandard.decompressor.decompress(
                body, max_output_size=self.limit, allow_extra_data=False
            )
        except zstandard.ZstdError as error:
            raise MalformedMessage(f"{self.name}: {error}") from error


def _dialect(name: str, limit: int, words: Any) -> Dialect[Any]:
    return Dialect(name, limit, msgspec.msgpack.Decoder(words))


UPWARD: Final[Dialect[Upward]] = _dialect("agent to gateway", limits.UPWARD_MESSAGE, Upward)
DOWNWARD: Final[Dialect[Downward]] = _dialect("gateway to agent", limits.DOWNWARD_MESSAGE, Downward)
LIVE_UPWARD: Final[Dialect[LiveUpward]] = _dialect(
    "agent to live session", limits.LIVE_UPWARD_MESSAGE, LiveUpward
)
LIVE_DOWNWARD: Final[Dialect[LiveDownward]] = _dialect(
    "live session to agent", limits.LIVE_DOWNWARD_MESSAGE, LiveDownward
)
INSTRUCTION: Final[Dialect[AnyInstruction]] = _dialect(
    "instruction", limits.INSTRUCTION, AnyInstruction
)
EVENTS: Final[Dialect[list[Event]]] = _dialect("events", limits.EVENT_BATCH, list[Event])
