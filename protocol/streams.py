"""The two ends of one stream: how far it is, how much credit is left, which hash it has so far.

A stream carries bytes one way, from the end that opened it. Its receiver decides where it starts
and grants every byte before it is sent, so that a slow disk slows the sender instead of filling
memory. Both ends hash what passes; a resumed stream needs the hash of its first part, too.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Final, Protocol

from protocol import limits
from protocol.exceptions import (
    ContentHashDiffers,
    CreditExceeded,
    CreditOverrun,
    PrefixDiffers,
    StreamNotOpen,
    StreamOrderViolated,
)
from protocol.frames import DataFrame, EndFrame, Priority, ResumeFrame

EMPTY_SHA256: Final = hashlib.sha256().digest()


class Digest(Protocol):
    """What `hashlib.sha256(...)` returns: give one that was fed with the first part."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Give the hash of all bytes so far."""


class OutgoingStream:
    """A stream that this end sends. `credit` is what may still be queued."""

    __slots__ = (
        "_awaited_prefix",
        "_digest",
        "_queue",
        "accepted",
        "credit",
        "ending",
        "length",
        "offset",
        "priority",
        "queued_bytes",
        "stream_id",
    )

    def __init__(self, stream_id: int, priority: Priority, length: int | None) -> None:
        self.stream_id = stream_id
        self.priority = priority
        self.length = length
        self.accepted = False
        self.ending = False
        self.credit = 0
        self.offset = 0
        self.queued_bytes = 0
        self._queue: deque[memoryview] = deque()
        self._digest: Digest = hashlib.sha256()
        self._awaited_prefix: bytes | None = None

    @property
    def may_send(self) -> int:
        """Bytes that `queue` takes now."""
        if not self.accepted or self.ending or self._awaited_prefix is not None:
            return 0
        return self.credit

    @property
    def has_frames(self) -> bool:
        """Tell whether `next_frame` has something to give."""
        return bool(self._queue) or self.ending

    def accept(self, frame: ResumeFrame) -> None:
        """Start at the offset that the receiver asks for."""
        if self.accepted:
            raise StreamOrderViolated(f"stream {self.stream_id} was accepted twice")
        if self.length is not None and frame.offset > self.length:
            raise StreamOrderViolated(
                f"stream {self.stream_id} has {self.length} bytes, asked from {frame.offset}"
            )
        if frame.offset == 0 and frame.prefix_sha256 != EMPTY_SHA256:
            raise StreamOrderViolated(f"stream {self.stream_id}: the hash of nothing is wrong")
        self.accepted = True
        self.offset = frame.offset
        if frame.offset:
            self._awaited_prefix = frame.prefix_sha256
        self.grant(frame.credit)

    def resume(self, prefix: Digest) -> None:
        """Go on behind the first part, of which `prefix` is the hash at this end."""
        if self._awaited_prefix is None:
            raise StreamNotOpen(f"stream {self.stream_id} does not wait for its first part")
        if prefix.digest() != self._awaited_prefix:
            raise PrefixDiffers(f"the first {self.offset} bytes of stream {self.stream_id}")
        self._digest = prefix
        self._awaited_prefix = None

    def grant(self, credit: int) -> None:
        """Take more credit; credit and queued bytes together stay within the window."""
        self.credit += credit
        if self.credit + self.queued_bytes > limits.CREDIT_WINDOW:
            raise CreditOverrun(f"stream {self.stream_id} was granted more than the window")

    def queue(self, content: bytes) -> None:
        """Hold bytes until `next_frame` gives them out."""
        if self.ending:
            raise StreamNotOpen(f"stream {self.stream_id} was ended")
        if len(content) > self.may_send:
            raise CreditExceeded(
                f"{len(content)} bytes on stream {self.stream_id}, which may send {self.may_send}"
            )
        if self.length is not None and self.offset + len(content) > self.length:
            raise StreamNotOpen(f"stream {self.stream_id} was announced with {self.length} bytes")
        if not content:
            return
        self._digest.update(content)
        self._queue.append(memoryview(content))
        self.offset += len(content)
        self.credit -= len(content)
        self.queued_bytes += len(content)

    def end(self) -> None:
        """Send the hash behind the last byte."""
        if self.ending or not self.accepted or self._awaited_prefix is not None:
            raise StreamNotOpen(f"stream {self.stream_id} cannot end now")
        if self.length is not None and self.offset != self.length:
            raise StreamNotOpen(
                f"stream {self.stream_id} ends at {self.offset} instead of {self.length}"
            )
        self.ending = True

    def next_frame(self) -> DataFrame | EndFrame:
        """Give the next frame; `EndFrame` is the last one. Needs `has_frames`."""
        if not self._queue:
            return EndFrame(self.stream_id, self._digest.digest())
        content = self._queue.popleft()
        piece = content[: limits.FRAME_PAYLOAD]
        if len(piece) < len(content):
            self._queue.appendleft(content[limits.FRAME_PAYLOAD :])
        self.queued_bytes -= len(piece)
        return DataFrame(self.stream_id, bytes(piece))


class IncomingStream:
    """A stream that the peer sends. `credit` is what it may still send."""

    __slots__ = ("_digest", "accepted", "cancelled", "credit", "length", "offset", "stream_id")

    def __init__(self, stream_id: int, length: int | None) -> None:
        self.stream_id = stream_id
        self.length = length
        self.accepted = False
        self.cancelled = False
        self.credit = 0
        self.offset = 0
        self._digest: Digest = hashlib.sha256()

    def accept(self, *, credit: int, offset: int, prefix: Digest | None) -> ResumeFrame:
        """Ask for the bytes from `offset` on."""
        if self.accepted:
            raise StreamNotOpen(f"stream {self.stream_id} was accepted before")
        if offset < 0 or (self.length is not None and offset > self.length):
            raise StreamNotOpen(f"stream {self.stream_id} has no offset {offset}")
        if (offset > 0) != (prefix is not None):
            raise StreamNotOpen("an offset above 0 needs the hash of what lies before it")
        self._add_credit(credit)
        if prefix is not None:
            self._digest = prefix
        self.accepted = True
        self.offset = offset
        return ResumeFrame(self.stream_id, offset, credit, self._digest.digest())

    def grant(self, credit: int) -> None:
        """Allow the peer to send this many bytes more."""
        if not self.accepted:
            raise StreamNotOpen(f"stream {self.stream_id} was not accepted yet")
        if credit == 0:
            raise CreditExceeded(f"a credit of nothing on stream {self.stream_id}")
        self._add_credit(credit)

    def take(self, content: bytes) -> int:
        """Count and hash what arrived; give the offset at which it belongs."""
        if not self.accepted:
            raise StreamOrderViolated(f"stream {self.stream_id} sends before it was accepted")
        if len(content) > self.credit:
            raise CreditOverrun(
                f"{len(content)} bytes on stream {self.stream_id}, which may send {self.credit}"
            )
        start = self.offset
        if self.length is not None and start + len(content) > self.length:
            raise StreamOrderViolated(f"stream {self.stream_id} sends past its {self.length} bytes")
        self.credit -= len(content)
        self.offset += len(content)
        self._digest.update(content)
        return start

    def finish(self, sha256: bytes) -> None:
        """Check the end that the peer announced against what arrived."""
        if not self.accepted:
            raise StreamOrderViolated(f"stream {self.stream_id} ends before it was accepted")
        if self.length is not None and self.offset != self.length:
            raise StreamOrderViolated(
                f"stream {self.stream_id} ends at {self.offset} instead of {self.length}"
            )
        if self._digest.digest() != sha256:
            raise ContentHashDiffers(f"stream {self.stream_id}, {self.offset} bytes")

    def _add_credit(self, credit: int) -> None:
        if credit < 0 or self.credit + credit > limits.CREDIT_WINDOW:
            raise CreditExceeded(
                f"{credit} more than {self.credit} on stream {self.stream_id}: "
                f"the window is {limits.CREDIT_WINDOW}"
            )
        self.credit += credit
