"""Serve one live session: an analyst's searches over this endpoint's recorded events.

Every search reads in a worker thread, one short step at a time, so that neither the recorder nor
the always-on channel waits for it. The console names rows by position and expressions by text;
it never names a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar
from uuid import UUID

from websockets.exceptions import ConnectionClosed

from agent import __version__
from agent.channel import Channel
from detection.exceptions import SignalError
from eventstore.exceptions import EventStoreError, NotSearchable
from eventstore.search import EventSearch, search_from_text
from eventstore.store import EventStore
from protocol.arrivals import MessageReceived, PeerClosed
from protocol.ends import LiveAgentEnd
from protocol.exceptions import MessageTooLarge
from protocol.live import (
    CancelSearch,
    CloseSession,
    EventRow,
    EventRows,
    FetchRows,
    LiveDownward,
    LiveUpward,
    SearchEvents,
    SearchRefused,
    SearchStanding,
    SessionOpened,
)

log = logging.getLogger(__name__)

MOST_SEARCHES = 8
MOST_ROWS = 500
STANDING_INTERVAL = 0.25
IDLE_TIMEOUT = 600.0

Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass
class _Running:
    """One search of the session; the lock keeps its reader in one thread at a time."""

    search: EventSearch
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None


class LiveSession:
    """One attached session. `serve` runs until either side ends it."""

    def __init__(
        self,
        channel: Channel[LiveDownward, LiveUpward],
        connection: LiveAgentEnd,
        *,
        store: EventStore,
        readers: Executor,
        idle_timeout: float = IDLE_TIMEOUT,
    ) -> None:
        self._channel = channel
        self._connection = connection
        self._store = store
        self._readers = readers
        self._idle_timeout = idle_timeout
        self._searches: dict[int, _Running] = {}
        self._ended = asyncio.Event()

    async def serve(self, session_id: UUID, *, host_name: str) -> str:
        """Answer until the session ends; return why it ended.

        Raises `ProtocolError` or `websockets.ConnectionClosed` when it ends badly.
        """
        await self._channel.send(
            SessionOpened(session_id=session_id, host_name=host_name, agent_version=__version__)
        )
        try:
            async with asyncio.TaskGroup() as searching:
                reason = await self._answer(searching)
                for search_id in list(self._searches):
                    await self._cancel(search_id)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            for running in self._searches.values():
                running.search.close()
            self._searches.clear()
        return reason

    async def end(self, reason: str) -> None:
        """Tell the console why the session ends, then close the connection."""
        await self._channel.send(CloseSession(reason=reason))
        self._connection.close(reason)
        await self._channel.flush()

    async def _answer(self, searching: asyncio.TaskGroup) -> str:
        while True:
            try:
                async with asyncio.timeout(self._idle_timeout):
                    arrivals = await self._channel.receive()
            except TimeoutError:
                reason = f"no message from the console within {self._idle_timeout:.0f} s"
                await self.end(reason)
                return reason
            for arrival in arrivals:
                if isinstance(arrival, PeerClosed):
                    await self._part()
                    return f"the console closed: {arrival.reason}"
                if not isinstance(arrival, MessageReceived):
                    continue
                if isinstance(arrival.message, CloseSession):
                    self._connection.close("as you wish")
                    await self._part()
                    return f"the analyst closed: {arrival.message.reason}"
                await self._obey(arrival.message, searching)

    async def _part(self) -> None:
        # Whoever hangs up right behind their word has said why; that they did adds nothing.
        with contextlib.suppress(ConnectionClosed):
            await self._channel.flush()

    async def _obey(self, message: LiveDownward, searching: asyncio.TaskGroup) -> None:
        if isinstance(message, SearchEvents):
            await self._cancel(message.search_id)
            await self._begin(message, searching)
        elif isinstance(message, FetchRows):
            await self._fetch(message)
        elif isinstance(message, CancelSearch):
            await self._cancel(message.search_id)

    async def _begin(self, asked: SearchEvents, searching: asyncio.TaskGroup) -> None:
        if len(self._searches) >= MOST_SEARCHES:
            await self._refuse(asked.search_id, f"at most {MOST_SEARCHES} searches at once")
            return
        try:
            expression = search_from_text(asked.expression)
            begin = partial(EventSearch, self._store, expression, kinds=asked.kinds)
            search = await self._in_thread(begin)
        except SignalError as error:
            refusal = SearchRefused(
                search_id=asked.search_id,
                reason=error.reason,
                line=error.line,
                column=error.column,
                expected=error.expected,
            )
            await self._channel.send(refusal)
            return
        except (NotSearchable, EventStoreError) as error:
            await self._refuse(asked.search_id, str(error))
            return
        running = self._searches[asked.search_id] = _Running(search)
        running.task = searching.create_task(self._run(asked, running))

    async def _run(self, asked: SearchEvents, running: _Running) -> None:
        """Search all that is stored, then what arrives; report at most four times a second."""
        search = running.search
        try:
            complete = False
            while not complete:
                async with running.reading:
                    complete = await self._in_thread(search.run, STANDING_INTERVAL)
                await self._report(asked.search_id, search)
            while asked.follow:
                await asyncio.sleep(STANDING_INTERVAL)
                async with running.reading:
                    grown = await self._in_thread(search.refresh)
                if grown:
                    await self._report(asked.search_id, search)
        except EventStoreError as error:
            del self._searches[asked.search_id]
            search.close()
            await self._refuse(asked.search_id, str(error))

    async def _report(self, search_id: int, search: EventSearch) -> None:
        await self._channel.send(
            SearchStanding(search_id=search_id, total=search.total, complete=search.complete)
        )

    async def _fetch(self, asked: FetchRows) -> None:
        running = self._searches.get(asked.search_id)
        if running is None:
            await self._refuse(asked.search_id, "this search is not running")
            return
        offset, limit = max(asked.offset, 0), min(max(asked.limit, 0), MOST_ROWS)
        try:
            async with running.reading:
                rows = await self._in_thread(
                    lambda: running.search.rows(offset, limit, through=asked.through)
                )
        except EventStoreError as error:
            await self._refuse(asked.search_id, str(error))
            return
        await self._send_rows(asked, offset, rows)

    async def _send_rows(self, asked: FetchRows, offset: int, rows: Sequence[EventRow]) -> None:
        """Send as many of these rows as one message holds; the console asks for the rest."""
        fitting = list(rows)
        while True:
            answer = EventRows(
                search_id=asked.search_id, offset=offset, through=asked.through, rows=fitting
            )
            try:
                await self._channel.send(answer)
            except MessageTooLarge:
                if not fitting:
                    raise
                fitting = fitting[: len(fitting) // 2]
            else:
                return

    async def _cancel(self, search_id: int) -> None:
        running = self._searches.pop(search_id, None)
        if running is None:
            return
        if running.task is not None:
            running.task.cancel()
            await asyncio.wait([running.task])
        # A step may still run in its thread: closing interrupts it.
        running.search.close()

    async def _refuse(self, search_id: int, reason: str) -> None:
        await self._channel.send(SearchRefused(search_id=search_id, reason=reason))

    async def _in_thread(
        self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: work(*args, **kwargs))
