"""Which endpoints are online, and through which gateway. Lives in Redis only; no ORM here.

Gateways write in batches: a score for each endpoint, the instant (epoch seconds) at which it was
last heard, and the gateway that heard it. An endpoint that is silent for longer than
`SILENCE_LIMIT` is offline, whatever became of its gateway; so is one that was heard as far in the
future, before the clock was set back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

PRESENCE: Final = "presence"
GATEWAYS: Final = "presence:gateways"

# Seconds. Heartbeats come more often, so that one lost packet does not look like a pulled cable;
# a pulled cable shows within ten seconds.
SILENCE_LIMIT: Final = 9.0


@dataclass(frozen=True, slots=True)
class Presence:
    """When an endpoint was last heard (epoch seconds) and the gateway that holds it."""

    heard_at: float
    gateway: str


def queue_heard(pipeline: Any, heard: Mapping[UUID, float], *, gateway: str) -> None:
    """Put onto a Redis pipeline, plain or asyncio, that this gateway heard these endpoints."""
    if heard:
        pipeline.zadd(PRESENCE, {str(endpoint_id): at for endpoint_id, at in heard.items()})
        pipeline.hset(GATEWAYS, mapping=dict.fromkeys(map(str, heard), gateway))


def queue_gone(pipeline: Any, endpoint_ids: Iterable[UUID]) -> None:
    """Put onto a Redis pipeline that these endpoints went away.

    Only for endpoints that this gateway still holds the entry of: one that moved is another's.
    """
    names = [str(endpoint_id) for endpoint_id in endpoint_ids]
    if names:
        pipeline.zrem(PRESENCE, *names)
        pipeline.hdel(GATEWAYS, *names)


def online_ids(client: Any, endpoint_ids: Iterable[UUID], *, now: float) -> set[UUID]:
    """Return those of the endpoints that are online at `now` (epoch seconds)."""
    return set(presence_of(client, endpoint_ids, now=now))


def presence_of(client: Any, endpoint_ids: Iterable[UUID], *, now: float) -> dict[UUID, Presence]:
    """Return when and by whom the endpoints were heard; who is offline is not in it."""
    ids = list(endpoint_ids)
    if not ids:
        return {}
    names = [str(endpoint_id) for endpoint_id in ids]
    scores = client.zmscore(PRESENCE, names)
    gateways = client.hmget(GATEWAYS, names)
    return {
        endpoint_id: Presence(float(score), _text(gateway))
        for endpoint_id, score, gateway in zip(ids, scores, gateways, strict=True)
        if score is not None and abs(now - float(score)) <= SILENCE_LIMIT
    }


def all_online_ids(client: Any, *, now: float) -> set[UUID]:
    """Return every endpoint that is online at `now` (epoch seconds)."""
    names = client.zrangebyscore(PRESENCE, now - SILENCE_LIMIT, now + SILENCE_LIMIT)
    return {UUID(_text(name)) for name in names}


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
