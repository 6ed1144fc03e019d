"""Join live sessions: dial the sessions service when the console's signed word says so.

Several analysts may look at one endpoint at once; each session has its own connection. Nothing
listens on the endpoint, ever.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from agent.addresses import Address, read_address
from agent.channel import Channel, dial
from agent.console_requests import shown
from agent.exceptions import AgentError, ConsoleUnreachable, InstructionRefused
from agent.live_session import IDLE_TIMEOUT, LiveSession
from eventstore.store import EventStore
from protocol.ends import LiveAgentEnd
from protocol.exceptions import ProtocolError
from protocol.instructions import OpenSession

log = logging.getLogger(__name__)

MOST_SESSIONS = 8
READERS = 2
FAREWELL_TIMEOUT = 1.0
STOPPING = "the agent stops"


class Sessions:
    """The live sessions of this endpoint."""

    def __init__(
        self,
        *,
        store: EventStore,
        host_name: str,
        context: Callable[[], ssl.SSLContext],
        own_console: Callable[[], Address],
        idle_timeout: float = IDLE_TIMEOUT,
    ) -> None:
        """`own_console` is where sessions are dialled that name no address.

        A session in which the console says nothing for `idle_timeout` seconds is ended.
        """
        self._store = store
        self._host_name = host_name
        self._context = context
        self._own_console = own_console
        self._idle_timeout = idle_timeout
        self._group: asyncio.TaskGroup | None = None
        self._open: set[UUID] = set()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="search")

    async def run(self) -> None:
        """Hold the sessions until cancelled; each one is told that the agent stops."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await asyncio.Event().wait()
        finally:
            self._group = None
            self._readers.shutdown(wait=False, cancel_futures=True)
            self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="search")

    async def open(self, instruction: OpenSession) -> str:
        """Dial and attach; returns once the session is attached.

        Raises `InstructionRefused`, or `ConsoleUnreachable` when it cannot be attached.
        """
        address = self._address_in(instruction)
        if self._group is None:
            raise ConsoleUnreachable("The agent is stopping.")
        if instruction.session_id in self._open:
            raise InstructionRefused("this session is open already")
        if len(self._open) >= MOST_SESSIONS:
            raise InstructionRefused(f"{MOST_SESSIONS} sessions are open already")
        attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.create_task(self._attend(instruction, address, attached))
        await attached
        return f"attached to {address}"

    async def _attend(
        self, instruction: OpenSession, address: Address, attached: asyncio.Future[None]
    ) -> None:
        session_id = instruction.session_id
        self._open.add(session_id)
        try:
            await self._serve(instruction, address, attached)
        except (OSError, InvalidHandshake, ConnectionClosed, ProtocolError, AgentError) as error:
            reason = shown(str(error)) or type(error).__name__
            log.info("session %s ended: %s", session_id, reason)
            if not attached.done():
                attached.set_exception(
                    ConsoleUnreachable(f"No live session at {address}: {reason}.")
                )
        finally:
            self._open.discard(session_id)
            attached.cancel()

    async def _serve(
        self, instruction: OpenSession, address: Address, attached: asyncio.Future[None]
    ) -> None:
        async with dial(
            address,
            f"/session/{instruction.session_id}",
            context=self._context(),
            headers={"Authorization": f"Ticket {instruction.ticket}"},
        ) as websocket:
            connection = LiveAgentEnd()
            channel = Channel(websocket, connection)
            session = LiveSession(
                channel,
                connection,
                store=self._store,
                readers=self._readers,
                idle_timeout=self._idle_timeout,
            )
            attached.set_result(None)
            log.info("session %s is attached", instruction.session_id)
            try:
                reason = await session.serve(instruction.session_id, host_name=self._host_name)
            except asyncio.CancelledError:
                async with asyncio.timeout(FAREWELL_TIMEOUT):
                    await session.end(STOPPING)
                raise
            log.info("session %s ended: %s", instruction.session_id, shown(reason))

    def _address_in(self, instruction: OpenSession) -> Address:
        ticket = instruction.ticket
        if not (ticket and ticket.isascii() and ticket.isprintable()):
            raise InstructionRefused("the ticket cannot stand in a header")
        if not instruction.address:
            return self._own_console()
        try:
            return read_address(instruction.address)
        except ValueError as error:
            raise InstructionRefused(str(error)) from error
