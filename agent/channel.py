"""Carry a `protocol` connection over a WebSocket that the agent dials.

The socket is mutual TLS with the pinned authority. Nothing here knows what messages mean; a peer
that breaks a rule of the protocol is told so, and the connection ends with the error.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from websockets.asyncio.client import ClientConnection, connect

from agent import __version__
from agent.addresses import Address
from protocol.arrivals import Arrival
from protocol.connection import Connection
from protocol.exceptions import MalformedFrame, ProtocolError
from protocol.frames import HEADER
from protocol.limits import FRAME_PAYLOAD

Received = TypeVar("Received")
Sent = TypeVar("Sent")

OPEN_TIMEOUT = 20.0
CLOSE_TIMEOUT = 3.0
# A console whose program hangs while its kernel lives answers keepalives, but no pings.
PING_INTERVAL = 20.0
PING_TIMEOUT = 20.0
# A console whose network is gone is noticed within 3 + 2 x 2 seconds when nothing is under way,
# and within 8 seconds when something is.
KEEPALIVE_IDLE = 3
KEEPALIVE_INTERVAL = 2
KEEPALIVE_COUNT = 2
USER_TIMEOUT_MS = 8_000


class _Dial(connect):
    """A dial that goes where it was told: a redirect is an answer like any other error."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Refuse to follow redirects."""
        return exc


@asynccontextmanager
async def dial(
    address: Address,
    path: str,
    *,
    context: ssl.SSLContext,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[ClientConnection]:
    """Open a WebSocket to the console for as long as the block runs.

    Raises `OSError` (TLS included), `TimeoutError`, or `websockets.InvalidHandshake`.
    """
    opening = _Dial(
        f"wss://{address}{path}",
        ssl=context,
        additional_headers=headers,
        user_agent_header=f"vedette-agent/{__version__}",
        compression=None,
        # The console is reached as enrolled; a proxy in some environment is not asked.
        proxy=None,
        max_size=HEADER.size + FRAME_PAYLOAD,
        max_queue=16,
        open_timeout=OPEN_TIMEOUT,
        ping_interval=PING_INTERVAL,
        ping_timeout=PING_TIMEOUT,
        close_timeout=CLOSE_TIMEOUT,
    )
    async with opening as websocket:
        notice_dead_peers(websocket.transport.get_extra_info("socket"))
        yield websocket


def notice_dead_peers(connected: socket.socket) -> None:
    """Let the kernel end a TCP connection whose other side is gone within seconds."""
    options = {
        (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): KEEPALIVE_IDLE,
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): KEEPALIVE_INTERVAL,
        (socket.IPPROTO_TCP, "TCP_KEEPCNT"): KEEPALIVE_COUNT,
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): USER_TIMEOUT_MS,
    }
    for (level, name), setting in options.items():
        # Windows and macOS know some of these only.
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(level, option, setting)


class Channel(Generic[Received, Sent]):
    """Moves frames between a WebSocket and the state of its connection."""

    def __init__(self, websocket: ClientConnection, connection: Connection[Received, Sent]) -> None:
        self._websocket = websocket
        self._writing = asyncio.Lock()
        self._connection = connection

    async def receive(self) -> list[Arrival[Received]]:
        """Wait for one frame and tell what arrived with it; the last arrival is `PeerClosed`.

        Raises a `ProtocolError` when the peer breaks a rule (it is told first), and
        `websockets.ConnectionClosed` when it hangs up without a word.
        """
        received = await self._websocket.recv()
        if isinstance(received, str):
            raise MalformedFrame("a text message, where only binary ones are spoken")
        try:
            return self._connection.receive_frame(received)
        except ProtocolError:
            await self.flush()
            raise

    async def send(self, message: Sent) -> None:
        """Send one message. Raises as `Connection.send_message` and `WebSocket.send` do."""
        self._connection.send_message(message)
        await self.flush()

    async def flush(self) -> None:
        """Write everything that the connection has queued; waits for a slow peer."""
        async with self._writing:
            while frames := self._connection.frames_to_send():
                for frame in frames:
                    await self._websocket.send(frame)
