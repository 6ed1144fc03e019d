"""A small console for tests: the gateway's end of the protocol over real mutual TLS.

It answers as a test tells it, keeps what it heard, and can misbehave on the wire.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from protocol.arrivals import MessageReceived, PeerClosed
from protocol.ends import GatewayLink, LiveConsoleEnd
from protocol.exceptions import ProtocolError
from protocol.instructions import AnyInstruction
from protocol.live import LiveDownward, LiveUpward
from protocol.messages import (
    Acknowledge,
    AlertRaised,
    Downward,
    Durable,
    Goodbye,
    Hello,
    Instruct,
    InstructionCompleted,
    Upward,
)
from protocol.signing import FLEET, FOR_THE_FLEET, seal

Kind = TypeVar("Kind")
DEADLINE = 20.0
YEAR = 365 * 24 * 3600 * 1_000_000


def now() -> int:
    return time.time_ns() // 1000


async def eventually(ask: Callable[[], Kind | None], *, within: float = DEADLINE) -> Kind:
    """Ask again until the answer is true; fail after the deadline."""
    end = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)
    return answer


class Gateway:
    """The console's side of the always-on channel and of live sessions."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.endpoint_id = uuid4()
        self.port = 0
        self.heard: list[Upward] = []
        self.greeted_at: list[float] = []
        self.dialled_at: list[float] = []
        self.sessions: dict[str, LiveEnd] = {}
        self.tickets: dict[str, str] = {}
        self.acknowledges = True
        self.heartbeat_interval = 0.3
        self.status_interval = 0.3
        self.server_at: Callable[[], int] = now
        self.on_dial: Callable[[ServerConnection], Awaitable[None]] | None = None
        self.on_message: Callable[[Upward], Downward | None] = lambda _message: None
        self.goodbye: tuple[str, float | None] | None = None
        self.link: GatewayLink | None = None
        self.socket: ServerConnection | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def alerts(self) -> list[AlertRaised]:
        return self.of(AlertRaised)

    @property
    def outcomes(self) -> list[InstructionCompleted]:
        return self.of(InstructionCompleted)

    async def serve(self, websocket: ServerConnection) -> None:
        self.dialled_at.append(time.monotonic())
        request = websocket.request
        assert request is not None
        if request.path.startswith("/session/"):
            session_id = request.path.rpartition("/")[2]
            self.tickets[session_id] = request.headers.get("Authorization", "")
            await self._serve_session(session_id, websocket)
        elif self.on_dial is not None:
            await self.on_dial(websocket)
        else:
            await self._serve_link(websocket)

    async def send(self, *messages: Downward) -> None:
        assert self.link is not None
        for message in messages:
            self.link.send_message(message)
        await self.flush()

    async def flush(self) -> None:
        assert self.link is not None
        assert self.socket is not None
        for frame in self.link.frames_to_send(1 << 30):
            await self.socket.send(frame)

    async def instruct(
        self,
        instruction: AnyInstruction,
        *,
        sequence: int,
        audience: UUID | None = None,
        **changed: Any,
    ) -> bytes:
        envelope = self.sealed(instruction, sequence=sequence, audience=audience, **changed)
        await self.send(Instruct(envelope=envelope))
        return envelope

    def sealed(
        self,
        instruction: AnyInstruction,
        *,
        sequence: int,
        audience: UUID | None = None,
        issued_at: int | None = None,
        expires_at: int | None = None,
        key: Ed25519PrivateKey | None = None,
    ) -> bytes:
        issued_at = now() if issued_at is None else issued_at
        return seal(
            instruction,
            private_key=key or self.key,
            audience=audience or self._usual_audience(instruction),
            sequence=sequence,
            issued_at=issued_at,
            expires_at=issued_at + YEAR if expires_at is None else expires_at,
        )

    def _usual_audience(self, instruction: AnyInstruction) -> UUID | Literal["*"]:
        return FLEET if isinstance(instruction, FOR_THE_FLEET) else self.endpoint_id

    async def _serve_link(self, websocket: ServerConnection) -> None:
        self.link, self.socket = GatewayLink(), websocket
        link = self.link
        try:
            async for received in websocket:
                assert isinstance(received, bytes)
                for arrival in link.receive_frame(received):
                    if isinstance(arrival, MessageReceived):
                        self._hear(link, arrival.message)
                    elif isinstance(arrival, PeerClosed):
                        return
                for frame in link.frames_to_send():
                    await websocket.send(frame)
        except (ConnectionClosed, ProtocolError):
            return

    def _hear(self, link: GatewayLink, message: Upward) -> None:
        self.heard.append(message)
        if isinstance(message, Hello):
            self.greeted_at.append(time.monotonic())
            if self.goodbye is not None:
                link.say_goodbye(self.goodbye[0], retry_after=self.goodbye[1])
                return
            link.welcome(
                server_at=self.server_at(),
                heartbeat_interval=self.heartbeat_interval,
                status_interval=self.status_interval,
            )
            return
        answer = self.on_message(message)
        if answer is not None:
            link.send_message(answer)
        elif isinstance(message, Durable) and self.acknowledges:
            link.send_message(Acknowledge(ids=[message.id]))
        elif isinstance(message, Goodbye):
            link.close("goodbye")

    async def _serve_session(self, session_id: str, websocket: ServerConnection) -> None:
        end = self.sessions[session_id] = LiveEnd(websocket)
        await end.listen()


class LiveEnd:
    """The analyst's side of one live session."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        self.connection = LiveConsoleEnd()
        self.heard: list[LiveUpward] = []
        self.ended = asyncio.Event()

    async def listen(self) -> None:
        try:
            async for received in self.websocket:
                assert isinstance(received, bytes)
                for arrival in self.connection.receive_frame(received):
                    if isinstance(arrival, MessageReceived):
                        self.heard.append(arrival.message)
                await self._flush()
        except ConnectionClosed:
            return
        finally:
            self.ended.set()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def send(self, message: LiveDownward) -> None:
        self.connection.send_message(message)
        await self._flush()

    async def _flush(self) -> None:
        for frame in self.connection.frames_to_send(1 << 30):
            await self.websocket.send(frame)


@asynccontextmanager
async def listening(
    gateway: Gateway, context: ssl.SSLContext, *, port: int = 0
) -> AsyncIterator[Gateway]:
    server = await serve(
        gateway.serve,
        "127.0.0.1",
        port,
        ssl=context,
        compression=None,
        ping_interval=None,
        max_size=None,
    )
    gateway.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield gateway
    finally:
        server.close()
        await server.wait_closed()
