"""ASGI applications behind TLS: uvicorn that tells the application who the peer is.

uvicorn can require client certificates but hides them. These protocols put them into
`scope["extensions"]["tls"]`, for HTTP and WebSockets alike::

    {"client_cert_der": bytes | None, "tls_version": "TLSv1.3"}

A certificate that `is_refused` names is turned away before the application sees a byte, and
`close_refused` ends the connections that are open already.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Seconds that requests may take to end when the program is told to stop.
GRACE: Final = 5

# What the head of a request may have, in bytes, and how long it may take, in seconds. uvicorn knows
# neither limit, and strangers come this far.
HEAD_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 10.0

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


class TlsHttpProtocol(HttpToolsProtocol):
    """HTTP with the peer's certificate in the scope, and with limits for the head of a request."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    _has_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

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
        """Begin to serve: the head is there."""
        self._has_head = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the head of the next request."""
        super().on_message_complete()
        self._has_head, self._head_bytes = False, 0

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

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
        return _Server(config)


class _Server(uvicorn.Server):
    """A server among others of one program, which handles the signals for all of them."""

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
