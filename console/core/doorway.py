"""Let peers in: accept, TLS handshake, then a protocol of their own.

Handshakes are counted. When too many are under way, the oldest slow one makes room: a thousand
peers that never finish cannot keep others out, and a storm of honest ones is worked off in
cohorts instead of timing out together.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BACKLOG: Final = 4096
FILES: Final = 65_536
# Seconds to wait when the process has no file descriptor left.
EXHAUSTED_PAUSE: Final = 0.2
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def allow_many_connections() -> None:
    """Let this process open as many files as it may: each connection is one.

    Many systems begin with 1,024, for the sake of programs that could not count further.
    """
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(files, min(most, FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class HandshakeLimits(Protocol):
    """How many handshakes may be under way, and for how many seconds."""

    @property
    def handshakes(self) -> int:
        """How many at once."""

    @property
    def handshake_patience(self) -> float:
        """The age above which the oldest makes room when there are as many."""

    @property
    def handshake_timeout(self) -> float:
        """The age at which any is given up."""


class Doorway:
    """Accepts on `listening` and makes a protocol for each peer that finished its handshake."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        limits: HandshakeLimits,
    ) -> None:
        self._listening = listening
        self._context = context
        self._make_protocol = make_protocol
        self._limits = limits
        # Handshakes under way and when each began (loop seconds), oldest first.
        self._handshakes: dict[asyncio.Task[None], float] = {}
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Accept until cancelled; then close the port and drop handshakes under way."""
        with self._listening:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._wait_for_room()
                    connection = await self._accept()
                    if connection is not None:
                        task = group.create_task(self._shake_hands(connection))
                        self._handshakes[task] = asyncio.get_running_loop().time()
                        task.add_done_callback(self._forget)

    async def _accept(self) -> socket.socket | None:
        try:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)
        except OSError as error:
            # The peer went away again, or there is nothing left to accept with.
            if error.errno in _EXHAUSTED:
                log.warning("doorway.cannot_accept", reason=str(error))
                await asyncio.sleep(EXHAUSTED_PAUSE)
            return None
        return connection

    async def _wait_for_room(self) -> None:
        limits = self._limits
        while len(self._handshakes) >= limits.handshakes:
            oldest, began = next(iter(self._handshakes.items()))
            left = began + limits.handshake_patience - asyncio.get_running_loop().time()
            if left <= 0:
                oldest.cancel()
                del self._handshakes[oldest]
                return
            self._ended.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._ended.wait()

    async def _shake_hands(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake_timeout,
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as error:
            # Not logged one by one: whoever reaches the port could fill the disk.
            log.debug("doorway.handshake_failed", reason=str(error))
            connection.close()
            if isinstance(error, asyncio.CancelledError):
                raise

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        self._ended.set()
