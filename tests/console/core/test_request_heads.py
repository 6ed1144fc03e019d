"""Heads and bodies of requests: strangers send them as long and as slowly as they like."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.conf import settings

from console.certificates.tls import server_context
from console.core.tls_server import BODY_BYTES, HEAD_BYTES, Listener, TlsHttpProtocol
from tests.console.computers import prepare_console
from tests.live_console import trusting_context, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def console(transactional_db: None) -> None:
    prepare_console()


@asynccontextmanager
async def connected(application: Any = None) -> AsyncIterator[Streams]:
    """Connect to a server of this application, or to one that counts the bytes of each body."""
    context = server_context(require_client=False, keys_directory=settings.KEYS_DIR)
    server = Listener(application or _count, "127.0.0.1", 0, context).server()
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting_context())
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            server.should_exit = True


async def _count(_scope: Any, receive: Any, send: Any) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    answer = str(length).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _count_late(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1.0)
    await _count(scope, receive, send)


async def _answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def _is_cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except (ConnectionError, ssl.SSLError):
        return True


class TestHeads:
    async def test_that_never_end_are_cut_off(self) -> None:
        async with connected() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n")
            with contextlib.suppress(OSError):
                for number in range(64):
                    writer.write(b"X-%d: " % number + b"a" * HEAD_BYTES + b"\r\n")
                    await writer.drain()

            assert await _is_cut_off(reader)

    async def test_may_be_followed_by_bodies_of_any_length_on_one_connection(self) -> None:
        async with connected() as (reader, writer):
            for length in (10 * HEAD_BYTES, 0, 3):
                writer.write(REQUEST % length + b"x" * length)
                assert await _answered(reader) == str(length).encode()

    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"\r\n", REQUEST % 0])
    async def test_that_do_not_come_are_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch, sent: bytes
    ) -> None:
        monkeypatch.setattr(TlsHttpProtocol, "head_seconds", 0.3)

        async with connected() as (reader, writer), asyncio.timeout(30):
            writer.write(sent)
            if sent.startswith(b"POST"):
                assert await _answered(reader) == b"0"
                # A sign of life, but of no request.
                writer.write(b"\r\n")
            assert await _is_cut_off(reader)


class TestBodies:
    @pytest.fixture(autouse=True)
    def patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(TlsHttpProtocol, "body_seconds", 0.3)

    @pytest.mark.parametrize("sent", [b"", b"x" * 1000, b"x" * (BODY_BYTES + 1)])
    async def test_that_do_not_go_on_are_cut_off(self, sent: bytes) -> None:
        async with connected() as (reader, writer), asyncio.timeout(30):
            writer.write(REQUEST % 100_000 + sent)

            assert await _is_cut_off(reader)

    async def test_that_trickle_are_cut_off(self) -> None:
        async with connected() as (reader, writer), asyncio.timeout(30):
            writer.write(REQUEST % 100_000)
            ended = asyncio.get_running_loop().create_task(_is_cut_off(reader))

            with contextlib.suppress(OSError):
                while not ended.done():
                    writer.write(b"x")
                    await asyncio.sleep(0.05)

            assert await ended

    async def test_that_go_on_slowly_take_the_time_that_they_take(self) -> None:
        async with connected() as (reader, writer), asyncio.timeout(10):
            writer.write(REQUEST % (10 * BODY_BYTES))
            for _ in range(10):
                writer.write(b"x" * BODY_BYTES)
                await asyncio.sleep(0.15)

            assert await _answered(reader) == str(10 * BODY_BYTES).encode()

    async def test_may_wait_for_a_slow_reader(self) -> None:
        async with connected(_count_late) as (reader, writer), asyncio.timeout(10):
            writer.write(REQUEST % 2_000_000 + b"x" * 2_000_000)

            assert await _answered(reader) == b"2000000"
