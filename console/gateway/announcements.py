"""Listen to what other programs announce through Redis, across restarts of Redis.

A wake-up that was missed is gone, so `on_joined` runs after every (re)connection, once the
channels are joined: whoever loads a state there misses nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import redis.asyncio
import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Seconds to wait for a message before the connection is checked.
SILENCE: Final = 2.0
RETRY_MIN: Final = 0.1
RETRY_MAX: Final = 1.0


class Announcements:
    """The channels of one program: `handlers` maps a channel to what takes its messages."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        handlers: Mapping[str, Callable[[bytes], None]],
        on_joined: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._handlers = {name.encode(): handler for name, handler in handlers.items()}
        self._on_joined = on_joined
        self.joined = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError) as error:
                self.joined.clear()
                log.warning("announcements.lost", reason=str(error))
            await asyncio.sleep(random.uniform(RETRY_MIN, RETRY_MAX))  # noqa: S311 - jitter

    async def _listen(self) -> None:
        async with self._client.pubsub() as channels:
            await channels.subscribe(*self._handlers)
            await self._on_joined()
            self.joined.set()
            while True:
                message = await channels.get_message(
                    ignore_subscribe_messages=True, timeout=SILENCE
                )
                if message is None:
                    # A Redis whose host vanished stays silent for ever: ask whether it is there.
                    await channels.ping()
                elif message["type"] == "message":
                    self._handlers[message["channel"]](message["data"])
