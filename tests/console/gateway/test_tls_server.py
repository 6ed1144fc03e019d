"""What ASGI applications learn about their peers, over HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from console.certificates.tls import fingerprint_of, server_context
from console.core.tls_server import Handshakes, Listener, RunningServers, serve_listeners
from tests.console.gateway.conftest import eventually
from tests.console.gateway.test_hostile_peers import half_open_connections
from tests.console_processes import free_port
from tests.fleet_certificates import FleetAuthority, der_of


async def show_peer(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the scope says about TLS; then keep WebSockets open."""
    tls = scope["extensions"]["tls"]
    der = tls["client_cert_der"]
    answer = {"version": tls["tls_version"], "fingerprint": fingerprint_of(der) if der else None}
    text = json.dumps(answer)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": text})
    while (await receive())["type"] != "websocket.disconnect":
        pass


class Served:
    """A running server and the certificates that it refuses."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.refused: set[bytes] = set()
        self.running: RunningServers | None = None

    def refuses(self, certificate: bytes) -> bool:
        """Tell whether this certificate is refused."""
        return certificate in self.refused


@asynccontextmanager
async def serving(authority: FleetAuthority, **limits: Any) -> AsyncIterator[Served]:
    """Serve `show_peer` with client certificates required."""
    found = Served(free_port())

    async def note(running: RunningServers) -> None:
        found.running = running
        await asyncio.Event().wait()

    listener = Listener(
        application=show_peer,
        address="127.0.0.1",
        port=found.port,
        context=server_context(require_client=True, keys_directory=authority.keys),
        is_refused=found.refuses,
        **limits,
    )
    task = asyncio.get_running_loop().create_task(serve_listeners([listener], beside=[note]))
    await eventually(
        lambda: found.running and all(server.started for server in found.running.servers)
    )
    try:
        yield found
    finally:
        assert found.running is not None
        found.running.stop()
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def served(authority: FleetAuthority) -> AsyncIterator[Served]:
    """Serve with the limits of every day."""
    async with serving(authority) as found:
        yield found


async def get(port: int, context: Any) -> bytes:
    """GET a page and return the whole answer."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


class TestPeer:
    async def test_is_in_the_scope_of_requests(
        self, served: Served, authority: FleetAuthority
    ) -> None:
        certificate = authority.endpoint_certificate(uuid.uuid4())

        answer = await get(served.port, authority.client_context(certificate))

        assert fingerprint_of(der_of(certificate)).encode() in answer
        assert b"TLSv1.3" in answer

    async def test_is_in_the_scope_of_web_sockets(
        self, served: Served, authority: FleetAuthority
    ) -> None:
        certificate = authority.endpoint_certificate(uuid.uuid4())

        async with connect(
            f"wss://localhost:{served.port}/", ssl=authority.client_context(certificate), proxy=None
        ) as websocket:
            answer = json.loads(await websocket.recv())

        assert answer["fingerprint"] == fingerprint_of(der_of(certificate))

    async def test_that_is_refused_sees_nothing_of_the_application(
        self, served: Served, authority: FleetAuthority
    ) -> None:
        certificate = authority.endpoint_certificate(uuid.uuid4())
        served.refused.add(der_of(certificate))

        assert await get(served.port, authority.client_context(certificate)) == b""

    async def test_that_is_refused_later_loses_its_open_connections(
        self, served: Served, authority: FleetAuthority
    ) -> None:
        certificate = authority.endpoint_certificate(uuid.uuid4())
        async with connect(
            f"wss://localhost:{served.port}/", ssl=authority.client_context(certificate), proxy=None
        ) as websocket:
            await websocket.recv()
            served.refused.add(der_of(certificate))
            assert served.running is not None

            served.running.close_refused(served.refuses)

            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), 30)


class TestStrangers:
    async def test_with_half_open_handshakes_keep_nobody_out(
        self, authority: FleetAuthority
    ) -> None:
        limits = Handshakes(handshakes=256, handshake_patience=0.2)
        context = authority.context_for(uuid.uuid4())

        async with serving(authority, handshakes=limits) as served:
            with half_open_connections(served.port, 1000):
                answer = await asyncio.wait_for(get(served.port, context), 30)

        assert b"200 OK" in answer

    async def test_that_do_not_finish_a_handshake_are_cut_off(
        self, authority: FleetAuthority
    ) -> None:
        async with serving(authority, handshakes=Handshakes(handshake_timeout=0.3)) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"\x16\x03\x01")

            assert await asyncio.wait_for(reader.read(), 30) == b""
            writer.close()

    async def test_that_say_nothing_make_room_for_others(self, authority: FleetAuthority) -> None:
        context = authority.context_for(uuid.uuid4())
        async with serving(authority, most_connections=3) as served, AsyncExitStack() as stack:
            idle = []
            for _ in range(3):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", served.port, ssl=context, server_hostname="localhost"
                )
                stack.callback(writer.close)
                idle.append(reader)

            answer = await asyncio.wait_for(get(served.port, context), 30)

            assert b"200 OK" in answer
            # Only the one that had been there for longest.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(idle[-1].read(), 0.2)
            assert await asyncio.wait_for(idle[0].read(), 30) == b""
