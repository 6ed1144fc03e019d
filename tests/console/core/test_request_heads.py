"""The heads of requests: strangers send them as long and as slowly as they like."""

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
from console.core.tls_server import HEAD_BYTES, Listener, TlsHttpProtocol
from tests.console.computers import prepare_console
from tests.live_console import trusting_context, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def console(transactional_db: None) -> None:
    prepare_console()


@asynccontextmanager
async def connected() -> AsyncIterator[Streams]:
    """Connect to a server that counts the bytes of each body."""
    context = server_context(require_client=False, keys_directory=settings.KEYS_DIR)
    server = Listener(_count, "127.0.0.1", 0, context).server()
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

        async with connected() as (reader, writer), asyncio.timeout(3):
            writer.write(sent)
            if sent.startswith(b"POST"):
                assert await _answered(reader) == b"0"
                # A sign of life, but of no request.
                writer.write(b"\r\n")
            assert await _is_cut_off(reader)
