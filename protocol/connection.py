r"""The state of one connection between two programs, without the connection itself.

A program passes in every frame that arrives (`receive_frame`), acts on the arrivals that it gets
back, and sends what `frames_to_send` gives. Control messages go first, in order; streams share
the rest by priority. A peer that breaks a rule gets a CLOSE frame that names it, and the error is
raised here: send what is left, hang up, log.

::

    CONNECTING ──handshake──► OPEN ──close()──► CLOSING ──CLOSE arrives──► CLOSED
         └──────────────────────┴── CLOSE arrives, or a violation ───────────┘
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Generic, TypeVar

from protocol import limits
from protocol.arrivals import Arrival, MessageReceived, PeerClosed, Received
from protocol.codec import Dialect
from protocol.exceptions import (
    ConnectionNotOpen,
    FrameAfterClose,
    HandshakeViolated,
    MessageTooLarge,
    ProtocolError,
    SendQueueFull,
)
from protocol.frames import (
    CloseCode,
    CloseFrame,
    Frame,
    MessageFrame,
    Priority,
    encode_frame,
    parse_frame,
)
from protocol.stream_table import StreamTable
from protocol.streams import Digest

Sent = TypeVar("Sent")


class State(enum.Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Connection(Generic[Received, Sent]):
    """One end of a connection that reads one dialect and writes another.

    `dials` is true at the end that made the connection: it numbers its streams 1, 3, 5, …, the
    other one 2, 4, 6, …. `protocol.ends` has the four ends that exist.
    """

    def __init__(
        self,
        *,
        reads: Dialect[Received],
        writes: Dialect[Sent],
        dials: bool,
        state: State = State.OPEN,
    ) -> None:
        self.state = state
        self._reads = reads
        self._writes = writes
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._streams = StreamTable(dials=dials, send=self._queue_frame)

    # -------------------------------------------------------------- frames in and out

    def receive_frame(self, received: bytes) -> list[Arrival[Received]]:
        """Take one binary WebSocket message and tell what arrived with it.

        Raises a `ProtocolError` when the peer broke a rule; the state is CLOSED then, and
        `frames_to_send` gives the farewell.
        """
        if self.state is State.CLOSED:
            raise FrameAfterClose(f"{len(received)} bytes after the connection was closed")
        try:
            return self._act_on(parse_frame(received))
        except ProtocolError as violation:
            self._fail(violation)
            raise

    def frames_to_send(self, budget: int = limits.WRITE_BUDGET) -> list[bytes]:
        """Give the next frames, of at least `budget` bytes together when as much is waiting.

        Call it again when they are written; ask for little at a time, because a control message
        cannot overtake what was handed out.
        """
        frames: list[bytes] = []
        while budget > 0 and (encoded := self._next_frame()):
            frames.append(encoded)
            budget -= len(encoded)
        return frames

    @property
    def queued_bytes(self) -> int:
        """Bytes of control frames and streams that wait for `frames_to_send`."""
        return self._control_bytes + self._streams.queued_bytes

    # -------------------------------------------------------------- messages

    def send_message(self, message: Sent) -> None:
        """Queue a control message behind those that wait.

        Raises `ConnectionNotOpen`, `MessageTooLarge`, or `SendQueueFull` when the peer does not
        take what was queued before.
        """
        self._require_open()
        self._queue_message(message)

    def close(self, reason: str) -> None:
        """Send what is queued on the control stream, then CLOSE; open streams are dropped.

        Messages that the peer sent before it saw the CLOSE still arrive.
        """
        if self.state in (State.CLOSING, State.CLOSED):
            return
        self._streams.drop_all()
        self._queue_frame(CloseFrame(CloseCode.ORDERLY, reason))
        self.state = State.CLOSING

    # -------------------------------------------------------------- streams that we send

    def open_stream(
        self, *, purpose: str, priority: Priority = Priority.NORMAL, length: int | None = None
    ) -> int:
        """Offer a stream to the peer and give its id. Nothing flows before `StreamAccepted`."""
        self._require_open()
        return self._streams.open(purpose=purpose, priority=priority, length=length)

    def may_send(self, stream_id: int) -> int:
        """Tell how many bytes `send_bytes` takes now; 0 for a stream that is not there."""
        return self._streams.may_send(stream_id)

    def resume_stream(self, stream_id: int, prefix: Digest) -> None:
        """Go on behind the offset of `StreamAccepted`; `prefix` is SHA-256 of what lies before.

        Raises `PrefixDiffers` when the receiver's first part is not ours: cancel then.
        """
        self._streams.sent(stream_id).resume(prefix)

    def send_bytes(self, stream_id: int, content: bytes) -> None:
        """Queue bytes on a stream. Raises `CreditExceeded` above `may_send`."""
        self._streams.sent(stream_id).queue(content)

    def end_stream(self, stream_id: int) -> None:
        """End a stream behind what is queued, with the hash of all its bytes."""
        self._streams.sent(stream_id).end()

    # -------------------------------------------------------------- streams that the peer sends

    def accept_stream(
        self,
        stream_id: int,
        *,
        credit: int = limits.CREDIT_WINDOW,
        offset: int = 0,
        prefix: Digest | None = None,
    ) -> None:
        """Take an offered stream from `offset` on; `prefix` is SHA-256 of what we hold already."""
        self._streams.accept(stream_id, credit=credit, offset=offset, prefix=prefix)

    def grant_credit(self, stream_id: int, credit: int) -> None:
        """Let the peer send more, once what arrived was put away. `credit` is above zero."""
        self._streams.grant(stream_id, credit)

    def cancel_stream(self, stream_id: int, reason: str) -> None:
        """Give up a stream, ours or the peer's. What is queued on it is dropped."""
        self._streams.cancel(stream_id, reason)

    # -------------------------------------------------------------- what the ends decide

    def check_message(self, message: Received) -> None:
        """Raise when this message must not come now; called before the program sees it."""

    def farewell(self, violation: ProtocolError) -> Sent | None:
        """Give the message that goes out ahead of CLOSE when the peer broke a rule."""
        return None

    # -------------------------------------------------------------- what frames mean

    def _act_on(self, frame: Frame) -> list[Arrival[Received]]:
        if isinstance(frame, MessageFrame):
            return self._on_message(frame)
        if isinstance(frame, CloseFrame):
            return self._on_close(frame)
        if self.state is State.CONNECTING:
            raise HandshakeViolated(f"{type(frame).__name__} before the handshake ended")
        return self._streams.receive(frame)

    def _on_message(self, frame: MessageFrame) -> list[Arrival[Received]]:
        self._parts_bytes += len(frame.payload)
        if self._parts_bytes > self._reads.limit:
            raise MessageTooLarge(
                f"{self._reads.name}: more than {self._reads.limit} bytes in parts"
            )
        self._parts.append(frame.payload)
        if frame.more:
            return []
        encoded = b"".join(self._parts)
        self._parts.clear()
        self._parts_bytes = 0
        message = self._reads.decode(encoded)
        self.check_message(message)
        return [MessageReceived(message, encoded)]

    def _on_close(self, frame: CloseFrame) -> list[Arrival[Received]]:
        if self.state is not State.CLOSING:
            self._streams.drop_all()
            self._queue_frame(CloseFrame(CloseCode.ORDERLY, "goodbye"))
        self.state = State.CLOSED
        return [PeerClosed(frame.code, frame.reason)]

    # -------------------------------------------------------------- bookkeeping

    def _require_open(self) -> None:
        if self.state is not State.OPEN:
            raise ConnectionNotOpen(f"the connection is {self.state.value}")

    def _queue_message(self, message: Sent) -> None:
        if self._control_bytes >= limits.SEND_QUEUE:
            raise SendQueueFull(f"{self._control_bytes} bytes wait for the peer")
        encoded = self._writes.encode(message)
        rest = memoryview(encoded)
        while len(rest) > limits.FRAME_PAYLOAD:
            self._queue_frame(MessageFrame(bytes(rest[: limits.FRAME_PAYLOAD]), more=True))
            rest = rest[limits.FRAME_PAYLOAD :]
        self._queue_frame(MessageFrame(bytes(rest)))

    def _queue_frame(self, frame: Frame) -> None:
        encoded = encode_frame(frame)
        self._control.append(encoded)
        self._control_bytes += len(encoded)

    def _next_frame(self) -> bytes | None:
        if self._control:
            encoded = self._control.popleft()
            self._control_bytes -= len(encoded)
            return encoded
        frame = self._streams.next_frame()
        return None if frame is None else encode_frame(frame)

    def _fail(self, violation: ProtocolError) -> None:
        self._streams.drop_all()
        self._parts.clear()
        self._control.clear()
        self._control_bytes = 0
        message = self.farewell(violation)
        if message is not None:
            self._queue_message(message)
        self._queue_frame(
            CloseFrame(CloseCode.VIOLATION, f"{type(violation).__name__}: {violation}")
        )
        self.state = State.CLOSED
