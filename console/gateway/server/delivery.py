"""Bring waiting instructions to connected endpoints.

Envelopes come from the endpoints' mailboxes in Redis, which the services write and the ingester
refills. Wake-ups carry small ones: such a one goes out at once when it is the endpoint's next, and
whenever there may be something before it, the mailbox decides. An endpoint that reads slowly gets
the rest when it has read what it got.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import redis.asyncio
import structlog

from console.core.redis import instructions_key
from console.gateway.exceptions import DamagedWakeUp
from console.gateway.server.limits import Limits
from console.gateway.server.link import EndpointLink
from console.gateway.server.roster import Roster
from console.gateway.wakeups import SealedInstruction, decode_wake_up
from protocol.exceptions import ConnectionMisused, MessageTooLarge
from protocol.messages import Instruct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RETRY_PAUSE: Final = 0.5
GATHER_PAUSE: Final = 0.005


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
        """Take one wake-up of `console.gateway.wakeups`."""
        try:
            wake_up = decode_wake_up(announced)
        except DamagedWakeUp as error:
            # Its instructions are in the mailboxes, if it was one: they go with the next one.
            log.warning("gateway.wake_up_unreadable", reason=str(error))
            return
        self.wake(wake_up.endpoint_ids)
        self.wake(sealed.endpoint_id for sealed in wake_up.carried if not self._send_next(sealed))

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
                _send_all(link, envelopes)

    async def _fetch(self, endpoint_ids: list[UUID]) -> list[dict[bytes, bytes]]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for endpoint_id in endpoint_ids:
                pipeline.hgetall(instructions_key(endpoint_id))
            return list(await pipeline.execute())

    def _send_next(self, sealed: SealedInstruction) -> bool:
        """Send an instruction unless something could be before it; tell whether that is done."""
        link = self._roster.get(sealed.endpoint_id)
        if link is None or sealed.sequence <= link.delivered:
            return True
        return sealed.sequence == link.delivered + 1 and _send(
            link, sealed.sequence, sealed.envelope
        )


def _send_all(link: EndpointLink, envelopes: dict[bytes, bytes]) -> None:
    for sequence in sorted(map(int, envelopes)):
        # The link says when it is empty again, and the rest is fetched anew.
        if sequence > link.delivered and not _send(link, sequence, envelopes[b"%d" % sequence]):
            return


def _send(link: EndpointLink, sequence: int, envelope: bytes) -> bool:
    if link.is_busy or not link.is_open:
        return False
    try:
        link.send(Instruct(envelope=envelope))
    except (ConnectionMisused, MessageTooLarge) as error:
        log.warning("gateway.instruction_unsent", endpoint=str(link.endpoint_id), reason=str(error))
        return False
    link.delivered = sequence
    return True
