"""Asking an endpoint for a page of events, and waiting for it."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from directconnect.exceptions import EndpointSilent, SessionOver
from directconnect.searches import PageWanted, search_events
from directconnect.services import close_session
from protocol.live import SearchEvents
from tests.directconnect.people import actor_for, api_of
from tests.directconnect.scene import HOSTILE, Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class TestSearchEvents:
    async def test_searches_a_session_that_is_still_pending(self, scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(
                search_events(scene.session.pk, PageWanted(offset=10, limit=5))
            )
            await asyncio.sleep(0.2)
            await scene.attach()

        page = asked.result()
        assert (page.total, page.complete) == (1200, True)
        assert [event["file"]["path"] for event in page.events] == [
            f"{HOSTILE}{n}" for n in range(1190, 1185, -1)
        ]

    async def test_answers_with_events_and_with_the_place_of_mistakes(self, scene: Scene) -> None:
        await scene.attach()
        api = await sync_to_async(api_of)(scene.user)
        url = f"/api/v1/sessions/{scene.session.pk}/events/"

        good = await sync_to_async(api.get)(url, {"search": "", "limit": "2"})
        bad = await sync_to_async(api.get)(url, {"search": "wrong"})

        assert good.json()["total"] == 1200
        assert len(good.json()["results"]) == 2
        assert bad.status_code == 400
        assert (bad.json()["line"], bad.json()["column"]) == (1, 1)
        assert bad.json()["expected"] == ["file"]

    async def test_leaves_no_search_behind(self, scene: Scene) -> None:
        endpoint = await scene.attach()

        for _ in range(20):
            await search_events(scene.session.pk, PageWanted(limit=1))

        begun = [message for message in endpoint.heard if isinstance(message, SearchEvents)]
        assert len(begun) == 20

    async def test_does_not_wait_for_ever(self, scene: Scene) -> None:
        with pytest.raises(EndpointSilent):
            await search_events(scene.session.pk, PageWanted(), attachment_timeout=0.2)
        await scene.attach()
        with pytest.raises(EndpointSilent):
            await search_events(
                scene.session.pk, PageWanted(expression="silence"), search_timeout=0.2
            )
        await sync_to_async(close_session)(
            scene.session, actor=actor_for(scene.user), now=timezone.now()
        )
        with pytest.raises(SessionOver):
            await search_events(scene.session.pk, PageWanted())
