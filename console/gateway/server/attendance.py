"""Write to Redis who is connected here: changes at once, everybody every few seconds.

The connection itself is watched by TCP keepalive, so this costs nothing per endpoint and minute
but a line in a batch. Who was at another gateway before is announced to that one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import redis.asyncio
import structlog

from console.core.redis import ARRIVALS_CHANNEL
from console.endpoints.presence import GATEWAYS, queue_gone, queue_heard
from console.gateway.arrivals import Arrivals, encode_arrivals
from console.gateway.server.limits import Limits
from console.gateway.server.roster import Roster, computer_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Endpoints written at once; between two slices the event loop serves others.
SLICE: Final = 1000


class Attendance:
    """Keeps the presence of this gateway's endpoints."""

    def __init__(
        self, client: redis.asyncio.Redis, gateway: str, roster: Roster, limits: Limits
    ) -> None:
        self._client = client
        self._gateway = gateway
        self._roster = roster
        self._limits = limits
        self._refreshed_at = 0.0

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                await self._write()
            except (redis.RedisError, OSError) as error:
                # Whoever left meanwhile expires by itself; whoever is here is written again.
                log.warning("gateway.presence_unwritten", reason=str(error))
                self._refreshed_at = 0.0
            await asyncio.sleep(self._limits.presence_delay)

    async def leave(self, endpoint_ids: set[UUID]) -> None:
        """Say that these are gone, without waiting. Raises `redis.RedisError`."""
        await self._write_gone(list(endpoint_ids))

    async def _write(self) -> None:
        came, went = self._roster.take_changes()
        if went:
            await self._write_gone(list(went))
        if came:
            await self._announce(list(came))
        now = time.monotonic()
        if now - self._refreshed_at >= self._limits.presence_refresh:
            self._refreshed_at = now
            await self._write_heard(self._roster.ids())
        elif came:
            await self._write_heard(list(came))

    async def _write_heard(self, ids: Sequence[UUID]) -> None:
        for start in range(0, len(ids), SLICE):
            heard = dict.fromkeys(ids[start : start + SLICE], time.time())
            async with self._client.pipeline(transaction=False) as pipeline:
                queue_heard(pipeline, heard, gateway=self._gateway)
                await pipeline.execute()

    async def _announce(self, ids: Sequence[UUID]) -> None:
        """Tell the gateways from which endpoints came here that they did."""
        for start in range(0, len(ids), SLICE):
            slice_ = ids[start : start + SLICE]
            moved = [
                endpoint_id
                for endpoint_id, holder in await self._holders_of(slice_)
                if holder not in (None, self._gateway.encode())
            ]
            links = ((endpoint_id, self._roster.get(endpoint_id)) for endpoint_id in moved)
            computers = {each: computer_of(link) for each, link in links if link is not None}
            if computers:
                arrivals = Arrivals(self._gateway, computers)
                await self._client.publish(ARRIVALS_CHANNEL, encode_arrivals(arrivals))

    async def _holders_of(self, ids: Sequence[UUID]) -> list[tuple[UUID, bytes | None]]:
        names = [str(endpoint_id) for endpoint_id in ids]
        holders: list[Any] = await self._client.hmget(GATEWAYS, names)
        return list(zip(ids, holders, strict=True))

    async def _write_gone(self, ids: Sequence[UUID]) -> None:
        if not ids:
            return
        # One that moved to another gateway is that one's to report.
        ours = [
            endpoint_id
            for endpoint_id, holder in await self._holders_of(ids)
            if holder == self._gateway.encode()
        ]
        async with self._client.pipeline(transaction=False) as pipeline:
            queue_gone(pipeline, ours)
            await pipeline.execute()
