"""Keep the always-on channel to the gateway open, for ever and politely.

What comes down is handed on; what must go up is taken from the outbox and sent until the console
has acknowledged it. Every wait is jittered, every wish of the console to be left alone is
honoured, and nothing that it says can make the agent spin or fall silent for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from agent.addresses import Address
from agent.backoff import Backoff
from agent.channel import Channel, dial
from agent.clock import ConsoleClock, wall_time
from agent.companions import run_with_companions
from agent.console_requests import shown
from agent.delivery import Delivery
from agent.exceptions import AgentError
from protocol.arrivals import MessageReceived, PeerClosed
from protocol.ends import AgentLink
from protocol.exceptions import ProtocolError
from protocol.messages import (
    Acknowledge,
    Downward,
    Goodbye,
    Heartbeat,
    Hello,
    Instruct,
    Later,
    StatusReport,
    Upward,
    Welcome,
)

log = logging.getLogger(__name__)

GREETING_TIMEOUT = 20.0
LAST_CHANCE = 2.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 120.0
LONGEST_REQUESTED_WAIT = 3600.0
# "Do not come back" is meant for a revoked endpoint. A console that says it by mistake must not
# lose its fleet, so the agent asks once a day.
NEVER = 24 * 3600.0
# A connection that stood this long was a success; a shorter one counts as a failed attempt.
LASTING = 30.0
HEARTBEAT_RANGE = (0.2, 300.0)
STATUS_RANGE = (0.2, 3600.0)


@dataclass(frozen=True, kw_only=True)
class LinkDuties:
    """What the link asks of the rest of the agent, and what it hands on."""

    hello: Callable[[], Hello]
    status: Callable[[], StatusReport]
    instruct: Callable[[bytes], Awaitable[None]]
    target: Callable[[], tuple[Address, ssl.SSLContext]]


class Link:
    """The always-on channel.

    `state` and `reason` are words for the administrator; `wait` is how many seconds lie between
    the last attempt and the next.
    """

    def __init__(
        self, *, duties: LinkDuties, delivery: Delivery, clock: ConsoleClock, random: Random
    ) -> None:
        self._duties = duties
        self._delivery = delivery
        self._clock = clock
        self._backoff = Backoff(first=FIRST_WAIT, cap=LONGEST_WAIT, random=random)
        self._long_backoff = Backoff(first=FIRST_WAIT, cap=LONGEST_REQUESTED_WAIT, random=random)
        self._farewell: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._asked_to_wait: float | None = None
        self._parted = asyncio.Event()
        self._news = asyncio.Event()
        self.connected_at = 0
        self.wait = 0.0
        self.state = "connecting"
        self.reason = ""

    @property
    def is_connected(self) -> bool:
        """Tell whether the console has welcomed this agent on the present connection."""
        return self.state == "connected"

    def problems(self) -> list[str]:
        """Say what keeps the agent from its console; empty while all is well."""
        return [] if self.is_connected or not self.reason else [self.reason]

    def report_soon(self) -> None:
        """Send the next status report now: something changed that an administrator waits for."""
        self._news.set()

    async def run(self) -> None:
        """Connect, stay connected, come back; until cancelled."""
        while True:
            self.state = "connecting"
            self._asked_to_wait = None
            opened_at = time.monotonic()
            try:
                await self._converse()
            except (
                OSError,
                InvalidHandshake,
                ConnectionClosed,
                ProtocolError,
                AgentError,
            ) as error:
                # A goodbye says more than the way in which the connection ended after it.
                if self._asked_to_wait is None:
                    self.reason = _sentence_for(error)
                    self._asked_to_wait = _requested_by(error)
            if self.is_connected and time.monotonic() - opened_at >= LASTING:
                self._backoff.reset()
            self.state = "waiting"
            self._parted.set()
            self.connected_at = 0
            self.wait = self._next_wait()
            log.info("not connected: %s Next attempt in %.1f s.", self.reason, self.wait)
            await asyncio.sleep(self.wait)

    async def leave(self) -> None:
        """Give what waits in the outbox a last chance, then say goodbye."""
        if self._farewell is None or not self.is_connected:
            return
        try:
            async with asyncio.timeout(LAST_CHANCE):
                await self._delivery.drained()
        except TimeoutError:
            log.info("messages stay in the outbox until the next start")
        try:
            async with asyncio.timeout(LAST_CHANCE):
                await self._farewell()
                # The console answers by closing; hanging up at once would look like a failure.
                await self._parted.wait()
        except (TimeoutError, ConnectionClosed, ProtocolError) as error:
            log.info("no goodbye: %s", error)

    def _next_wait(self) -> float:
        asked = self._asked_to_wait
        if asked is None:
            return self._backoff.next_wait()
        if asked >= NEVER:
            return NEVER
        return self._long_backoff.requested_wait(asked)

    async def _converse(self) -> None:
        address, context = self._duties.target()
        async with dial(address, "/", context=context) as websocket:
            connection = AgentLink()
            channel = Channel(websocket, connection)

            async def farewell() -> None:
                connection.say_goodbye("the agent stops")
                await channel.flush()

            self._farewell = farewell
            self._parted.clear()
            try:
                connection.greet(self._duties.hello())
                await channel.flush()
                await self._stay(channel)
            finally:
                self._farewell = None

    async def _stay(self, channel: Channel[Downward, Upward]) -> None:
        async with asyncio.timeout(GREETING_TIMEOUT):
            welcome = await self._take(channel)
        if not isinstance(welcome, Welcome):
            return
        self._delivery.begin()
        await run_with_companions(
            self._listen(channel),
            self._beat(channel, _within(welcome.heartbeat_interval, HEARTBEAT_RANGE)),
            self._report(channel, _within(welcome.status_interval, STATUS_RANGE)),
            self._delivery.run(channel),
        )

    async def _listen(self, channel: Channel[Downward, Upward]) -> None:
        while not isinstance(await self._take(channel), PeerClosed):
            pass
        await channel.flush()

    async def _take(self, channel: Channel[Downward, Upward]) -> Downward | PeerClosed | None:
        """Act on one frame; return the message in it, if it completed one."""
        for arrival in await channel.receive():
            if isinstance(arrival, MessageReceived):
                await self._receive(arrival.message)
                return arrival.message
            if isinstance(arrival, PeerClosed):
                self.reason = self.reason or f"The console closed: {shown(arrival.reason)}."
                return arrival
        return None

    async def _receive(self, message: Downward) -> None:
        if isinstance(message, Welcome):
            self._clock.set(message.server_at)
            self.state, self.reason, self.connected_at = "connected", "", wall_time()
            log.info("connected to the console")
        elif isinstance(message, Acknowledge):
            self._delivery.acknowledge(message.ids)
        elif isinstance(message, Later):
            log.info("the console asks to wait: %s", shown(message.reason))
            self._delivery.hold(message.retry_after)
        elif isinstance(message, Instruct):
            await self._duties.instruct(message.envelope)
        elif isinstance(message, Goodbye):
            self.reason = f"The console said goodbye: {shown(message.reason)}."
            self._asked_to_wait = NEVER if message.retry_after is None else message.retry_after

    async def _beat(self, channel: Channel[Downward, Upward], interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await channel.send(Heartbeat(sent_at=wall_time()))

    async def _report(self, channel: Channel[Downward, Upward], interval: float) -> None:
        while True:
            self._news.clear()
            await channel.send(self._duties.status())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._news.wait()


def _within(seconds: float, bounds: tuple[float, float]) -> float:
    return min(max(seconds, bounds[0]), bounds[1])


def _requested_by(error: Exception) -> float | None:
    """Return the seconds after which an overloaded console wants to be asked again."""
    if isinstance(error, InvalidStatus):
        asked = error.response.headers.get("Retry-After", "")
        return float(asked) if asked.isascii() and asked.isdigit() else None
    return None


def _sentence_for(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return _tls_sentence_for(error)
    if isinstance(error, InvalidStatus):
        return f"The console answered with HTTP status {error.response.status_code}."
    if isinstance(error, InvalidMessage):
        # TLS 1.3 refuses a client's certificate after the client believes to be connected, and
        # the WebSocket library keeps the alert to itself.
        return "The console hung up without an answer: this endpoint may be revoked."
    if isinstance(error, TimeoutError):
        return "The console did not answer in time."
    if isinstance(error, ProtocolError):
        return f"What answers does not speak our protocol: {shown(str(error))}."
    return f"The console cannot be reached: {shown(str(error)) or type(error).__name__}."


def _tls_sentence_for(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"What answers is not the console: {shown(error.verify_message)}."
    reason = shown(error.reason or str(error)).lower().replace("_", " ")
    return f"The console refuses the secure connection: {reason}."
