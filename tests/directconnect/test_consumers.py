"""The browser's end of live sessions, through the console's two programs."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from websockets.exceptions import ConnectionClosed, InvalidStatus

from console.core.consumers import NO_LONGER_ALLOWED, BrowserConsumer
from console.endpoints.models import ComputerGroupGrant
from directconnect.consumers import CHECKED_EVERY
from protocol.events import FileEvent
from protocol.live import CancelSearch, EventRow, SearchEvents
from tests.directconnect.people import user_with
from tests.directconnect.scene import HOSTILE, Scene
from tests.live_console import (
    hear,
    say,
    until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class TestSearching:
    async def test_shows_the_rows_of_the_window_that_was_asked_for(self, scene: Scene) -> None:
        await scene.attach()
        tab = await scene.tab()
        assert (await hear(tab, "state"))["state"] == "OPEN"

        await say(tab, type="search", search_id=7, expression="", follow=True)
        standing = await hear(tab, "standing")
        while not standing["complete"]:
            standing = await hear(tab, "standing")
        await say(tab, type="fetch", search_id=7, offset=100, limit=50, through=1200)
        rows = await hear(tab, "rows")

        assert (standing["search_id"], standing["total"]) == (7, 1200)
        assert [row["id"] for row in rows["rows"]] == list(range(1100, 1050, -1))
        assert rows["rows"][0]["event"]["file"]["path"] == f"{HOSTILE}1100"

    async def test_begins_before_the_endpoint_has_come(self, scene: Scene) -> None:
        tab = await scene.tab()
        assert (await hear(tab, "state"))["state"] == "PENDING"
        await say(tab, type="search", search_id=1)

        await scene.attach()

        assert (await hear(tab, "state"))["state"] == "OPEN"
        assert (await hear(tab, "standing"))["search_id"] == 1

    async def test_names_the_place_of_a_mistake(self, scene: Scene) -> None:
        await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        await say(tab, type="search", search_id=3, expression="wrong")

        refused = await hear(tab, "refused")
        assert refused == {
            "type": "refused",
            "search_id": 3,
            "line": 1,
            "column": 1,
            "expected": ["file"],
            "reason": "no property",
        }

    async def test_of_two_tabs_do_not_meet(self, scene: Scene) -> None:
        await scene.attach()
        first, second = await scene.tab(), await scene.tab()
        await hear(first, "state")
        await hear(second, "state")

        await say(first, type="search", search_id=1)
        await hear(first, "standing")

        with pytest.raises(TimeoutError):
            await hear(second, "standing", patience=0.5)

    async def test_survives_what_a_tab_should_not_say(self, scene: Scene) -> None:
        await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        await tab.send("[" * 10_000)
        assert "not understood" in (await hear(tab, "refused"))["reason"]
        await tab.send(b"\xff\xff")
        await hear(tab, "refused")
        await say(tab, type="fetch", search_id=99, offset=0, limit=1, through=1)
        assert (await hear(tab, "refused"))["search_id"] == 99
        await say(tab, type="search", search_id=1)
        assert await hear(tab, "standing")

    async def test_a_tab_that_goes_takes_its_searches_along(self, scene: Scene) -> None:
        endpoint = await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")
        await say(tab, type="search", search_id=1)
        await hear(tab, "standing")

        await tab.close()

        await until(lambda: len(endpoint.heard) > 1)
        assert [type(message) for message in endpoint.heard] == [SearchEvents, CancelSearch]

    async def test_a_slow_browser_holds_no_more_than_its_credit(self, scene: Scene) -> None:
        large = FileEvent(at=1, process=None, operation="create", path="x" * 60_000)
        endpoint = await scene.attach([EventRow(id=1, event=large)] * 500)
        tab = await scene.tab(max_queue=1)
        await hear(tab, "state")
        await say(tab, type="search", search_id=1)
        await hear(tab, "standing")

        for offset in range(100):
            await say(tab, type="fetch", search_id=1, offset=offset, limit=50, through=500)
        # Time enough for the console to do wrong: it would ask for all hundred at once.
        await asyncio.sleep(1)

        fetched = [message for message in endpoint.heard if hasattr(message, "offset")]
        # How many fit into the buffers in between is the kernel's and the moment's.
        assert len(fetched) < 60


class TestBrowsers:
    @pytest.mark.parametrize(
        "permissions", [(), ("directconnect.open_session",), ("directconnect.view_session",)]
    )
    async def test_of_other_users_are_refused(
        self, scene: Scene, permissions: tuple[str, ...]
    ) -> None:
        other = await sync_to_async(user_with)(*permissions)

        with pytest.raises(InvalidStatus) as refused:
            await scene.console.browser(scene.path, other)

        assert refused.value.response.status_code == 403

    async def test_without_a_login_are_refused(self, scene: Scene) -> None:
        with pytest.raises(InvalidStatus):
            await scene.console.browser(scene.path, None)

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "https://127.0.0.1:1", "http://127.0.0.1", "null"]
    )
    async def test_on_foreign_pages_are_refused(self, scene: Scene, origin: str) -> None:
        with pytest.raises(InvalidStatus):
            await scene.console.browser(scene.path, scene.user, origin=origin)

    async def test_stay_connected_while_nothing_happens(self, scene: Scene) -> None:
        await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        # Longer than the 5 s after which the channel layer's blocking read begins anew.
        with pytest.raises(TimeoutError):
            await hear(tab, "standing", patience=6.5)

        await say(tab, type="search", search_id=1)
        assert await hear(tab, "standing")

    async def test_are_kept_alive_and_checked(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BrowserConsumer, "keep_alive_interval", 0.05)
        await scene.attach()
        tab = await scene.tab()
        await hear(tab, "alive")

        await sync_to_async(scene.user.groups.clear)()

        with pytest.raises(ConnectionClosed) as closed:
            await hear(tab, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == NO_LONGER_ALLOWED

    async def test_are_closed_at_the_next_message_when_the_endpoint_is_out_of_reach(
        self, scene: Scene
    ) -> None:
        await scene.attach()
        tab = await scene.tab()
        await hear(tab, "state")

        await sync_to_async(ComputerGroupGrant.objects.all().delete)()
        await asyncio.sleep(CHECKED_EVERY)
        await say(tab, type="search", search_id=1)

        with pytest.raises(ConnectionClosed) as closed:
            await hear(tab, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == NO_LONGER_ALLOWED
