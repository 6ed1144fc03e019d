"""The gateway as a whole: puts its parts together, runs them, and drains in order."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import ssl
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from uuid import UUID

import redis.asyncio
import structlog

from console.certificates.exceptions import CertificateRefused
from console.certificates.tls import endpoint_id_from_der
from console.core.doorway import Doorway
from console.core.health import keep_reporting
from console.core.redis import (
    ARRIVALS_CHANNEL,
    BROADCAST_CHANNEL,
    REVOKED_CHANNEL,
    WAKE_CHANNEL,
    WITHDRAWN_CHANNEL,
)
from console.gateway.announcements import Announcements
from console.gateway.arrivals import decode_arrivals
from console.gateway.batches import CERTIFICATE_USED_TWICE, Item, Notice
from console.gateway.exceptions import DamagedArrivals
from console.gateway.revocation import RevokedCertificates
from console.gateway.server.attendance import Attendance
from console.gateway.server.broadcasting import Broadcasting
from console.gateway.server.clock_watch import ClockWatch
from console.gateway.server.delivery import Delivery
from console.gateway.server.limits import Limits
from console.gateway.server.link import EndpointLink
from console.gateway.server.receipts import Receipts
from console.gateway.server.roster import Roster
from console.gateway.server.upward import Receipt, UpwardStream
from protocol.exceptions import ConnectionMisused
from protocol.messages import Durable, Goodbye, Heartbeat, Hello, Later, Upward

log: structlog.stdlib.BoundLogger = structlog.get_logger()

REVOKED_REASON = "the certificate was revoked"
SWEEP_INTERVAL = 5.0
CANCEL_AGAIN_AFTER = 0.5


class Gateway:
    """One gateway process. `name` is its own among all gateways."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        listening: socket.socket,
        context: ssl.SSLContext,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.name = uuid.uuid4().hex
        self.roster = Roster()
        self._client = client
        self._receipts = Receipts(self.roster, self.limits, is_quiet=lambda: self._upward.is_empty)
        self._upward = UpwardStream(
            client,
            self.name,
            self.limits,
            on_committed=self._receipts.put,
            on_lost=self._ask_again,
        )
        self._delivery = Delivery(client, self.roster, self.limits)
        self._broadcasting = Broadcasting(
            client, self.roster, self.limits, answer_for=self._answer_for
        )
        self._attendance = Attendance(client, self.name, self.roster, self.limits)
        self._revoked = RevokedCertificates(self._cut_off_revoked)
        self._announcements = Announcements(
            client,
            {
                REVOKED_CHANNEL: self._revoked.hear,
                ARRIVALS_CHANNEL: self._hear_arrivals,
                WAKE_CHANNEL: self._delivery.hear,
                BROADCAST_CHANNEL: self._broadcasting.hear,
                WITHDRAWN_CHANNEL: self._broadcasting.hear_withdrawn,
            },
            self._catch_up,
        )
        self._doorway = Doorway(listening, context, lambda: EndpointLink(self), self.limits)
        self._stopping = asyncio.Event()

    # ------------------------------------------------------------------ running

    async def run(self) -> None:
        """Serve until `stop`; then let everybody go in order."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(part)
                for part in (
                    self._announcements.run(),
                    self._upward.run(),
                    self._upward.read_commits(),
                    self._upward.watch(),
                    self._receipts.run(),
                    self._delivery.run(),
                    self._broadcasting.run(),
                    self._attendance.run(),
                    self._sweep(),
                    self._serve(),
                )
            ]
            await self._stopping.wait()
            await _end([tasks.pop()])
            await self._drain()
            await _end(tasks)

    def stop(self) -> None:
        """Begin to drain."""
        self._stopping.set()

    async def _serve(self) -> None:
        # Nobody is let in before it is known who is revoked.
        await self._announcements.joined.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_reporting("gateway"))
            group.create_task(self._doorway.run())

    async def _catch_up(self) -> None:
        await self._revoked.load(self._client)
        self._delivery.wake(self.roster.ids())
        await self._broadcasting.load()

    async def _drain(self) -> None:
        links = await self._part_for_a_while("the gateway restarts")
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.drain_patience):
                await self._upward.flush()
                await self._attendance_leaves(links)

    async def _part_for_a_while(self, reason: str) -> list[EndpointLink]:
        links = list(self.roster)
        spread = max(self.limits.drain_spread, len(links) / self.limits.reconnects_per_second)
        for number, link in enumerate(links):
            retry_after = random.uniform(0.5, spread)  # noqa: S311 - jitter
            link.say_goodbye(reason, retry_after=retry_after)
            if number % self.limits.delivery_slice == 0:
                await asyncio.sleep(0)
        return links

    async def _attendance_leaves(self, links: Iterable[EndpointLink]) -> None:
        try:
            await self._attendance.leave({link.endpoint_id for link in links if link.endpoint_id})
        except (redis.RedisError, OSError) as error:
            log.warning("gateway.presence_unwritten", reason=str(error))

    async def _sweep(self) -> None:
        silence = self.limits.heartbeats_missed * self.limits.heartbeat_interval
        loop = asyncio.get_running_loop()
        clock = ClockWatch()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            if clock.has_jumped():
                await self._part_for_a_while("the console's clock was set")
            for link in self.roster:
                if loop.time() - link.heard_at > silence:
                    link.say_goodbye("no heartbeat", retry_after=1.0)

    # ------------------------------------------------------------------ what links report

    def identify(self, link: EndpointLink, certificate: bytes | None) -> UUID | None:
        """Read the endpoint from its certificate; refuse revoked and unreadable ones."""
        if certificate is None or self._revoked.refuses(certificate) or self._stopping.is_set():
            return None
        try:
            return endpoint_id_from_der(certificate)
        except CertificateRefused as error:
            log.warning(
                "gateway.peer_refused",
                address=link.source_address,
                reason=str(error),
            )
            return None

    def greet(self, link: EndpointLink, hello: Hello, encoded: bytes) -> None:
        """Take an endpoint in and look what waits for it."""
        if link.endpoint_id is None:
            return
        if self._upward.is_full:
            link.say_goodbye("the gateway is busy", retry_after=self._retry_after())
            return
        now = time.time_ns() // 1000
        self._note_suspicion(link.endpoint_id, self.roster.add(link))
        link.welcome(server_at=now)
        self._upward.put(Item(link.endpoint_id, now, encoded))
        self._delivery.wake([link.endpoint_id])
        self._broadcasting.greet(link.endpoint_id)

    def receive(self, link: EndpointLink, message: Upward, encoded: bytes) -> None:
        """Hand one message on; tell its sender to wait when that is impossible now."""
        link.count_message()
        if link.endpoint_id is None or isinstance(message, Heartbeat):
            return
        if isinstance(message, Goodbye):
            link.hang_up()
            return
        if refusal := self._upward.refusal:
            self._tell_later(link, refusal)
            return
        durable_id = message.id if isinstance(message, Durable) else None
        item = Item(link.endpoint_id, time.time_ns() // 1000, encoded)
        self._upward.put(item, durable_id)

    def drained(self, link: EndpointLink) -> None:
        """Bring the instructions that a slow endpoint had no room for."""
        if link.endpoint_id is not None:
            self._delivery.wake([link.endpoint_id])
            self._broadcasting.resume(link.endpoint_id)

    def lose(self, link: EndpointLink) -> None:
        """Forget a link."""
        self.roster.remove(link)

    # ------------------------------------------------------------------ what the parts report

    def _hear_arrivals(self, announced: bytes) -> None:
        """Let go who has connected to another gateway since."""
        try:
            arrivals = decode_arrivals(announced)
        except DamagedArrivals as error:
            log.warning("gateway.arrivals_unreadable", reason=str(error))
            return
        if arrivals.gateway != self.name:
            for endpoint_id, computer in arrivals.computers.items():
                self._note_suspicion(endpoint_id, self.roster.displace(endpoint_id, computer))

    def _note_suspicion(self, endpoint_id: UUID, suspicion: str) -> None:
        if suspicion:
            log.warning("gateway.certificate_used_twice", detail=suspicion)
            now = time.time_ns() // 1000
            self._upward.notify(Notice(CERTIFICATE_USED_TWICE, endpoint_id, now, suspicion))

    def _answer_for(self, endpoint_id: UUID, encoded: bytes) -> bool:
        if self._upward.refusal:
            return False
        self._upward.put(Item(endpoint_id, time.time_ns() // 1000, encoded))
        return True

    def _ask_again(self, receipts: list[Receipt]) -> None:
        for endpoint_id in dict.fromkeys(endpoint_id for endpoint_id, _ in receipts):
            link = self.roster.get(endpoint_id)
            if link is not None and link.is_open:
                self._tell_later(link, "the console's queue was lost")

    def _tell_later(self, link: EndpointLink, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now < link.told_later_until:
            return
        retry_after = self._retry_after()
        # What arrives until then was sent before the endpoint read this.
        link.told_later_until = now + retry_after / 2
        with suppress(ConnectionMisused):
            # One that does not read does not send for long either: TCP holds it back.
            link.send(Later(retry_after=retry_after, reason=reason))

    def _retry_after(self) -> float:
        return random.uniform(self.limits.retry_after_min, self.limits.retry_after_max)  # noqa: S311 - jitter

    def _cut_off_revoked(self) -> None:
        for link in self.roster:
            if self._revoked.refuses(link.certificate):
                link.say_goodbye(REVOKED_REASON, retry_after=None)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: a library can lose a cancellation that meets its time-out."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_AFTER)
        for task in running:
            log.warning("gateway.part_goes_on", part=str(task.get_coro()))


async def run_gateway(gateway: Gateway) -> None:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    await gateway.run()
