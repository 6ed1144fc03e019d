"""What a connection tells its program about the frames that arrived.

`Connection.receive_frame` returns a list of these, in the order in which the program must act.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

from protocol.frames import CloseCode, Priority

Received = TypeVar("Received")


class MessageReceived(msgspec.Struct, Generic[Received], frozen=True):
    """A control message, and the bytes that it was decoded from (to be passed on unchanged)."""

    message: Received
    encoded: bytes


class StreamOffered(msgspec.Struct, frozen=True):
    """The peer wants to send a stream: answer by `accept_stream` or `cancel_stream`."""

    stream_id: int
    purpose: str
    priority: Priority
    length: int | None


class StreamAccepted(msgspec.Struct, frozen=True):
    """The peer takes our stream from `offset`; send while `may_send` is above zero.

    With an offset above zero, call `resume_stream` first, with the hash of our own first part.
    """

    stream_id: int
    offset: int


class CreditGranted(msgspec.Struct, frozen=True):
    """The peer takes `credit` bytes more of our stream."""

    stream_id: int
    credit: int


class StreamBytes(msgspec.Struct, frozen=True):
    """The next bytes of a stream of the peer. Call `grant_credit` once they are put away."""

    stream_id: int
    offset: int
    content: bytes


class StreamEnded(msgspec.Struct, frozen=True):
    """A stream of the peer is complete and its hash is right. `length` counts from offset 0."""

    stream_id: int
    length: int
    sha256: bytes


class StreamCancelled(msgspec.Struct, frozen=True):
    """The peer gave up a stream, its own or ours; nothing more comes or may be sent."""

    stream_id: int
    reason: str


class PeerClosed(msgspec.Struct, frozen=True):
    """The peer closed the connection. Send what `frames_to_send` still gives, then hang up."""

    code: CloseCode
    reason: str


Arrival: TypeAlias = (
    MessageReceived[Received]
    | StreamOffered
    | StreamAccepted
    | CreditGranted
    | StreamBytes
    | StreamEnded
    | StreamCancelled
    | PeerClosed
)
