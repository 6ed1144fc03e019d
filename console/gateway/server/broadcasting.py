"""Bring broadcasts to the endpoints that are here, and to others when they say Hello.

What is open is known from announcements, and read anew after every (re)connection to Redis. Who
still waits stands in a set in Redis; to whom this program wrote during the present connection, it
remembers itself. An endpoint that reads slowly gets the rest when it has read what it got.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

import redis.asyncio
import structlog

from console.core.redis import BROADCASTS, broadcast_key, sent_key, waiting_key
from console.gateway.server.limits import Limits
from console.gateway.server.link import EndpointLink
from console.gateway.server.roster import Roster
from protocol.codec import UPWARD
from protocol.exceptions import ConnectionMisused, MessageTooLarge
from protocol.instructions import AskQuestion
from protocol.messages import Instruct, QuestionAnswered
from protocol.questions import FAILED, SensorFailure

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RETRY_PAUSE: Final = 0.5
GATHER_PAUSE: Final = 0.005
UUID_BYTES: Final = 16

# Seconds for which it stays known who got a broadcast that has ended.
_KEPT: Final = 3600
_EVERYBODY: Final[frozenset[UUID]] = frozenset()

NEEDED_CAPABILITY: Final = str(AskQuestion.__struct_config__.tag)
TOO_OLD: Final = "The agent is too old to answer questions: update it."

# Takes a message that the gateway wrote in an endpoint's stead; tells whether there was room.
Substitute = Callable[[UUID, bytes], bool]


@dataclass(slots=True)
class _OpenBroadcast:
    """`told` are the endpoints that got it over their present connection."""

    instruct: Instruct
    expires_at: float
    told: set[UUID] = field(default_factory=set)


class Broadcasting:
    """Sends open broadcasts to the endpoints of this gateway.

    Agents that do not know such instructions get none: `answer_for` hands on that they failed.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        roster: Roster,
        limits: Limits,
        *,
        answer_for: Substitute,
    ) -> None:
        self._client = client
        self._roster = roster
        self._limits = limits
        self._answer_for = answer_for
        self._open: dict[UUID, _OpenBroadcast] = {}
        # Announced and not brought yet, with the endpoints that were named; an empty set is all.
        self._announced: dict[UUID, frozenset[UUID]] = {}
        # Endpoints for which every open broadcast is looked through.
        self._arrived: dict[UUID, None] = {}
        self._woken = asyncio.Event()

    # ------------------------------------------------------------------ what the gateway calls

    def hear(self, announced: bytes) -> None:
        """Take one announcement: a broadcast's id and the ids of endpoints, 16 bytes each."""
        ids = _ids_of(announced)
        if not ids:
            log.warning("gateway.announcement_unreadable", size=len(announced))
            return
        broadcast_id, named = ids[0], frozenset(ids[1:])
        before = self._announced.get(broadcast_id)
        if before is not None:
            named = before | named if before and named else _EVERYBODY
        self._announced[broadcast_id] = named
        self._woken.set()

    def hear_withdrawn(self, announced: bytes) -> None:
        """Forget broadcasts that ended before their time."""
        for broadcast_id in _ids_of(announced):
            self._open.pop(broadcast_id, None)
            self._announced.pop(broadcast_id, None)

    def greet(self, endpoint_id: UUID) -> None:
        """Look for what waits for an endpoint that has just connected."""
        for broadcast in self._open.values():
            broadcast.told.discard(endpoint_id)
        self.resume(endpoint_id)

    def resume(self, endpoint_id: UUID) -> None:
        """Go on with an endpoint that has read what was sent to it."""
        if self._open or self._announced:
            self._arrived[endpoint_id] = None
            self._woken.set()

    async def load(self) -> None:
        """Read which broadcasts are open and bring them to everybody. Raises `redis.RedisError`."""
        open_ids: list[Any] = await self._client.zrangebyscore(BROADCASTS, time.time(), "+inf")
        for encoded in open_ids:
            self._announced[UUID(bytes=encoded)] = _EVERYBODY
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._woken.wait()
            # In a storm of connections, one question to Redis serves many of them.
            await asyncio.sleep(GATHER_PAUSE)
            self._woken.clear()
            try:
                await self._deliver_announced()
                await self._deliver_arrived()
            except (redis.RedisError, OSError) as error:
                log.warning("gateway.broadcasts_unreadable", reason=str(error))
                self._woken.set()
                await asyncio.sleep(RETRY_PAUSE)

    # ------------------------------------------------------------------ inside

    async def _deliver_announced(self) -> None:
        while self._announced:
            broadcast_id, named = next(iter(self._announced.items()))
            if await self._read(broadcast_id):
                # In slices, so that a question to thousands lets other work through in between.
                for slice_ in _slices(named or self._roster.ids(), self._limits.delivery_slice):
                    await self._deliver({broadcast_id: slice_})
            # Meanwhile it may have been announced anew, for others.
            if self._announced.get(broadcast_id) is named:
                del self._announced[broadcast_id]

    async def _deliver_arrived(self) -> None:
        while self._arrived:
            slice_ = list(islice(self._arrived, self._limits.delivery_slice))
            now = time.time()
            self._open = {at: each for at, each in self._open.items() if each.expires_at > now}
            await self._deliver(dict.fromkeys(self._open, slice_))
            for endpoint_id in slice_:
                self._arrived.pop(endpoint_id, None)

    async def _read(self, broadcast_id: UUID) -> bool:
        if broadcast_id in self._open:
            return True
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(broadcast_key(broadcast_id))
            pipeline.zscore(BROADCASTS, broadcast_id.bytes)
            envelope, expires_at = await pipeline.execute()
        if envelope is None or expires_at is None or expires_at <= time.time():
            return False
        self._open[broadcast_id] = _OpenBroadcast(Instruct(envelope=envelope), expires_at)
        return True

    async def _deliver(self, wanted: dict[UUID, list[UUID]]) -> None:
        """Send each broadcast to those of its endpoints that are here and still wait for it."""
        here = {
            broadcast_id: [each for each in endpoint_ids if self._may_get(broadcast_id, each)]
            for broadcast_id, endpoint_ids in wanted.items()
        }
        here = {broadcast_id: ids for broadcast_id, ids in here.items() if ids}
        if not here:
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for broadcast_id, ids in here.items():
                pipeline.smismember(waiting_key(broadcast_id), [each.bytes for each in ids])
            found = await pipeline.execute()
        sent: dict[UUID, list[UUID]] = {}
        for (broadcast_id, ids), waits in zip(here.items(), found, strict=True):
            waiting = [each for each, is_waiting in zip(ids, waits, strict=True) if is_waiting]
            sent[broadcast_id] = [each for each in waiting if self._send(broadcast_id, each)]
        await self._note_sent(sent)

    def _may_get(self, broadcast_id: UUID, endpoint_id: UUID) -> bool:
        broadcast = self._open.get(broadcast_id)
        return (
            broadcast is not None
            and endpoint_id not in broadcast.told
            and self._roster.get(endpoint_id) is not None
        )

    def _send(self, broadcast_id: UUID, endpoint_id: UUID) -> bool:
        """Tell whether it was written. One that cannot take it now comes again when it can."""
        link, broadcast = self._roster.get(endpoint_id), self._open.get(broadcast_id)
        # It left, or the broadcast was withdrawn, while Redis was asked.
        if link is None or broadcast is None or not link.is_open or link.is_busy:
            return False
        if not _understands(link):
            if self._answer_for(endpoint_id, _failure(broadcast_id, endpoint_id)):
                broadcast.told.add(endpoint_id)
            return False
        try:
            link.send(broadcast.instruct)
        except (ConnectionMisused, MessageTooLarge) as error:
            log.warning("gateway.broadcast_unsent", endpoint=str(endpoint_id), reason=str(error))
            return False
        broadcast.told.add(endpoint_id)
        return True

    async def _note_sent(self, sent: dict[UUID, list[UUID]]) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for broadcast_id, ids in sent.items():
                broadcast = self._open.get(broadcast_id)
                if broadcast is not None and ids:
                    key = sent_key(broadcast_id)
                    pipeline.sadd(key, *(each.bytes for each in ids))
                    pipeline.expireat(key, int(broadcast.expires_at) + _KEPT)
            await pipeline.execute()


def _understands(link: EndpointLink) -> bool:
    return link.hello is not None and NEEDED_CAPABILITY in link.hello.capabilities


def _failure(question_id: UUID, endpoint_id: UUID) -> bytes:
    """Write what the agent would answer if it could. The id is the one that it would have."""
    return UPWARD.encode(
        QuestionAnswered(
            id=uuid5(question_id, f"{endpoint_id}/0"),
            question_id=question_id,
            outcome=FAILED,
            failures=[SensorFailure(name="", reason=TOO_OLD)],
        )
    )


def _ids_of(joined: bytes) -> list[UUID]:
    whole = len(joined) - len(joined) % UUID_BYTES
    return [UUID(bytes=joined[at : at + UUID_BYTES]) for at in range(0, whole, UUID_BYTES)]


def _slices(ids: Iterable[UUID], size: int) -> Iterator[list[UUID]]:
    remaining = iter(ids)
    while slice_ := list(islice(remaining, size)):
        yield slice_
