"""The agent's own end of a live session against the console's own: nothing of either is played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from asgiref.sync import sync_to_async
from django.utils import timezone
from websockets.asyncio.client import ClientConnection

from agent.addresses import Address
from agent.live_session import IDLE_TIMEOUT
from agent.sessions import Sessions
from console.core.consumers import BrowserConsumer
from directconnect.endpoint_consumer import EndpointConsumer
from directconnect.models import Session
from directconnect.searches import PageWanted, search_events
from directconnect.services import open_session
from eventstore.store import EventStore
from protocol.event_json import event_from_json
from protocol.events import Event, Process, ProcessStarted
from protocol.instructions import OpenSession
from tests.directconnect import online
from tests.directconnect.people import actor_for, user_with
from tests.directconnect.received import waiting_instructions
from tests.live_console import hear, joined_computer, live_console, say, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# How much faster than on a real day the clocks of idleness go where a test waits for their end.
FASTER = 300

BEGAN = 1_790_000_000_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """A session that the agent has joined, what it recorded, and the session's page."""

    session: Session
    store: EventStore
    page: ClientConnection


def started(number: int) -> Event:
    """Record that a program started."""
    at = BEGAN + number
    process = Process(
        key=number + 1,
        pid=number + 1,
        started_at=at,
        path="/bin/echo" if number % 2 else "/bin/cat",
        arguments=("x", str(number)),
    )
    return ProcessStarted(at=at, process=process)


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    """Record some events."""
    store = EventStore.open(tmp_path / "recorder.db", key=bytes(32))
    store.append([started(number) for number in range(2000)])
    return store


@asynccontextmanager
async def joined_session(
    valkey: redis.Redis, store: EventStore, *, idle_timeout: float = IDLE_TIMEOUT
) -> AsyncIterator[Scene]:
    """Let the agent join a live session, and open its page."""
    valkey.flushdb()
    user = await sync_to_async(user_with)("directconnect.open_session")
    computer = await sync_to_async(joined_computer)()
    now = timezone.now()
    online.hear(valkey, computer.endpoint, at=now.timestamp())
    session = await sync_to_async(open_session)(computer.endpoint, actor=actor_for(user), now=now)
    (instruction,) = await sync_to_async(waiting_instructions)(
        computer.endpoint, OpenSession, now=now
    )
    async with live_console() as console, asyncio.TaskGroup() as group:
        sessions = Sessions(
            store=store,
            host_name="web-1",
            context=lambda: computer.context,
            own_console=lambda: Address("127.0.0.1", console.sessions_port),
            idle_timeout=idle_timeout,
        )
        running = group.create_task(sessions.run())
        await asyncio.sleep(0)
        assert "attached" in await sessions.open(instruction)
        page = await console.browser(f"/ws/sessions/{session.pk}/", user)
        yield Scene(session, store, page)
        running.cancel()
    store.close()


@pytest.fixture
async def scene(valkey: redis.Redis, store: EventStore) -> AsyncIterator[Scene]:
    """Let the agent join a live session, and open its page."""
    async with joined_session(valkey, store) as scene:
        yield scene


@pytest.fixture
async def fast_scene(
    valkey: redis.Redis, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    """Do so on clocks that make of ten minutes two seconds, at every end alike."""
    for consumer, name in (
        (EndpointConsumer, "idle_limit"),
        (EndpointConsumer, "housekeeping_interval"),
        (BrowserConsumer, "keep_alive_interval"),
    ):
        monkeypatch.setattr(consumer, name, getattr(consumer, name) / FASTER)
    async with joined_session(valkey, store, idle_timeout=IDLE_TIMEOUT / FASTER) as scene:
        yield scene


async def test_a_script_searches_and_reads_what_the_agent_recorded(scene: Scene) -> None:
    wanted = PageWanted(expression="process.path ends with 'echo'", offset=10, limit=20)

    page = await search_events(scene.session.pk, wanted)

    assert (page.total, page.complete) == (1000, True)
    assert [event_from_json(event) for event in page.events] == [
        started(number) for number in range(1979, 1939, -2)
    ]


async def test_a_page_sees_an_event_as_it_is_recorded(scene: Scene) -> None:
    page = scene.page
    await say(page, type="search", search_id=1, expression="", follow=True)
    while (standing := await hear(page, "standing"))["total"] < 2000:
        pass
    assert standing["complete"]

    scene.store.append([started(2000)])
    standing = await hear(page, "standing")
    await say(page, type="fetch", search_id=1, offset=0, limit=1, through=standing["total"])
    rows = await hear(page, "rows")

    assert standing["total"] == 2001
    assert rows["rows"][0]["event"]["process"]["arguments"] == ["x", "2000"]


async def test_a_mistake_is_shown_where_it_stands(scene: Scene) -> None:
    page = scene.page

    await say(page, type="search", search_id=1, expression="process.colour is 'red'")

    refused = await hear(page, "refused")
    assert (refused["search_id"], refused["line"], refused["column"]) == (1, 1, 1)


async def test_the_agent_hears_of_the_end(scene: Scene) -> None:
    page = scene.page

    await say(page, type="close")

    assert (await hear(page, "state"))["state"] in {"OPEN", "CLOSED"}
    await until(lambda: page.close_code is not None)


async def test_an_open_page_may_be_quiet_for_longer_than_either_end_waits(
    fast_scene: Scene,
) -> None:
    page = fast_scene.page

    with pytest.raises(TimeoutError):
        await hear(page, "never", patience=2.5 * IDLE_TIMEOUT / FASTER)

    await say(page, type="search", search_id=1, expression="", follow=False)
    while not (standing := await hear(page, "standing"))["complete"]:
        pass
    assert standing["total"] == 2000


async def test_a_session_that_nobody_looks_at_ends_at_both_ends_by_the_console_s_word(
    fast_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent.sessions")
    nobody_looked = "nobody looked for ten minutes"

    await fast_scene.page.close()

    async with asyncio.timeout(4 * IDLE_TIMEOUT / FASTER):
        while (await Session.objects.aget()).state != Session.State.CLOSED:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)
        await until(lambda: "ended: " in caplog.text)
    assert (await Session.objects.aget()).close_reason == nobody_looked
    assert f"ended: the analyst closed: {nobody_looked}" in caplog.text
