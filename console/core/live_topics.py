"""News for open pages: what changed just now, by topic, without a message per change.

A program publishes after its commit: it appends to a short stream in Redis and, at most a few times
a second, wakes the browsers' sockets up. Each socket then reads everything that was appended since
it looked last and sends it as one message: the number of changes and the newest rows. Under an
alert storm a browser gets four messages a second, and Channels nearly nothing to carry.

A topic may narrow its news for each listener: whoever may hear of some endpoints only hears, and
counts, nothing of the others.

Live news is a convenience: a page that missed some finds the truth in the database.
"""

from __future__ import annotations

import functools
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis
import redis.asyncio
from asgiref.sync import async_to_sync
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers
from django.db import transaction

from console.core.exceptions import NotFound
from console.core.redis import client

log = logging.getLogger(__name__)

# Sockets read at once when they are woken, and again a little later than the window closes, so
# that whoever published without waking anybody up is read, too. In seconds.
WAKE_WINDOW: Final = 0.4
READ_DELAY: Final = 0.45

NEWEST_ROWS: Final = 20
_LONGEST_STREAM: Final = 256
_STREAM_LIFE: Final = 3600
_TOPIC: Final = re.compile(r"[a-z][a-z-]{0,39}", re.ASCII)

_permissions: dict[str, tuple[str, ...]] = {}


class News(msgspec.Struct, kw_only=True):
    """How many things changed, and the newest of them as rows of JSON, newest first.

    `counts` says of how many each subject, as an endpoint's id, is; topics that narrow read it,
    and no browser gets it.
    """

    count: int
    rows: list[dict[str, Any]]
    counts: dict[str, int] = {}


# A user, who is of no type here: models are not there yet when topics are registered.
Narrow = Callable[[Any, News], News]

_narrowing: dict[str, Narrow] = {}


@dataclass(frozen=True, slots=True)
class Unread:
    """What a socket has not sent yet, and the place in the stream up to which it reaches."""

    news: News
    position: bytes


def register_topic(
    topic: str,
    *,
    permission: str,
    or_permissions: Sequence[str] = (),
    narrow: Narrow | None = None,
) -> None:
    """Name a topic and the permission (`app.codename`), or others, with which one may listen.

    `narrow` leaves of some news what one user may hear; without it, every listener hears all.
    Call it in `AppConfig.ready()`. Raises ValueError for a name that is taken or unfit.
    """
    if not _TOPIC.fullmatch(topic):
        raise ValueError(f"{topic!r} is not a topic name: small letters and hyphens")
    if topic in _permissions:
        raise ValueError(f"topic {topic} is registered twice")
    _permissions[topic] = (permission, *or_permissions)
    if narrow is not None:
        _narrowing[topic] = narrow


def permissions_for(topic: str) -> tuple[str, ...]:
    """Return the permissions of which listeners need one. Raises NotFound."""
    if topic not in _permissions:
        raise NotFound("There is no such topic.")
    return _permissions[topic]


def news_for(user: Any, topic: str, news: News) -> News:
    """Return what of these news this user may hear."""
    narrow = _narrowing.get(topic)
    return news if narrow is None else narrow(user, news)


def topic_group(topic: str) -> str:
    """Name the channel group of a topic's sockets."""
    return f"live.{topic}"


def publish(
    topic: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    count: int | None = None,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Tell open pages, after the commit, that `count` things changed (default: all of `rows`).

    `rows` is newest first; only the first `NEWEST_ROWS` travel. `counts` is as in `News`.
    Redis being away is logged, not raised: what was committed stays committed. Raises NotFound
    for an unknown topic.
    """
    permissions_for(topic)
    newest = [dict(row) for row in rows[:NEWEST_ROWS]]
    number = len(rows) if count is None else count
    news = News(count=number, rows=newest, counts=dict(counts or {}))
    transaction.on_commit(functools.partial(_announce, topic, news))


def stream_key(topic: str) -> str:
    """Name the stream of a topic in Redis."""
    return f"vedette:live:{topic}"


async def newest_position(connection: redis.asyncio.Redis, topic: str) -> bytes:
    """Return the place behind everything that was published so far."""
    newest: Any = await connection.xrevrange(stream_key(topic), count=1)
    return bytes(newest[0][0]) if newest else b"0-0"


async def read_news(connection: redis.asyncio.Redis, topic: str, position: bytes) -> Unread | None:
    """Join everything that was published behind `position`; None when nothing was."""
    entries: Any = await connection.xrange(stream_key(topic), min=b"(" + position)
    if not entries:
        return None
    parts = [msgspec.json.decode(fields[b"news"], type=News) for _, fields in entries]
    newest_first = [row for part in reversed(parts) for row in part.rows]
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    news = News(
        count=sum(part.count for part in parts),
        rows=newest_first[:NEWEST_ROWS],
        counts=dict(counts),
    )
    return Unread(news, entries[-1][0])


@functools.cache
def _redis() -> redis.Redis:
    return client()


def _announce(topic: str, news: News) -> None:
    key = stream_key(topic)
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            # First the news, then the window: whoever finds it open is read by those it woke.
            pipeline.xadd(key, {"news": msgspec.json.encode(news)}, maxlen=_LONGEST_STREAM)
            pipeline.expire(key, _STREAM_LIFE)
            pipeline.set(f"{key}:window", 1, nx=True, px=int(WAKE_WINDOW * 1000))
            _, _, opened_window = pipeline.execute()
        if opened_window:
            async_to_sync(channel_layers[DEFAULT_CHANNEL_LAYER].group_send)(
                topic_group(topic), {"type": "topic.news"}
            )
    except (redis.RedisError, OSError) as error:
        log.warning("open pages do not hear of %d changes (%s): %s", news.count, topic, error)
