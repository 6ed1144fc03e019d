"""Bring waiting instructions to connected endpoints.

Wake-ups only name endpoints; the envelopes come from a hash per endpoint in Redis, which the
services write and the reconciler refills. An endpoint that reads slowly gets the rest when it has
read what it got.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import redis.asyncio
import structlog

from console.core.redis import instructions_key
from console.gateway.server.limits import Limits
from console.gateway.server.link import EndpointLink
from console.gateway.server.roster import Roster
from protocol.exceptions import ConnectionMisused, MessageTooLarge
from protocol.messages import Instruct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RETRY_PAUSE: Final = 0.5
GATHER_PAUSE: Final = 0.005
UUID_BYTES: Final = 16


class Delivery:
    """Fetches and sends instructions for the endpoints of this gateway."""

    def __init__(self, client: redis.asyncio.Redis, roster: Roster, limits: Limits) -> None:
        self._client = client
        self._roster = roster
        self._limits = limits
        self._waiting: dict[UUID, None] = {}
        self._woken = asyncio.Event()

    def wake(self, endpoint_ids: Iterable[UUID]) -> None:
        """Look for instructions for these endpoints, as far as they are here."""
        here = [endpoint_id for endpoint_id in endpoint_ids if self._roster.get(endpoint_id)]
        if here:
            self._waiting.update(dict.fromkeys(here))
            self._woken.set()

    def hear(self, announced: bytes) -> None:
        """Take one wake-up: the ids of endpoints, 16 bytes each."""
        self.wake(
            UUID(bytes=announced[start : start + UUID_BYTES])
            for start in range(0, len(announced) - len(announced) % UUID_BYTES, UUID_BYTES)
        )

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._woken.wait()
            # In a storm of connections, one question to Redis serves many of them.
            await asyncio.sleep(GATHER_PAUSE)
            self._woken.clear()
            while self._waiting:
                await self._deliver_slice()

    async def _deliver_slice(self) -> None:
        slice_ = list(self._waiting)[: self._limits.delivery_slice]
        for endpoint_id in slice_:
            del self._waiting[endpoint_id]
        try:
            found = await self._fetch(slice_)
        except (redis.RedisError, OSError) as error:
            log.warning("gateway.instructions_unreadable", reason=str(error))
            self._waiting.update(dict.fromkeys(slice_))
            await asyncio.sleep(RETRY_PAUSE)
            return
        for endpoint_id, envelopes in zip(slice_, found, strict=True):
            link = self._roster.get(endpoint_id)
            if link is not None and envelopes:
                self._send(link, envelopes)

    async def _fetch(self, endpoint_ids: list[UUID]) -> list[dict[bytes, bytes]]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for endpoint_id in endpoint_ids:
                pipeline.hgetall(instructions_key(endpoint_id))
            return list(await pipeline.execute())

    @staticmethod
    def _send(link: EndpointLink, envelopes: dict[bytes, bytes]) -> None:
        for sequence in sorted(map(int, envelopes)):
            if sequence <= link.delivered:
                continue
            # The link says when it is empty again, and the rest is fetched anew.
            if link.is_busy or not link.is_open:
                return
            try:
                link.send(Instruct(envelope=envelopes[b"%d" % sequence]))
            except (ConnectionMisused, MessageTooLarge) as error:
                log.warning(
                    "gateway.instruction_unsent",
                    endpoint=str(link.endpoint_id),
                    reason=str(error),
                )
                return
            link.delivered = sequence
