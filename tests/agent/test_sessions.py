"""Live sessions over a real socket and a real event store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from agent.addresses import read_address
from agent.channel import Channel, dial
from agent.directories import Directories
from agent.exceptions import ConsoleUnreachable, InstructionRefused
from agent.identity import Enrolment
from agent.live_session import MOST_SEARCHES, LiveSession
from agent.sessions import MOST_SESSIONS, Sessions
from agent.tls import mutual_context
from eventstore.store import EventStore
from protocol.ends import LiveAgentEnd
from protocol.instructions import OpenSession
from protocol.live import (
    CancelSearch,
    CloseSession,
    EventRows,
    FetchRows,
    SearchEvents,
    SearchRefused,
    SearchStanding,
    SessionOpened,
)
from tests.agent.gateway import Gateway, LiveEnd, eventually
from tests.agent.recorded import started


class Host:
    """Live sessions of one endpoint with a store that a test fills."""

    def __init__(self, directories: Directories, gateway: Gateway) -> None:
        self.gateway = gateway
        self.directories = directories
        self.store = EventStore.open(directories.store_file, key=bytes(32))
        self.sessions = Sessions(
            store=self.store,
            host_name="test-host",
            context=lambda: mutual_context(
                authority_file=directories.authority_file,
                identity_file=directories.identity_file,
            ),
            own_console=lambda: read_address(self.gateway.address),
        )

    def instruction(
        self,
        session_id: UUID | None = None,
        *,
        address: str | None = None,
        ticket: str = "ticket-1",
    ) -> OpenSession:
        return OpenSession(
            session_id=session_id or uuid4(),
            address=self.gateway.address if address is None else address,
            ticket=ticket,
        )

    async def attach(self) -> LiveEnd:
        instruction = self.instruction()
        await self.sessions.open(instruction)
        end = await eventually(lambda: self.gateway.sessions.get(str(instruction.session_id)))
        await eventually(lambda: end.of(SessionOpened))
        return end


@pytest.fixture
async def host(
    directories: Directories, gateway: Gateway, enrolled_there: Enrolment
) -> AsyncIterator[Host]:
    made = Host(directories, gateway)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.sessions.run())
        await asyncio.sleep(0)
        yield made
        running.cancel()
    made.store.close()


async def standing(end: LiveEnd, search_id: int = 1) -> SearchStanding:
    def complete() -> list[SearchStanding]:
        return [s for s in end.of(SearchStanding) if s.search_id == search_id and s.complete]

    return (await eventually(complete))[-1]


class TestAttaching:
    async def test_dials_where_the_endpoint_enrolled_when_no_address_is_given(
        self, host: Host
    ) -> None:
        outcome = await host.sessions.open(host.instruction(address=""))

        assert outcome == f"attached to {host.gateway.address}"

    async def test_shows_session_ticket_and_host(self, host: Host) -> None:
        end = await host.attach()

        opened = end.of(SessionOpened)[0]
        assert opened.host_name == "test-host"
        assert host.gateway.tickets[str(opened.session_id)] == "Ticket ticket-1"

    async def test_fails_with_the_reason_where_nobody_listens(self, host: Host) -> None:
        with pytest.raises(ConsoleUnreachable, match="No live session"):
            await host.sessions.open(host.instruction(address="127.0.0.1:1"))

    @pytest.mark.parametrize("ticket", ["a\r\nHost: evil", "", "tick\u00e9t"])
    async def test_refuses_a_ticket_that_could_change_the_request(
        self, host: Host, ticket: str
    ) -> None:
        with pytest.raises(InstructionRefused, match="header"):
            await host.sessions.open(host.instruction(ticket=ticket))

    @pytest.mark.parametrize("address", ["nowhere", "../../etc:1", "host:70000"])
    async def test_refuses_an_address_that_is_none(self, host: Host, address: str) -> None:
        with pytest.raises(InstructionRefused):
            await host.sessions.open(host.instruction(address=address))

    async def test_refuses_a_session_twice(self, host: Host) -> None:
        session_id = uuid4()
        await host.sessions.open(host.instruction(session_id))

        with pytest.raises(InstructionRefused, match="open already"):
            await host.sessions.open(host.instruction(session_id))

    async def test_refuses_too_many(self, host: Host) -> None:
        for _ in range(MOST_SESSIONS):
            await host.attach()

        with pytest.raises(InstructionRefused, match="sessions are open"):
            await host.sessions.open(host.instruction())


class TestSearching:
    async def test_finds_rows_newest_first(self, host: Host) -> None:
        host.store.append([started("/bin/echo", str(number)) for number in range(10)])
        host.store.append([started("/bin/cat", "x")])
        end = await host.attach()

        await end.send(
            SearchEvents(search_id=1, expression="process.path is '/bin/echo'", follow=False)
        )
        found = await standing(end)
        await end.send(FetchRows(search_id=1, offset=0, limit=3, through=found.total))
        rows = (await eventually(lambda: end.of(EventRows)))[0].rows

        assert found.total == 10
        processes = [row.event.process for row in rows]
        assert [p.arguments[1] for p in processes if p] == ["9", "8", "7"]

    async def test_finds_everything_without_an_expression(self, host: Host) -> None:
        host.store.append([started("/bin/echo") for _ in range(4)])
        end = await host.attach()

        await end.send(SearchEvents(search_id=1))

        assert (await standing(end)).total == 4

    async def test_follows_what_is_recorded_later(self, host: Host) -> None:
        end = await host.attach()
        await end.send(SearchEvents(search_id=1, expression="process.command_line contains new"))
        await standing(end)

        host.store.append([started("/bin/echo", "old"), started("/bin/echo", "new")])

        await eventually(lambda: end.of(SearchStanding)[-1].total == 1)

    async def test_reports_at_most_four_times_a_second(self, host: Host) -> None:
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        await standing(end)
        begun, before = time.monotonic(), len(end.of(SearchStanding))

        for _ in range(20):
            host.store.append([started("/bin/echo")])
            await asyncio.sleep(0.03)
        seconds = time.monotonic() - begun

        assert len(end.of(SearchStanding)) - before <= seconds / 0.25 + 1

    async def test_keeps_positions_while_rows_arrive(self, host: Host) -> None:
        host.store.append([started("/bin/echo", str(number)) for number in range(5)])
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        first = await standing(end)
        host.store.append([started("/bin/echo", "late")])
        await eventually(lambda: end.of(SearchStanding)[-1].total == 6)

        await end.send(FetchRows(search_id=1, offset=0, limit=1, through=first.total))
        rows = (await eventually(lambda: end.of(EventRows)))[0].rows

        assert rows[0].event.process is not None
        assert rows[0].event.process.arguments[1] == "4"

    async def test_refuses_a_broken_expression_with_its_place(self, host: Host) -> None:
        end = await host.attach()

        await end.send(SearchEvents(search_id=5, expression="process.path is\nOR 1"))

        refused = (await eventually(lambda: end.of(SearchRefused)))[0]
        assert (refused.search_id, refused.line) == (5, 2)
        assert refused.reason

    @pytest.mark.parametrize(
        "expression", ["(" * 100_000, "process.path matches '(a+)+$('", "nonsense is 1", "\x00\x1b"]
    )
    async def test_survives_hostile_expressions(self, host: Host, expression: str) -> None:
        end = await host.attach()

        await end.send(SearchEvents(search_id=5, expression=expression))
        await eventually(lambda: end.of(SearchRefused))
        await end.send(SearchEvents(search_id=6))

        assert (await standing(end, 6)).total == 0

    async def test_limits_the_searches_of_a_session(self, host: Host) -> None:
        end = await host.attach()

        for search_id in range(MOST_SEARCHES + 1):
            await end.send(SearchEvents(search_id=search_id))

        refused = await eventually(lambda: end.of(SearchRefused))
        assert "at once" in refused[0].reason

    async def test_forgets_a_cancelled_search(self, host: Host) -> None:
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        await standing(end)

        await end.send(CancelSearch(search_id=1))
        await end.send(CancelSearch(search_id=99))
        await end.send(FetchRows(search_id=1, offset=0, limit=1, through=0))

        refused = await eventually(lambda: end.of(SearchRefused))
        assert "not running" in refused[0].reason

    async def test_answers_a_search_that_replaces_another(self, host: Host) -> None:
        host.store.append([started("/bin/echo", "a"), started("/bin/echo", "b")])
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        assert (await standing(end)).total == 2

        await end.send(SearchEvents(search_id=1, expression="process.command_line ends with b"))

        await eventually(lambda: end.of(SearchStanding)[-1].total == 1)

    @pytest.mark.parametrize(("offset", "limit"), [(-5, 3), (0, -1), (10**15, 10), (0, 10**12)])
    async def test_bounds_what_is_fetched(self, host: Host, offset: int, limit: int) -> None:
        host.store.append([started("/bin/echo") for _ in range(4)])
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        await standing(end)

        await end.send(FetchRows(search_id=1, offset=offset, limit=limit, through=4))

        rows = (await eventually(lambda: end.of(EventRows)))[0].rows
        assert len(rows) <= 4

    async def test_sends_fewer_rows_when_they_are_long(self, host: Host) -> None:
        noise = "x" * 20_000
        host.store.append([started("/bin/echo", noise, str(n)) for n in range(400)])
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))
        await standing(end)

        await end.send(FetchRows(search_id=1, offset=0, limit=500, through=400))

        rows = (await eventually(lambda: end.of(EventRows)))[0].rows
        assert 0 < len(rows) < 400


class TestEnding:
    async def test_is_clean_when_the_analyst_closes(self, host: Host) -> None:
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))

        await end.send(CloseSession(reason="done"))

        await asyncio.wait_for(end.ended.wait(), 30)
        assert end.websocket.close_code == 1000
        assert (await host.attach()).of(SessionOpened)

    async def test_survives_a_console_that_hangs_up(self, host: Host) -> None:
        end = await host.attach()
        await end.send(SearchEvents(search_id=1))

        await end.websocket.close(1011)

        assert (await host.attach()).of(SessionOpened)

    async def test_survives_a_console_that_speaks_garbage(self, host: Host) -> None:
        end = await host.attach()

        await end.websocket.send(b"garbage")

        await asyncio.wait_for(end.ended.wait(), 30)
        assert (await host.attach()).of(SessionOpened)

    async def test_tells_the_console_when_nobody_asks_any_more(
        self, host: Host, enrolled_there: Enrolment
    ) -> None:
        async with _idle_session(host, timeout=0.3) as end:
            closed = await eventually(lambda: end.of(CloseSession))

        assert "no message" in closed[0].reason


@asynccontextmanager
async def _idle_session(host: Host, *, timeout: float) -> AsyncIterator[LiveEnd]:  # noqa: ASYNC109 -- not a wait of this function
    session_id = uuid4()
    context = mutual_context(
        authority_file=host.directories.authority_file,
        identity_file=host.directories.identity_file,
    )
    address = read_address(host.gateway.address)
    with ThreadPoolExecutor(1) as readers:
        async with dial(address, f"/session/{session_id}", context=context) as websocket:
            connection = LiveAgentEnd()
            session = LiveSession(
                Channel(websocket, connection),
                connection,
                store=host.store,
                readers=readers,
                idle_timeout=timeout,
            )
            end_reason = await session.serve(session_id, host_name="idle")
            assert "no message" in end_reason
            yield host.gateway.sessions[str(session_id)]


class TestStopping:
    async def test_tells_every_console_that_the_agent_stops(
        self, directories: Directories, gateway: Gateway, enrolled_there: Enrolment
    ) -> None:
        host = Host(directories, gateway)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(host.sessions.run())
            await asyncio.sleep(0)
            end = await host.attach()
            await end.send(SearchEvents(search_id=1))
            await standing(end)

            running.cancel()

        assert [c.reason for c in end.of(CloseSession)] == ["the agent stops"]
        host.store.close()
