"""ASGI applications behind TLS: uvicorn that tells the application who the peer is.

uvicorn can require client certificates but hides them. These protocols put them into
`scope["extensions"]["tls"]`, for HTTP and WebSockets alike::

    {"client_cert_der": bytes | None, "tls_version": "TLSv1.3"}

A certificate that `is_refused` names is turned away before the application sees a byte, and
`close_refused` ends the connections that are open already.

Strangers come this far: handshakes, heads and bodies that do not go on are given up, and idle
connections make room for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, cast

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from console.core.doorway import BACKLOG, Doorway, HandshakeLimits, allow_many_connections

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# What uvicorn ends with, too, when it cannot start.
CANNOT_LISTEN: Final = 3

# Seconds that requests may take to end when the program is told to stop.
GRACE: Final = 5

# What the head of a request may have, in bytes, and how long it may take, in seconds. uvicorn knows
# neither limit, and strangers come this far.
HEAD_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 10.0

# A body may be as long as its reader allows, but it has to go on: at least so many bytes in so many
# seconds. A line that is worth its name carries a thousand times as much.
BODY_BYTES: Final = 4096
BODY_SECONDS: Final = 30.0

# Open connections of one port, and the part of the process's files that they may be at most.
CONNECTIONS: Final = 4096
CONNECTIONS_OF_FILES: Final = 0.4

# One message of a WebSocket: a search with every character escaped, or a frame of an endpoint.
MESSAGE_BYTES: Final = 512 * 1024


def describe_peer(transport: asyncio.BaseTransport) -> dict[str, object]:
    """Give the ASGI extension for a connection; the certificate is None where there is none."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return {"client_cert_der": None, "tls_version": None}
    return {"client_cert_der": tls.getpeercert(binary_form=True), "tls_version": tls.version()}


def refuse_nobody(certificate: bytes) -> bool:
    """Let every certificate in that TLS itself has verified."""
    return False


class _Config(uvicorn.Config):
    """uvicorn's configuration, and which verified certificates are refused all the same."""

    is_refused: Callable[[bytes], bool] = staticmethod(refuse_nobody)
    most_connections: int = CONNECTIONS
    handshakes: HandshakeLimits


class TlsHttpProtocol(HttpToolsProtocol):
    """HTTP with the peer's certificate in the scope, and with limits for what is waited for."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    body_seconds: ClassVar[float] = BODY_SECONDS
    _has_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _body_bytes = 0
    _body_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Note who the peer is, once per connection."""
        super().connection_made(transport)
        self._peer = describe_peer(transport)
        certificate = self._peer["client_cert_der"]
        is_refused = cast(_Config, self.config).is_refused
        if isinstance(certificate, bytes) and is_refused(certificate):
            transport.abort()
            return
        self._await_head()
        self._keep_within_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the limits with the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and hang up on a head that is longer than allowed."""
        if not self._has_head:
            self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._has_head and self._head_bytes > HEAD_BYTES:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Begin to serve: the head is there, and a body may follow."""
        self._has_head = True
        self._stop_waiting()
        self._await_body()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count what came of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of the next request."""
        self._stop_waiting()
        super().on_message_complete()
        self._has_head, self._head_bytes = False, 0

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the protocol of WebSockets."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    @property
    def idle_since(self) -> float | None:
        """When this connection began to wait for a request (loop seconds); None if it serves one.

        That is until when it would wait, and the wait is the same for all.
        """
        return None if self._head_timer is None else self._head_timer.when()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _await_body(self) -> None:
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self.body_seconds, self._judge_body)

    def _judge_body(self) -> None:
        # A reader that does not keep up is no fault of the peer's.
        if self._body_bytes < BODY_BYTES and not self.flow.read_paused:
            self.transport.abort()
        else:
            self._await_body()

    def _stop_waiting(self) -> None:
        for timer in (self._head_timer, self._body_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._body_timer = None

    def _keep_within_limit(self) -> None:
        """Abort the connection that is idle for longest where there are too many."""
        if len(self.connections) <= cast(_Config, self.config).most_connections:
            return
        idle = [
            (connection.idle_since, connection.transport)
            for connection in self.connections
            if isinstance(connection, TlsHttpProtocol) and connection.idle_since is not None
        ]
        # This one is idle, too: where all others are served, it is the one that has to go.
        min(idle, key=lambda each: each[0])[1].abort()

    def on_message_begin(self) -> None:
        """Add the peer to the scope of the request that begins."""
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope.setdefault("extensions", {})["tls"] = self._peer


class TlsWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets with the peer's certificate in the scope."""

    async def run_asgi(self) -> None:
        """Add the peer to the scope, then run the application."""
        scope = cast("dict[str, Any]", self.scope)
        scope.setdefault("extensions", {})["tls"] = describe_peer(self.transport)
        await super().run_asgi()


@dataclass(frozen=True, slots=True)
class Handshakes:
    """What one port gives to peers that have not finished their TLS handshake; in seconds."""

    handshakes: int = 1024
    handshake_patience: float = 4.0
    handshake_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Listener:
    """One port: what it serves, where, and with which TLS context.

    `application` is an ASGI application or its dotted name `module:attribute`; `is_refused` tells
    whether a verified client certificate (DER) was revoked.
    """

    application: Any
    address: str
    port: int
    context: ssl.SSLContext
    is_refused: Callable[[bytes], bool] = refuse_nobody
    most_connections: int = CONNECTIONS
    handshakes: HandshakeLimits = field(default_factory=Handshakes)

    def server(self) -> _Server:
        """Build the server; nothing listens yet."""
        config = _Config(
            self.application,
            host=self.address,
            port=self.port,
            http=TlsHttpProtocol,
            ws=TlsWebSocketProtocol,
            loop="uvloop",
            lifespan="off",
            ssl_context_factory=lambda _config, _default: self.context,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws_per_message_deflate=False,
            ws_max_size=MESSAGE_BYTES,
            timeout_graceful_shutdown=GRACE,
        )
        config.is_refused = self.is_refused
        config.handshakes = self.handshakes
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        config.most_connections = min(self.most_connections, int(files * CONNECTIONS_OF_FILES))
        return _Server(config)


class _OpenDoorway:
    """A doorway as uvicorn knows its servers; `on_end` is called when it is over."""

    def __init__(
        self, listening: socket.socket, doorway: Doorway, on_end: Callable[[], None]
    ) -> None:
        self.sockets = (listening,)
        self._running = asyncio.get_running_loop().create_task(doorway.run())
        self._running.add_done_callback(lambda _: on_end())

    def close(self) -> None:
        """Accept nobody any more."""
        self._running.cancel()

    async def wait_closed(self) -> None:
        """Wait until the port is closed. Raises what ended the doorway before its time."""
        await asyncio.wait([self._running])
        if not self._running.cancelled():
            self._running.result()


class _Server(uvicorn.Server):
    """A server among others of one program, which handles the signals for all of them."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port behind a doorway: uvicorn itself bounds no handshakes."""
        await self.lifespan.startup()
        config = self.config
        try:
            listening = _listen(config.host, config.port)
        except OSError as error:
            log.error("tls_server.cannot_listen", port=config.port, reason=str(error))  # noqa: TRY400 - as uvicorn does
            await self.lifespan.shutdown()
            sys.exit(CANNOT_LISTEN)
        context = cast(ssl.SSLContext, config.ssl)
        doorway = Doorway(listening, context, self._protocol, cast(_Config, config).handshakes)
        self.servers = [cast(Any, _OpenDoorway(listening, doorway, self._stop))]
        self.started = True

    def _stop(self) -> None:
        self.should_exit = True

    def _protocol(self) -> TlsHttpProtocol:
        state = self.lifespan.state
        return TlsHttpProtocol(config=self.config, server_state=self.server_state, app_state=state)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to `serve_listeners`."""
        yield

    def close_refused(self, is_refused: Callable[[bytes], bool]) -> None:
        """Cut the connections whose certificate (DER) is refused."""
        for connection in list(self.server_state.connections):
            certificate = describe_peer(connection.transport)["client_cert_der"]
            if isinstance(certificate, bytes) and is_refused(certificate):
                connection.transport.abort()


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.create_server((address, port), family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening


@dataclass(slots=True)
class RunningServers:
    """The servers of this program, for whoever must end some of their connections."""

    servers: Sequence[_Server]

    def close_refused(self, is_refused: Callable[[bytes], bool]) -> None:
        """Cut every open connection whose certificate (DER) is refused."""
        for server in self.servers:
            server.close_refused(is_refused)

    def stop(self) -> None:
        """Let requests end, then stop serving."""
        for server in self.servers:
            server.should_exit = True


async def serve_listeners(
    listeners: Sequence[Listener],
    *,
    beside: Sequence[Callable[[RunningServers], Coroutine[Any, Any, None]]] = (),
) -> None:
    """Serve until SIGTERM or SIGINT. `beside` are tasks that run as long as the servers do."""
    allow_many_connections()
    running = RunningServers([listener.server() for listener in listeners])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop)
    async with _companions(running, beside), asyncio.TaskGroup() as group:
        for server in running.servers:
            group.create_task(server.serve())


@contextlib.asynccontextmanager
async def _companions(
    running: RunningServers,
    beside: Sequence[Callable[[RunningServers], Coroutine[Any, Any, None]]],
) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(running)) for run in beside]
        yield
        for task in tasks:
            task.cancel()
