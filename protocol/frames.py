"""One WebSocket binary message is one frame: a header of six bytes and at most 64 KiB.

::

    byte   0        1        2 … 5              6 …
          type    flags    stream id          payload
          u8      u8       u32 big-endian     by type, see `Frame`

The parser is strict: an unknown type or flag, a stream id where none belongs, a payload of another
length than its type has, all are `MalformedFrame`. What a frame means is `protocol.connection`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from typing import Annotated, Final, TypeAlias

import msgspec

from protocol import limits
from protocol.exceptions import MalformedFrame

HEADER: Final = struct.Struct(">BBI")
SHA256_BYTES: Final = 32
MORE: Final = 0x01

_CREDIT: Final = struct.Struct(">I")
_RESUME: Final = struct.Struct(f">QI{SHA256_BYTES}s")


class FrameType(enum.IntEnum):
    """The first byte of a frame."""

    MESSAGE = 1
    OPEN = 2
    RESUME = 3
    DATA = 4
    CREDIT = 5
    END = 6
    CANCEL = 7
    CLOSE = 8


class CloseCode(enum.IntEnum):
    """Why a connection ends."""

    ORDERLY = 0
    VIOLATION = 1


class Priority(enum.IntEnum):
    """Which stream goes first: a lower number always before a higher one."""

    INTERACTIVE = 0
    NORMAL = 1
    BULK = 2


class MessageFrame(msgspec.Struct, frozen=True):
    """A control message, or with `more` a part of one; such a part fills its frame."""

    payload: bytes
    more: bool = False


class StreamOpening(msgspec.Struct, frozen=True, kw_only=True):
    """What a new stream is: `purpose` in the application's words, `length` in bytes or None."""

    purpose: Annotated[str, msgspec.Meta(max_length=limits.PURPOSE_TEXT)]
    priority: Priority = Priority.NORMAL
    length: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None


class OpenFrame(msgspec.Struct, frozen=True):
    """The sender of a stream announces it."""

    stream_id: int
    opening: StreamOpening


class ResumeFrame(msgspec.Struct, frozen=True):
    """The receiver takes the stream from `offset`, which is 0 for a new one.

    `prefix_sha256` is of the `offset` bytes that it holds already.
    """

    stream_id: int
    offset: int
    credit: int
    prefix_sha256: bytes


class DataFrame(msgspec.Struct, frozen=True):
    """The next bytes of a stream; never empty."""

    stream_id: int
    payload: bytes


class CreditFrame(msgspec.Struct, frozen=True):
    """The receiver can take this many bytes more."""

    stream_id: int
    credit: int


class EndFrame(msgspec.Struct, frozen=True):
    """The stream is complete; `sha256` is of all its bytes from offset 0."""

    stream_id: int
    sha256: bytes


class CancelFrame(msgspec.Struct, frozen=True):
    """Either end gives the stream up."""

    stream_id: int
    reason: str


class CloseFrame(msgspec.Struct, frozen=True):
    """The sender will send no further frame."""

    code: CloseCode
    reason: str


StreamFrame: TypeAlias = OpenFrame | ResumeFrame | DataFrame | CreditFrame | EndFrame | CancelFrame
Frame: TypeAlias = MessageFrame | CloseFrame | StreamFrame

_opening_encoder: Final = msgspec.msgpack.Encoder()
_opening_decoder: Final = msgspec.msgpack.Decoder(StreamOpening)


def encode_frame(frame: Frame) -> bytes:
    """Write one frame. The caller keeps payloads within `limits.FRAME_PAYLOAD`."""
    kind, flags, stream_id, body = _lay_out(frame)
    return HEADER.pack(kind, flags, stream_id) + body


def _lay_out(frame: Frame) -> tuple[FrameType, int, int, bytes]:
    match frame:
        case MessageFrame(payload, more):
            parts = FrameType.MESSAGE, MORE if more else 0, 0, payload
        case DataFrame(stream_id, payload):
            parts = FrameType.DATA, 0, stream_id, payload
        case CreditFrame(stream_id, credit):
            parts = FrameType.CREDIT, 0, stream_id, _CREDIT.pack(credit)
        case OpenFrame(stream_id, opening):
            parts = FrameType.OPEN, 0, stream_id, _opening_encoder.encode(opening)
        case ResumeFrame(stream_id, offset, credit, prefix_sha256):
            body = _RESUME.pack(offset, credit, prefix_sha256)
            parts = FrameType.RESUME, 0, stream_id, body
        case EndFrame(stream_id, sha256):
            parts = FrameType.END, 0, stream_id, sha256
        case CancelFrame(stream_id, reason):
            parts = FrameType.CANCEL, 0, stream_id, _cut_reason(reason)
        case _:
            body = bytes([frame.code]) + _cut_reason(frame.reason)
            parts = FrameType.CLOSE, 0, 0, body
    return parts


def parse_frame(received: bytes) -> Frame:
    """Read one frame. Raises `MalformedFrame`; the text says what is wrong with it."""
    if len(received) < HEADER.size:
        raise MalformedFrame(f"{len(received)} bytes are shorter than a frame's header")
    if len(received) > HEADER.size + limits.FRAME_PAYLOAD:
        raise MalformedFrame(f"{len(received)} bytes are longer than a frame may be")
    number, flags, stream_id = HEADER.unpack_from(received)
    payload = received[HEADER.size :]
    if number == FrameType.MESSAGE:
        return _parse_message(flags, stream_id, payload)
    if flags:
        raise MalformedFrame(f"flags {flags:#04x} on a frame of type {number}")
    if number == FrameType.CLOSE:
        return _parse_close(stream_id, payload)
    parse = _STREAM_PARSERS.get(number)
    if parse is None:
        raise MalformedFrame(f"unknown type {number}")
    if stream_id == 0:
        raise MalformedFrame(f"type {number} needs a stream, and 0 is none")
    return parse(stream_id, payload)


def _parse_message(flags: int, stream_id: int, payload: bytes) -> MessageFrame:
    if stream_id:
        raise MalformedFrame(f"a message on stream {stream_id}")
    if flags & ~MORE:
        raise MalformedFrame(f"unknown flags {flags:#04x}")
    # A part that does not fill its frame would let a peer spread one message over millions.
    if flags and len(payload) != limits.FRAME_PAYLOAD:
        raise MalformedFrame(f"a part of a message with {len(payload)} bytes, which is not full")
    if not payload:
        raise MalformedFrame("an empty message")
    return MessageFrame(payload, bool(flags))


def _parse_close(stream_id: int, payload: bytes) -> CloseFrame:
    if stream_id:
        raise MalformedFrame(f"a close on stream {stream_id}")
    if not payload:
        raise MalformedFrame("a close without a code")
    try:
        code = CloseCode(payload[0])
    except ValueError as error:
        raise MalformedFrame(f"unknown close code {payload[0]}") from error
    return CloseFrame(code, _read_reason(payload[1:]))


def _parse_open(stream_id: int, payload: bytes) -> OpenFrame:
    try:
        return OpenFrame(stream_id, _opening_decoder.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"the opening of stream {stream_id}: {error}") from error


def _parse_resume(stream_id: int, payload: bytes) -> ResumeFrame:
    _require_length(payload, _RESUME.size, "resume")
    offset, credit, prefix_sha256 = _RESUME.unpack(payload)
    return ResumeFrame(stream_id, offset, credit, prefix_sha256)


def _parse_data(stream_id: int, payload: bytes) -> DataFrame:
    if not payload:
        raise MalformedFrame(f"no bytes on stream {stream_id}")
    return DataFrame(stream_id, payload)


def _parse_credit(stream_id: int, payload: bytes) -> CreditFrame:
    _require_length(payload, _CREDIT.size, "credit")
    (credit,) = _CREDIT.unpack(payload)
    if credit == 0:
        raise MalformedFrame(f"a credit of nothing on stream {stream_id}")
    return CreditFrame(stream_id, credit)


def _parse_end(stream_id: int, payload: bytes) -> EndFrame:
    _require_length(payload, SHA256_BYTES, "end")
    return EndFrame(stream_id, payload)


def _parse_cancel(stream_id: int, payload: bytes) -> CancelFrame:
    return CancelFrame(stream_id, _read_reason(payload))


def _require_length(payload: bytes, length: int, what: str) -> None:
    if len(payload) != length:
        raise MalformedFrame(f"{what} has {len(payload)} bytes instead of {length}")


def _cut_reason(reason: str) -> bytes:
    # Cutting bytes can split a character; what is left of it is dropped.
    cut = reason.encode("utf-8", "backslashreplace")[: limits.REASON_TEXT]
    return cut.decode("utf-8", "ignore").encode()


def _read_reason(payload: bytes) -> str:
    if len(payload) > limits.REASON_TEXT:
        raise MalformedFrame(f"a reason of {len(payload)} bytes")
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise MalformedFrame(f"a reason that is not UTF-8: {error}") from error


_STREAM_PARSERS: Final[dict[int, Callable[[int, bytes], StreamFrame]]] = {
    FrameType.OPEN: _parse_open,
    FrameType.RESUME: _parse_resume,
    FrameType.DATA: _parse_data,
    FrameType.CREDIT: _parse_credit,
    FrameType.END: _parse_end,
    FrameType.CANCEL: _parse_cancel,
}
