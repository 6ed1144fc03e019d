"""One endpoint's connection: bytes in, protocol events to the reception, frames out.

Runs inside the event loop's callbacks: no task and no queue per endpoint, which is what keeps
thousands of them small. WebSocket framing is the sans-I/O layer of `websockets`, the rules of the
channel are `protocol.ends.GatewayLink`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol, cast
from uuid import UUID

import structlog
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as WebSocketState
from websockets.server import ServerProtocol

from console.gateway.server.limits import Limits
from console.gateway.server.pace import Pace
from protocol import limits as wire
from protocol.arrivals import MessageReceived, PeerClosed
from protocol.connection import State
from protocol.ends import GatewayLink
from protocol.exceptions import ProtocolError
from protocol.frames import HEADER
from protocol.messages import Downward, Hello, Upward

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# websockets logs every connection and every peer's mistake; ours says the latter better.
_websocket_log: Final = logging.getLogger("console.gateway.websockets")
_websocket_log.setLevel(logging.CRITICAL)

# Seconds in which an endpoint must answer our farewell.
FAREWELL_TIMEOUT: Final = 2.0
LARGEST_FRAME: Final = HEADER.size + wire.FRAME_PAYLOAD

# Where TLS writes what arrives, for all connections: it is taken out before the next one reads.
# Without it the event loop makes a buffer of 256 KiB for each read, which costs more than TLS.
_arriving: Final = bytearray(64 * 1024)


class Reception(Protocol):
    """Who decides about links and takes what they receive."""

    limits: Limits

    def identify(self, link: EndpointLink, certificate: bytes | None) -> UUID | None:
        """Tell which endpoint this is, or None when it must not be here."""

    def greet(self, link: EndpointLink, hello: Hello, encoded: bytes) -> None:
        """Take the endpoint in; it is connected when this returns."""

    def receive(self, link: EndpointLink, message: Upward, encoded: bytes) -> None:
        """Take one message after the handshake."""

    def drained(self, link: EndpointLink) -> None:
        """Hear that everything that was sent to this endpoint is written."""

    def lose(self, link: EndpointLink) -> None:
        """Hear that the connection is gone."""


class EndpointLink(asyncio.BufferedProtocol):
    """The gateway's side of one connection."""

    __slots__ = (
        "_bytes",
        "_loop",
        "_messages",
        "_parts",
        "_pause",
        "_reception",
        "_timer",
        "_transport",
        "_websocket",
        "_writable",
        "certificate",
        "delivered",
        "endpoint_id",
        "heard_at",
        "hello",
        "protocol",
        "source_address",
        "told_later_until",
    )

    def __init__(self, reception: Reception) -> None:
        limits = reception.limits
        self._reception = reception
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._messages = Pace(rate=limits.messages_per_second, burst=limits.messages_burst, now=now)
        self._bytes = Pace(rate=limits.bytes_per_second, burst=limits.bytes_burst, now=now)
        self._websocket = ServerProtocol(max_size=LARGEST_FRAME, logger=_websocket_log)
        self._parts: list[bytes] = []
        self._writable = True
        self._transport: asyncio.Transport | None = None
        # Cuts the connection when the handshake or the farewell takes too long.
        self._timer: asyncio.TimerHandle | None = None
        # Ends a pause in reading.
        self._pause: asyncio.TimerHandle | None = None
        self.protocol = GatewayLink()
        self.endpoint_id: UUID | None = None
        self.certificate = b""
        self.source_address = ""
        self.hello: Hello | None = None
        self.heard_at = now
        self.told_later_until = 0.0
        # The highest instruction that was sent here, or that the endpoint had accepted before.
        self.delivered = 0

    # ------------------------------------------------------------------ the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn from the certificate who this is; hang up on strangers."""
        self._transport = cast(asyncio.Transport, transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        peer = transport.get_extra_info("peername")
        self.source_address = str(peer[0]) if peer else ""
        self.endpoint_id = self._reception.identify(self, certificate)
        if self.endpoint_id is None:
            self._transport.abort()
            return
        self.certificate = certificate or b""
        timeout = self._reception.limits.handshake_timeout
        self._timer = self._loop.call_later(timeout, self._cut)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Say where to write what arrives."""
        return _arriving

    def buffer_updated(self, nbytes: int) -> None:
        """Act on bytes from the endpoint."""
        if self.endpoint_id is None:
            return
        self.heard_at = self._loop.time()
        self._websocket.receive_data(bytes(_arriving[:nbytes]))
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._websocket.send_response(self._websocket.accept(event))
            else:
                self._on_frame(cast(Frame, event))
        self._write_websocket()
        self._pause_reading(self._bytes.take(nbytes, now=self.heard_at))

    def eof_received(self) -> bool:
        """Close when the endpoint closed."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the reception, once."""
        self._stop_timer()
        if self._pause is not None:
            self._pause.cancel()
        self._transport = None
        if self.endpoint_id is not None:
            self._reception.lose(self)

    def pause_writing(self) -> None:
        """Stop to write: the endpoint reads slowly."""
        self._writable = False

    def resume_writing(self) -> None:
        """Write what waits."""
        self._writable = True
        self.flush()
        if self._writable and self.is_open:
            self._reception.drained(self)

    # ------------------------------------------------------------------ what the gateway calls

    @property
    def is_open(self) -> bool:
        """Whether Hello was answered and nobody closed."""
        return self._transport is not None and self.protocol.state is State.OPEN

    @property
    def is_busy(self) -> bool:
        """Whether the endpoint has not read what was sent to it."""
        return not self._writable or self.protocol.queued_bytes > 0

    def send(self, message: Downward) -> None:
        """Queue and write a message. Raises `protocol.exceptions.ConnectionMisused`."""
        self.protocol.send_message(message)
        self.flush()

    def welcome(self, *, server_at: int) -> None:
        """Answer Hello; `server_at` in µs."""
        limits = self._reception.limits
        self._stop_timer()
        self.protocol.welcome(
            server_at=server_at,
            heartbeat_interval=limits.heartbeat_interval,
            status_interval=limits.status_interval,
        )
        self.flush()

    def say_goodbye(self, reason: str, *, retry_after: float | None) -> None:
        """Tell the endpoint why it is cut off and when to come back; then close."""
        if self.protocol.state in (State.CONNECTING, State.OPEN):
            self.protocol.say_goodbye(reason, retry_after=retry_after)
            self.flush()
        self.hang_up()

    def hang_up(self) -> None:
        """Close behind what is written already. One that does not answer in time is cut.

        The endpoint closes TCP first: were we to, its kernel could drop what it has not read yet.
        """
        if self._transport is None or self._websocket.state is not WebSocketState.OPEN:
            return
        self._websocket.send_close(CloseCode.NORMAL_CLOSURE)
        self._write_websocket()
        self._stop_timer()
        self._timer = self._loop.call_later(FAREWELL_TIMEOUT, self._cut)

    def flush(self) -> None:
        """Write frames as long as the endpoint reads."""
        if self._websocket.state is not WebSocketState.OPEN:
            return
        while self._writable and (frames := self.protocol.frames_to_send()):
            for frame in frames:
                self._websocket.send_binary(frame)
            self._write_websocket()

    # ------------------------------------------------------------------ inside

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._refuse("a text message")
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                received = b"".join(self._parts)
                self._parts.clear()
                self._on_message(received)

    def _on_message(self, received: bytes) -> None:
        # What still arrives after our farewell is not taken: the endpoint keeps it and sends again.
        if self.protocol.state in (State.CLOSING, State.CLOSED):
            return
        try:
            arrivals = self.protocol.receive_frame(received)
        except ProtocolError as violation:
            self._refuse(f"{type(violation).__name__}: {violation}")
            return
        for arrival in arrivals:
            self._on_arrival(arrival)

    def _on_arrival(self, arrival: Any) -> None:
        match arrival:
            case MessageReceived(message=Hello() as hello, encoded=encoded):
                self.hello = hello
                self.delivered = hello.sequence
                self._reception.greet(self, hello, encoded)
            case MessageReceived(message=message, encoded=encoded):
                self._reception.receive(self, message, encoded)
            case PeerClosed():
                self.flush()
                self.hang_up()
            case _:
                # Streams belong to live sessions; this channel has no use for them yet.
                self._refuse("a stream on the always-on channel")

    def _refuse(self, reason: str) -> None:
        log.warning(
            "gateway.peer_refused",
            endpoint=str(self.endpoint_id),
            reason=reason,
        )
        self.flush()
        self.hang_up()

    def _write_websocket(self) -> None:
        chunks = self._websocket.data_to_send()
        if self._transport is None or not chunks:
            return
        output = b"".join(chunks)
        if output:
            self._transport.write(output)
        # The empty chunk asks for the end of the TCP connection.
        if not chunks[-1]:
            self._transport.close()

    def count_message(self) -> None:
        """Count one message against the endpoint's pace."""
        self._pause_reading(self._messages.take(1, now=self.heard_at))

    def _pause_reading(self, seconds: float) -> None:
        """Read nothing for a while; TCP makes the sender wait."""
        if seconds <= 0 or self._transport is None or self._transport.is_closing():
            return
        if self._pause is None:
            self._transport.pause_reading()
        else:
            self._pause.cancel()
        self._pause = self._loop.call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        self._pause = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
