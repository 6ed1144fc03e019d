"""Open pages hear of what is in their user's reach, and are closed when they may not any more."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from console.access.models import User
from console.core import live_topics
from console.core.consumers import NO_LONGER_ALLOWED
from protocol.events import FileEvent
from protocol.messages import AlertRaised
from tests.console.api_client import make_user
from tests.console.computers import enrolled_endpoint
from tests.console.roles import give_role, manual_group
from tests.live_console import hear, live_console
from threatresponse.alerts.services import store_alerts


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestSockets:
    async def test_tell_of_alerts_in_reach_only(self, valkey: redis.Redis) -> None:
        valkey.flushdb()
        live_topics._redis.cache_clear()
        user, near, far = await sync_to_async(_near_and_far)("alerts.view_alert")
        async with live_console() as console:
            page = await console.browser("/ws/live/alerts/", user)

            await sync_to_async(_raise_alerts)(far, 3)
            await sync_to_async(_raise_alerts)(near, 1)

            news = await hear(page, "news")
            while not news["rows"]:
                news = await hear(page, "news")
            assert (news["count"], len(news["rows"])) == (1, 1)
            assert news["rows"][0]["endpoint"] == str(near.pk)
            assert "counts" not in news

    async def test_of_topics_close_when_their_listener_may_not_any_more(
        self, valkey: redis.Redis
    ) -> None:
        valkey.flushdb()
        live_topics._redis.cache_clear()
        user, near, _ = await sync_to_async(_near_and_far)("alerts.view_alert")
        async with live_console() as console:
            page = await console.browser("/ws/live/alerts/", user)
            await sync_to_async(user.groups.clear)()

            await sync_to_async(_raise_alerts)(near, 1)

            assert await _closed_with(page) == NO_LONGER_ALLOWED


def _near_and_far(*permissions: str) -> tuple[User, Any, Any]:
    near, far = enrolled_endpoint("near"), enrolled_endpoint("far")
    user = make_user("ada")
    give_role(user, *permissions, groups=[manual_group("Near", near)])
    return user, near, far


def _raise_alerts(endpoint: Any, count: int) -> None:
    at = int(timezone.now().timestamp() * 1_000_000)
    raised = [
        AlertRaised(
            id=uuid.uuid4(),
            intel_id=uuid.uuid4(),
            intel_revision=1,
            at=at,
            event=FileEvent(at=at, process=None, operation="create", path="/etc/x"),
            process=None,
            matched=[],
        )
        for _ in range(count)
    ]
    store_alerts([(endpoint.pk, alert, at) for alert in raised])


async def _closed_with(page: Any) -> int | None:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await page.recv()
    code: int | None = page.close_code
    return code
