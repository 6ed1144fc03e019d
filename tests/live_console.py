"""The console's two ASGI programs on free ports of this machine, and those who dial them.

Real uvicorn, real TLS with the console's own certificates, real Valkey between the programs. They
run in the test's event loop; what touches the database runs in Django's one thread for it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.conf import settings
from django.utils.module_loading import import_string
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from console.access.models import User
from console.certificates.tls import AUTHORITY_CERTIFICATE, server_context
from console.core.tls_server import Listener
from console.endpoints.models import Endpoint
from protocol.arrivals import MessageReceived, PeerClosed
from protocol.ends import LiveAgentEnd
from protocol.live import (
    CloseSession,
    EventRow,
    EventRows,
    FetchRows,
    LiveDownward,
    LiveUpward,
    SearchEvents,
    SearchRefused,
    SearchStanding,
    SessionOpened,
)
from tests.console.computers import enrolled_endpoint, key_pem, new_key, signing_request
from tests.directconnect.people import session_cookie_of

PATIENCE = 30.0


@dataclass(slots=True)
class Computer:
    """An enrolled endpoint and what it proves its identity with."""

    endpoint: Endpoint
    context: ssl.SSLContext


@dataclass(slots=True)
class LiveConsole:
    """The ports of the two programs, and how tests reach them."""

    web_port: int
    sessions_port: int
    _stack: AsyncExitStack

    @property
    def origin(self) -> str:
        """The address that browsers know."""
        return f"https://127.0.0.1:{self.web_port}"

    async def browser(
        self, path: str, user: User | None, *, origin: str | None = None, **options: Any
    ) -> ClientConnection:
        """Open a WebSocket as a browser does. Raises InvalidStatus when it is refused."""
        cookie = await sync_to_async(session_cookie_of)(user) if user is not None else ""
        return await self._stack.enter_async_context(
            connect(
                f"wss://127.0.0.1:{self.web_port}{path}",
                ssl=trusting_context(),
                origin=Origin(origin or self.origin),
                additional_headers={"Cookie": cookie},
                proxy=None,
                **options,
            )
        )

    async def endpoint(
        self,
        session_id: UUID,
        ticket: str,
        context: ssl.SSLContext,
        *,
        rows: list[EventRow] | None = None,
        **options: Any,
    ) -> LiveEndpoint:
        """Dial in as an endpoint does. Raises InvalidStatus when it is refused."""
        socket = await self._stack.enter_async_context(
            connect(
                f"wss://127.0.0.1:{self.sessions_port}/session/{session_id}",
                ssl=context,
                additional_headers={"Authorization": f"Ticket {ticket}"},
                proxy=None,
                **options,
            )
        )
        endpoint = LiveEndpoint(socket, session_id, rows or [])
        await endpoint.send(
            SessionOpened(session_id=session_id, host_name="web-1", agent_version="0.1.0")
        )
        return endpoint

    async def running(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the test until it ends."""
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        task = group.create_task(work)
        self._stack.callback(task.cancel)


@dataclass(slots=True)
class LiveEndpoint:
    """A small endpoint in a live session: it holds rows, newest first, and answers for them."""

    socket: ClientConnection
    session_id: UUID
    rows: list[EventRow]
    end: LiveAgentEnd = field(default_factory=LiveAgentEnd)
    heard: list[LiveDownward] = field(default_factory=list)
    closed_because: str = ""

    async def send(self, message: LiveUpward) -> None:
        """Send one message."""
        self.end.send_message(message)
        await self._flush()

    async def serve(self) -> None:
        """Answer until the console closes."""
        async for frame in self.socket:
            for arrival in self.end.receive_frame(frame if isinstance(frame, bytes) else b""):
                if isinstance(arrival, PeerClosed):
                    self.closed_because = arrival.reason
                elif isinstance(arrival, MessageReceived):
                    self.heard.append(arrival.message)
                    await self._answer(arrival.message)
            await self._flush()

    async def _answer(self, message: LiveDownward) -> None:
        match message:
            case SearchEvents(search_id=search_id, expression="wrong"):
                refusal = SearchRefused(
                    search_id=search_id, reason="no property", line=1, column=1, expected=("file",)
                )
                await self.send(refusal)
            case SearchEvents(expression="silence"):
                pass
            case SearchEvents(search_id=search_id):
                total = len(self.rows)
                await self.send(
                    SearchStanding(search_id=search_id, total=total // 2, complete=False)
                )
                await self.send(SearchStanding(search_id=search_id, total=total, complete=True))
            case FetchRows():
                await self.send(self._window(message))
            case CloseSession(reason=reason):
                self.closed_because = reason

    def _window(self, asked: FetchRows) -> EventRows:
        return EventRows(
            search_id=asked.search_id,
            offset=asked.offset,
            through=asked.through,
            rows=self.rows[asked.offset : asked.offset + asked.limit],
        )

    async def _flush(self) -> None:
        for frame in self.end.frames_to_send():
            await self.socket.send(frame)


@asynccontextmanager
async def live_console() -> AsyncIterator[LiveConsole]:
    """Run both programs until the block ends."""
    # Each test has an event loop of its own, and a layer belongs to one loop.
    channel_layers.backends.clear()
    async with AsyncExitStack() as stack:
        ports = []
        for application, require_client in (
            ("console.asgi.application", False),
            ("directconnect.asgi.application", True),
        ):
            context = server_context(
                require_client=require_client, keys_directory=settings.KEYS_DIR
            )
            # By name: they are built when they are imported, with the settings of that moment.
            server = Listener(import_string(application), "127.0.0.1", 0, context).server()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            group.create_task(server.serve())
            stack.callback(setattr, server, "should_exit", True)
            await until(lambda server=server: server.started)  # type: ignore[misc] # bound now
            ports.append(server.servers[0].sockets[0].getsockname()[1])
        async with AsyncExitStack() as clients:
            yield LiveConsole(ports[0], ports[1], clients)


def joined_computer(host_name: str = "web-1") -> Computer:
    """Enrol a computer with a key of its own."""
    key = new_key()
    endpoint = enrolled_endpoint(host_name, csr_pem=signing_request(key))
    context = trusting_context()
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        pem = key_pem(key) + endpoint.certificate.certificate.encode()
        Path(file.name).write_bytes(pem)
        context.load_cert_chain(file.name)
    return Computer(endpoint, context)


def trusting_context() -> ssl.SSLContext:
    """Trust the console's authority and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(settings.KEYS_DIR / AUTHORITY_CERTIFICATE)
    return context


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until something is so. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - any condition at all
            await asyncio.sleep(0.01)


async def hear(socket: ClientConnection, kind: str, patience: float = PATIENCE) -> dict[str, Any]:
    """Return the next message of this type that a browser gets; others pass by."""
    async with asyncio.timeout(patience):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def say(socket: ClientConnection, **message: Any) -> None:
    """Send what a page's script sends."""
    await socket.send(json.dumps(message))
