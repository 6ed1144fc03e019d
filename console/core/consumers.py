"""WebSockets of browsers: who may open one, how it stays open, and the live topics.

Each socket belongs to a login session. It is checked when it opens and every minute after that, so
that a logout or a permission that was taken away closes what is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, ClassVar, Final

import msgspec
import redis.asyncio
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django.utils.module_loading import import_string

from console.core.actor import Actor
from console.core.exceptions import NotFound
from console.core.live_topics import (
    READ_DELAY,
    News,
    newest_position,
    news_for,
    permissions_for,
    read_news,
    topic_group,
)
from console.core.redis import async_client
from console.core.requests import source_address_of

log = logging.getLogger(__name__)

# Application close codes, for the page's script.
NO_LONGER_ALLOWED: Final = 4403
SESSION_OVER: Final = 4410


class SocketConsumer(AsyncWebsocketConsumer):
    """A WebSocket with work beside it: `companions` run from its acceptance to its end."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket from its opening to its end."""
        self._accepted = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                beside = group.create_task(self._run_companions())
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    beside.cancel()
                    if self.is_accepted:
                        await self.ended()
        except* redis.RedisError as lost:
            # The server hangs up when this returns, and the peer comes again.
            log.warning("a socket at %s is closed: %s", scope["path"], lost.exceptions[0])

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message to its handler.

        Channels would go through the database's thread first, for every message, to close stale
        connections; `database_sync_to_async` does that where the database is really used.
        """
        await getattr(self, get_handler_name(message))(message)

    async def accept(self, *arguments: Any, **keywords: Any) -> None:
        """Accept the socket and let the companions run."""
        await super().accept(*arguments, **keywords)
        self._accepted.set()

    async def send(self, *arguments: Any, **keywords: Any) -> None:
        """Send to the peer; one that has gone is not an error."""
        # Its going arrives as `websocket.disconnect`, which ends this consumer.
        with contextlib.suppress(OSError):
            await super().send(*arguments, **keywords)

    @property
    def is_accepted(self) -> bool:
        """Tell whether the socket was accepted."""
        return self._accepted.is_set()

    async def ended(self) -> None:
        """Give back what an accepted socket took. Called however it ends."""

    def companions(self) -> list[Coroutine[Any, Any, None]]:
        """Return coroutines to run while the socket is open."""
        return []

    async def _run_companions(self) -> None:
        await self._accepted.wait()
        async with asyncio.TaskGroup() as group:
            for companion in self.companions():
                group.create_task(companion)


class BrowserConsumer(SocketConsumer):
    """A browser's socket: checked, kept alive, and closed when its login session ends.

    Subclasses say who may listen (`is_allowed`) and what opening needs (`opened`).
    """

    # Seconds. The page's script can tell a dead connection from a quiet one by it, and proxies
    # that drop idle connections after a minute see life.
    keep_alive_interval: ClassVar[float] = 20.0
    checks_every: ClassVar[int] = 3
    _checked_at = float("-inf")

    def is_allowed(self, user: AbstractUser) -> bool:
        """Tell whether this user may have this socket. Called in a thread, again every minute."""
        raise NotImplementedError

    async def opened(self) -> None:
        """Do what opening needs, before the socket is accepted."""

    async def keep(self) -> None:
        """Renew what would go stale; called with every keep-alive."""

    def companions(self) -> list[Coroutine[Any, Any, None]]:
        """Keep the connection alive and its permission checked."""
        return [self._keep_alive()]

    async def connect(self) -> None:
        """Accept a socket of a user who may have it; refuse any other with HTTP 403."""
        user = await self.allowed_user()
        if user is None:
            await self.close()
            return
        self.actor = Actor(user.get_username(), user.pk, _source_address(self.scope))
        await self.opened()
        await self.accept()

    async def allowed_user(self) -> AbstractUser | None:
        """Return the login session's user if it is not over and they may have this socket."""
        return await database_sync_to_async(self._allowed_user)()

    async def stays_allowed(self, *, within: float = 0.0) -> bool:
        """Tell whether the socket's user still may have it, and close it if not.

        A check that is not older than `within` seconds still holds.
        """
        now = asyncio.get_running_loop().time()
        if now - self._checked_at >= within:
            if await self.allowed_user() is None:
                await self.close(NO_LONGER_ALLOWED)
                return False
            self._checked_at = now
        return True

    async def send_packed(self, message: Any) -> None:
        """Send one JSON message."""
        await self.send(text_data=msgspec.json.encode(message).decode())

    async def _keep_alive(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self.keep_alive_interval)
            beats += 1
            if beats % self.checks_every == 0 and await self.allowed_user() is None:
                await self.close(NO_LONGER_ALLOWED)
                return
            await self.keep()
            await self.send_packed({"type": "alive"})

    def _allowed_user(self) -> AbstractUser | None:
        user = _user_of_session(self.scope["session"].session_key)
        return user if user is not None and self.is_allowed(user) else None


class TopicConsumer(BrowserConsumer):
    """One browser that listens to one live topic."""

    topic: str

    def is_allowed(self, user: AbstractUser) -> bool:
        """Ask for one of the topic's permissions."""
        self.topic = self.scope["url_route"]["kwargs"]["topic"]
        try:
            permissions = permissions_for(self.topic)
        except NotFound:
            return False
        return any(user.has_perm(each) for each in permissions)

    async def opened(self) -> None:
        """Join the topic's group and begin behind the newest news.

        In this order: what is published in between is behind the place, or wakes the socket up.
        """
        self._redis = async_client()
        self._news = asyncio.Event()
        await self.channel_layer.group_add(topic_group(self.topic), self.channel_name)
        self._position = await newest_position(self._redis, self.topic)

    async def ended(self) -> None:
        """Leave the group and close the connection to Redis."""
        with contextlib.suppress(redis.asyncio.RedisError, OSError):
            await self.channel_layer.group_discard(topic_group(self.topic), self.channel_name)
        await self._redis.aclose()

    def companions(self) -> list[Coroutine[Any, Any, None]]:
        """Send the news, too."""
        return [*super().companions(), self._send_news()]

    async def keep(self) -> None:
        """Renew the membership, which the layer drops after a day."""
        await self.channel_layer.group_add(topic_group(self.topic), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what a page says here: topics only speak."""

    async def topic_news(self, message: dict[str, Any]) -> None:
        """Note that somebody published."""
        self._news.set()

    async def _send_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._send_unread()
            await asyncio.sleep(READ_DELAY)
            # Whoever published while the window was open woke nobody up.
            await self._send_unread()

    async def _send_unread(self) -> None:
        unread = await read_news(self._redis, self.topic, self._position)
        if unread is None:
            return
        self._position = unread.position
        heard = await database_sync_to_async(self._heard)(unread.news)
        if heard is None:
            await self.close(NO_LONGER_ALLOWED)
        elif heard.count:
            shown = {"count": heard.count, "rows": heard.rows}
            await self.send_packed({"type": "news", "topic": self.topic, **shown})

    def _heard(self, news: News) -> News | None:
        # The user afresh: what they may hear of may have changed since the news before.
        user = self._allowed_user()
        return None if user is None else news_for(user, self.topic, news)


def _source_address(scope: Any) -> str:
    request = HttpRequest()
    request.META = {
        "REMOTE_ADDR": str((scope.get("client") or ("",))[0]),
        "HTTP_X_FORWARDED_FOR": dict(scope["headers"])
        .get(b"x-forwarded-for", b"")
        .decode("latin-1"),
    }
    return source_address_of(request)


def _user_of_session(session_key: str | None) -> AbstractUser | None:
    if session_key is None:
        return None
    # Read afresh: the session of the handshake is what it was when the socket opened.
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key)
    user = get_user(request)
    return user if isinstance(user, AbstractUser) and user.is_active else None
