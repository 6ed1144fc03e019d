"""One sealed envelope for many endpoints, each of which gets it once it is here.

A broadcast has no row per endpoint in this app: whoever opens one keeps the truth (who has to get
it, who answered) and opens it again when Redis lost it (`lost_broadcasts`). Here it is
an envelope, the set of endpoints that still wait for it, and the set of those it was written to.
Ids of endpoints are 16 bytes in both sets.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import redis

from console.core.redis import (
    BROADCAST_CHANNEL,
    BROADCASTS,
    WITHDRAWN_CHANNEL,
    broadcast_key,
    client,
    sent_key,
    waiting_key,
)

# Ids that go to Redis at once.
_SLICE: Final = 1000
# Above this, an announcement says "look for everybody" instead of naming the endpoints.
_NAMED_AT_MOST: Final = 200
# What was written to whom is still asked for when a broadcast has just ended.
_KEPT_BEHIND_ITS_END: Final = timedelta(hours=1)

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Broadcast:
    """An envelope for many, and when it ends."""

    id: UUID
    envelope: bytes
    expires_at: datetime


def open_broadcast(broadcast: Broadcast, endpoint_ids: Sequence[UUID]) -> None:
    """Let gateways bring it to these endpoints. Call it after the commit; repeat it freely.

    Also adds endpoints to one that is open. Raises `redis.RedisError`.
    """
    until = broadcast.expires_at + _KEPT_BEHIND_ITS_END
    with _redis().pipeline(transaction=False) as pipeline:
        pipeline.set(broadcast_key(broadcast.id), broadcast.envelope, exat=until)
        for slice_ in _slices(endpoint_ids):
            pipeline.sadd(waiting_key(broadcast.id), *(each.bytes for each in slice_))
        pipeline.expireat(waiting_key(broadcast.id), until)
        pipeline.zadd(BROADCASTS, {broadcast.id.bytes: broadcast.expires_at.timestamp()})
        named = endpoint_ids if len(endpoint_ids) <= _NAMED_AT_MOST else ()
        ids = (broadcast.id, *named)
        pipeline.publish(BROADCAST_CHANNEL, b"".join(each.bytes for each in ids))
        pipeline.execute()


def leave_broadcasts(answered: Mapping[UUID, Collection[UUID]]) -> None:
    """Stop to wait for endpoints: broadcast → those that answered. Raises `redis.RedisError`."""
    with _redis().pipeline(transaction=False) as pipeline:
        for broadcast_id, endpoint_ids in answered.items():
            for slice_ in _slices(endpoint_ids):
                pipeline.srem(waiting_key(broadcast_id), *(each.bytes for each in slice_))
        pipeline.execute()


def withdraw_broadcasts(broadcast_ids: Iterable[UUID]) -> None:
    """Bring these to nobody any more; who got it stays known for a while.

    Raises `redis.RedisError`.
    """
    with _redis().pipeline(transaction=False) as pipeline:
        for broadcast_id in broadcast_ids:
            pipeline.delete(broadcast_key(broadcast_id), waiting_key(broadcast_id))
            pipeline.zrem(BROADCASTS, broadcast_id.bytes)
            pipeline.publish(WITHDRAWN_CHANNEL, broadcast_id.bytes)
        pipeline.execute()


def receivers_of(broadcast_id: UUID) -> set[UUID]:
    """Return the endpoints to which it was written. Raises `redis.RedisError`."""
    members: Any = _redis().smembers(sent_key(broadcast_id))
    return {UUID(bytes=member) for member in members}


def lost_broadcasts(waiting: Mapping[UUID, int]) -> list[UUID]:
    """Return those that Redis lost, or for fewer endpoints than these: open them again.

    Raises `redis.RedisError`.
    """
    with _redis().pipeline(transaction=False) as pipeline:
        for broadcast_id in waiting:
            pipeline.exists(broadcast_key(broadcast_id))
            pipeline.zscore(BROADCASTS, broadcast_id.bytes)
            pipeline.scard(waiting_key(broadcast_id))
        found = pipeline.execute()
    return [
        broadcast_id
        for (broadcast_id, count), has_envelope, score, known in zip(
            waiting.items(), found[::3], found[1::3], found[2::3], strict=True
        )
        if not has_envelope or score is None or known < count
    ]


@functools.cache
def _redis() -> redis.Redis:
    # Kept: the ingester comes here with every batch, and connecting takes longer than asking.
    return client()


def _slices(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    remaining = iter(items)
    while slice_ := list(islice(remaining, _SLICE)):
        yield slice_
