"""All streams of one connection, those that this end sends and those that the peer sends.

Each end numbers the streams that it opens: 1, 3, 5, … at the end that dialled, 2, 4, 6, … at the
other. A number is used once. Every stream ends with one END or CANCEL of its sender: a receiver
that gives up still knows the stream until that came, because bytes may be under way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol import limits
from protocol.arrivals import (
    Arrival,
    CreditGranted,
    StreamAccepted,
    StreamBytes,
    StreamCancelled,
    StreamEnded,
    StreamOffered,
)
from protocol.exceptions import (
    ConnectionMisused,
    StreamNotOpen,
    StreamReused,
    TooManyStreams,
    UnknownStream,
)
from protocol.frames import (
    CancelFrame,
    CreditFrame,
    DataFrame,
    EndFrame,
    Frame,
    OpenFrame,
    Priority,
    ResumeFrame,
    StreamFrame,
    StreamOpening,
)
from protocol.streams import Digest, IncomingStream, OutgoingStream


class StreamTable:
    """Who sends what on which number. `send` takes the control frames that answer the peer."""

    def __init__(self, *, dials: bool, send: Callable[[Frame], None]) -> None:
        self._send = send
        self._outgoing: dict[int, OutgoingStream] = {}
        self._incoming: dict[int, IncomingStream] = {}
        self._next_id = 1 if dials else 2
        self._peer_next_id = 2 if dials else 1
        self._closed = False

    @property
    def queued_bytes(self) -> int:
        """Bytes of all streams that wait for `next_frame`."""
        return sum(stream.queued_bytes for stream in self._outgoing.values())

    def next_frame(self) -> DataFrame | EndFrame | None:
        """Give the next frame of the stream whose turn it is; None when none has one."""
        ready = [stream for stream in self._outgoing.values() if stream.has_frames]
        if not ready:
            return None
        # `min` takes the first of equals, and who has sent goes to the end: a round robin.
        stream = min(ready, key=lambda candidate: candidate.priority)
        del self._outgoing[stream.stream_id]
        frame = stream.next_frame()
        if isinstance(frame, DataFrame):
            self._outgoing[stream.stream_id] = stream
        return frame

    def drop_all(self) -> None:
        """Forget every stream for good; frames that are under way are ignored from now on."""
        self._outgoing.clear()
        self._incoming.clear()
        self._closed = True

    # -------------------------------------------------------------- what the program asks for

    def open(self, *, purpose: str, priority: Priority, length: int | None) -> int:
        """Offer a stream to the peer and give its number."""
        if len(self._outgoing) >= limits.STREAMS:
            raise StreamNotOpen(f"{limits.STREAMS} streams are open: end one first")
        if len(purpose) > limits.PURPOSE_TEXT:
            raise ConnectionMisused(f"a purpose of {len(purpose)} characters")
        if length is not None and length < 0:
            raise ConnectionMisused(f"a length of {length}")
        stream_id = self._next_id
        self._next_id += 2
        self._outgoing[stream_id] = OutgoingStream(stream_id, priority, length)
        opening = StreamOpening(purpose=purpose, priority=priority, length=length)
        self._send(OpenFrame(stream_id, opening))
        return stream_id

    def may_send(self, stream_id: int) -> int:
        """Tell how many bytes a stream of ours takes now; 0 when it is not there."""
        stream = self._outgoing.get(stream_id)
        return stream.may_send if stream else 0

    def sent(self, stream_id: int) -> OutgoingStream:
        """Find a stream of ours."""
        stream = self._outgoing.get(stream_id)
        if stream is None:
            raise StreamNotOpen(f"we have no stream {stream_id} open")
        return stream

    def accept(self, stream_id: int, *, credit: int, offset: int, prefix: Digest | None) -> None:
        """Take an offered stream."""
        stream = self._offered(stream_id)
        self._send(stream.accept(credit=credit, offset=offset, prefix=prefix))

    def grant(self, stream_id: int, credit: int) -> None:
        """Let the peer send more."""
        self._offered(stream_id).grant(credit)
        self._send(CreditFrame(stream_id, credit))

    def cancel(self, stream_id: int, reason: str) -> None:
        """Give up a stream of either end."""
        if self._outgoing.pop(stream_id, None) is None:
            self._offered(stream_id).cancelled = True
        self._send(CancelFrame(stream_id, reason))

    def _offered(self, stream_id: int) -> IncomingStream:
        stream = self._incoming.get(stream_id)
        if stream is None or stream.cancelled:
            raise StreamNotOpen(f"the peer has no stream {stream_id} open")
        return stream

    # -------------------------------------------------------------- what the peer's frames mean

    def receive(self, frame: StreamFrame) -> list[Arrival[Any]]:
        """Tell what a frame means. Raises `ConnectionViolation`."""
        if isinstance(frame, DataFrame):
            arrivals = self._on_data(frame)
        elif isinstance(frame, OpenFrame):
            arrivals = self._on_open(frame)
        elif isinstance(frame, EndFrame):
            arrivals = self._on_end(frame)
        elif isinstance(frame, CancelFrame):
            arrivals = self._on_cancel(frame)
        else:
            arrivals = self._on_answer(frame)
        return arrivals

    def _on_open(self, frame: OpenFrame) -> list[Arrival[Any]]:
        stream_id, opening = frame.stream_id, frame.opening
        if stream_id != self._peer_next_id:
            raise StreamReused(f"stream {stream_id} was opened instead of {self._peer_next_id}")
        if len(self._incoming) >= limits.STREAMS:
            raise TooManyStreams(f"stream {stream_id} above the {limits.STREAMS} open ones")
        self._peer_next_id += 2
        if self._closed:
            return []
        self._incoming[stream_id] = IncomingStream(stream_id, opening.length)
        return [StreamOffered(stream_id, opening.purpose, opening.priority, opening.length)]

    def _on_data(self, frame: DataFrame) -> list[Arrival[Any]]:
        stream = self._arriving(frame.stream_id)
        if stream is None:
            return []
        offset = stream.take(frame.payload)
        return [] if stream.cancelled else [StreamBytes(frame.stream_id, offset, frame.payload)]

    def _on_end(self, frame: EndFrame) -> list[Arrival[Any]]:
        stream = self._arriving(frame.stream_id)
        if stream is None:
            return []
        del self._incoming[frame.stream_id]
        if stream.cancelled:
            return []
        stream.finish(frame.sha256)
        return [StreamEnded(frame.stream_id, stream.offset, frame.sha256)]

    def _on_cancel(self, frame: CancelFrame) -> list[Arrival[Any]]:
        stream_id = frame.stream_id
        if self._is_ours(stream_id):
            if self._outgoing.pop(stream_id, None) is None:
                return []
            self._send(CancelFrame(stream_id, "as you wish"))
            return [StreamCancelled(stream_id, frame.reason)]
        stream = self._arriving(stream_id)
        if stream is None:
            return []
        del self._incoming[stream_id]
        return [] if stream.cancelled else [StreamCancelled(stream_id, frame.reason)]

    def _on_answer(self, frame: ResumeFrame | CreditFrame) -> list[Arrival[Any]]:
        if not self._is_ours(frame.stream_id):
            raise UnknownStream(f"{type(frame).__name__} for stream {frame.stream_id}")
        stream = self._outgoing.get(frame.stream_id)
        # It ended while this was under way.
        if stream is None:
            return []
        if isinstance(frame, ResumeFrame):
            stream.accept(frame)
            return [StreamAccepted(frame.stream_id, frame.offset)]
        stream.grant(frame.credit)
        return [CreditGranted(frame.stream_id, frame.credit)]

    def _is_ours(self, stream_id: int) -> bool:
        """Tell whether this end opened a stream of that number, be it over or not."""
        return stream_id % 2 == self._next_id % 2 and stream_id < self._next_id

    def _arriving(self, stream_id: int) -> IncomingStream | None:
        stream = self._incoming.get(stream_id)
        if stream is None and not self._closed:
            raise UnknownStream(f"stream {stream_id} is not open")
        return stream
