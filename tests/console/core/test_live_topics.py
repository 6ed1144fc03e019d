"""Live topics: news for open pages, a few messages a second whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session as LoginSession
from django.db import transaction
from websockets.exceptions import ConnectionClosed, InvalidStatus

from console.core import consumers, live_topics
from console.core.consumers import BrowserConsumer
from console.core.exceptions import NotFound
from console.core.live_topics import publish, register_topic, stream_key
from console.core.tls_server import MESSAGE_BYTES
from tests.console.computers import prepare_console
from tests.directconnect.people import user_with
from tests.live_console import LiveConsole, hear, live_console

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/ws/live/alerts/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def running(valkey: redis.Redis) -> AsyncIterator[LiveConsole]:
    """Run the console's programs."""
    valkey.flushdb()
    live_topics._redis.cache_clear()
    await sync_to_async(prepare_console)()
    async with live_console() as console:
        yield console


@sync_to_async
def say(number: int, *, count: int | None = None) -> None:
    """Publish one row."""
    publish("alerts", [{"number": number, "name": HOSTILE}], count=count)


class TestRegisterTopic:
    @pytest.mark.parametrize("topic", ["", "Alerts", "a b", "../x", "alerts"])
    def test_refuses_names_that_are_unfit_or_taken(self, topic: str) -> None:
        with pytest.raises(ValueError, match="topic"):
            register_topic(topic, permission="alerts.view_alert")


class TestPublish:
    def test_refuses_a_topic_that_nobody_registered(self) -> None:
        with pytest.raises(NotFound):
            publish("weather", [])

    def test_says_nothing_when_the_transaction_fails(self, valkey: redis.Redis) -> None:
        valkey.flushdb()

        def fail() -> None:
            with transaction.atomic():
                publish("alerts", [{}])
                raise RuntimeError("rolled back")

        with pytest.raises(RuntimeError):
            fail()
        assert valkey.xlen(stream_key("alerts")) == 0

    def test_keeps_a_short_stream(self, valkey: redis.Redis) -> None:
        valkey.flushdb()

        for number in range(300):
            publish("alerts", [{"number": number}])

        assert valkey.xlen(stream_key("alerts")) <= 300


@pytest.mark.slow
class TestTopicConsumer:
    async def test_tells_the_count_and_the_newest_rows(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        await say(1)

        news = await hear(page, "news")
        assert news["count"] == 1
        assert news["rows"] == [{"number": 1, "name": HOSTILE}]

    async def test_joins_what_comes_fast(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        for number in range(100):
            await say(number, count=10)
        total, messages, newest = 0, 0, -1
        while total < 1000:
            news = await hear(page, "news")
            total, messages = total + news["count"], messages + 1
            newest = news["rows"][0]["number"]

        assert (total, newest) == (1000, 99)
        assert messages < 20

    async def test_tells_only_what_is_new(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        await say(1)
        await asyncio.sleep(0.5)
        page = await running.browser(PATH, user)

        await say(2)

        assert (await hear(page, "news"))["count"] == 1

    async def test_misses_nothing_that_comes_while_the_socket_opens(
        self, running: LiveConsole, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")

        async def news_in_between(*arguments: Any) -> bytes:
            position = await live_topics.newest_position(*arguments)
            await say(1)
            return position

        monkeypatch.setattr(consumers, "newest_position", news_in_between)
        page = await running.browser(PATH, user)

        assert (await hear(page, "news"))["count"] == 1

    @pytest.mark.parametrize(
        ("path", "permission"),
        [(PATH, "intel.view_inteldocument"), ("/ws/live/weather/", "alerts.view_alert")],
    )
    async def test_is_refused_without_permission_and_for_unknown_topics(
        self, running: LiveConsole, path: str, permission: str
    ) -> None:
        user = await sync_to_async(user_with)(permission)

        with pytest.raises(InvalidStatus):
            await running.browser(path, user)

    @pytest.mark.parametrize("path", ["/", "/ws/", "/ws/live/../../etc/", "/ws/nothing/"])
    async def test_every_other_socket_is_refused(self, running: LiveConsole, path: str) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")

        with pytest.raises(InvalidStatus) as refused:
            await running.browser(path, user)

        assert refused.value.response.status_code == 403

    async def test_stays_open_while_nothing_happens(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        # Longer than the 5 s after which the channel layer's blocking read begins anew.
        with pytest.raises(TimeoutError):
            await hear(page, "news", patience=6.5)

        await say(1)
        assert (await hear(page, "news"))["count"] == 1

    async def test_hangs_up_when_redis_is_lost_and_lets_the_page_come_again(
        self, running: LiveConsole, valkey: redis.Redis
    ) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        valkey.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(ConnectionClosed):
            await hear(page, "never")
        page = await running.browser(PATH, user)
        await say(1)

        assert (await hear(page, "news"))["count"] == 1

    async def test_ends_with_the_login(
        self, running: LiveConsole, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BrowserConsumer, "keep_alive_interval", 0.05)
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)
        await hear(page, "alive")

        await LoginSession.objects.all().adelete()

        with pytest.raises(ConnectionClosed):
            await hear(page, "never")

    async def test_hangs_up_on_a_message_that_no_page_sends(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        await page.send("x" * (MESSAGE_BYTES + 1))

        with pytest.raises(ConnectionClosed) as closed:
            await hear(page, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009

    async def test_does_not_mind_what_a_page_says(self, running: LiveConsole) -> None:
        user = await sync_to_async(user_with)("alerts.view_alert")
        page = await running.browser(PATH, user)

        await page.send(json.dumps({"type": "topic.news"}))
        await page.send(b"\xff" * 1000)
        await say(1)

        assert (await hear(page, "news"))["count"] == 1
