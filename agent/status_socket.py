"""Answer `status` to whoever may read the agent's runtime folder: its owner.

A UNIX socket in a private folder: the kernel checks who asks, nothing is written to disk, and
what is shown is true at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import msgspec

from agent.durable_file import PRIVATE_FILE
from agent.exceptions import NotRunning
from protocol.messages import StatusReport

ANSWER_TIMEOUT = 5.0
MAX_ANSWER_BYTES = 1024 * 1024


class LocalStatus(msgspec.Struct, kw_only=True):
    """What a person at the computer may know about its agent. Instants are in µs, UTC."""

    agent_version: str
    process_id: int
    endpoint_id: UUID
    gateway: str
    link: str
    link_reason: str
    connected_at: int
    certificate_until_at: int
    outbox_waiting: int
    report: StatusReport


async def serve_status(path: Path, status: Callable[[], LocalStatus]) -> None:
    """Answer every connection with the present status, until cancelled."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(msgspec.json.encode(status()))
        # Who asks and leaves at once harms nobody.
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    with _listening(path) as listening:
        server = await asyncio.start_unix_server(answer, sock=listening)
        async with server:
            await server.serve_forever()


def ask_status(path: Path) -> LocalStatus:
    """Ask the agent that runs on this home. Raises `NotRunning`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_TIMEOUT)
        try:
            with _short_name(path) as name:
                asking.connect(name)
            answer = b"".join(iter(lambda: asking.recv(65_536), b""))[:MAX_ANSWER_BYTES]
            return msgspec.json.decode(answer, type=LocalStatus)
        except (OSError, msgspec.DecodeError) as error:
            raise NotRunning("The agent does not run, or does not answer.") from error


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_name(path) as name:
            listening.bind(name)
        path.chmod(PRIVATE_FILE)
        yield listening
    finally:
        listening.close()
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """Name a socket in at most 108 bytes (unix(7)), however deep its folder lies."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        shortcut = Path(f"/proc/self/fd/{folder}")
        yield f"{shortcut}/{path.name}" if shortcut.exists() else str(path)
    finally:
        os.close(folder)
