"""Send what waits in the outbox until the console has acknowledged it.

At-least-once: what is not acknowledged in time is sent again, each time more patiently. "Later"
stops everything until its time is over, so a console with a full disk is never stormed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from random import Random
from uuid import UUID

from agent.backoff import Backoff
from agent.channel import Channel
from agent.outbox import Outbox, Waiting
from protocol.messages import Downward, Upward

IN_FLIGHT = 256
BATCH = 64
FIRST_PATIENCE = 30.0
LONGEST_PATIENCE = 600.0
LONGEST_HOLD = 3600.0
SETTLE_INTERVAL = 5.0


class Delivery:
    """Moves durable messages from the outbox to whatever connection there is."""

    def __init__(self, outbox: Outbox, *, random: Random, patience: float = FIRST_PATIENCE) -> None:
        """Deliver from this outbox; `patience` is how long an acknowledgement may take (s)."""
        self._outbox = outbox
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._in_flight: set[UUID] = set()
        self._position = self._answer_position = 0
        self._first_patience = self._patience = patience
        self._overdue_at = 0.0
        self._held_until = 0.0
        self._jitter = Backoff(first=1.0, cap=LONGEST_HOLD, random=random)

    def notify(self) -> None:
        """Say that the outbox has something new."""
        self._wake.set()

    def begin(self) -> None:
        """Start over on a new connection: whatever was under way on the last one is unknown."""
        self._start_over()
        self._wake.set()

    def acknowledge(self, ids: Collection[UUID]) -> None:
        """Forget what the console has committed."""
        self._outbox.forget(ids)
        self._in_flight.difference_update(ids)
        self._patience = self._first_patience
        self._overdue_at = time.monotonic() + self._patience
        self._wake.set()
        if not self._outbox.waiting:
            self._drained.set()

    def hold(self, seconds: float) -> None:
        """Send nothing for so long, then everything that is not acknowledged."""
        self._held_until = time.monotonic() + self._jitter.requested_wait(seconds)
        self.begin()

    @property
    def is_held(self) -> bool:
        """Tell whether the console asked to wait and the time is not over."""
        return time.monotonic() < self._held_until

    async def run(self, channel: Channel[Downward, Upward]) -> None:
        """Send on this connection until it ends."""
        while True:
            self._wake.clear()
            self._outbox.settle()
            if not self.is_held:
                self._retry_overdue()
                await self._send_waiting(channel)
            await self._rest()

    async def drained(self) -> None:
        """Return once nothing waits any more (or never: the caller sets the deadline)."""
        self._drained.clear()
        if self._outbox.waiting:
            await self._drained.wait()

    def _retry_overdue(self) -> None:
        now = time.monotonic()
        if not self._in_flight:
            self._overdue_at = now + self._patience
        elif now >= self._overdue_at:
            self._patience = min(2 * self._patience, LONGEST_PATIENCE)
            self._overdue_at = now + self._patience
            self._start_over()

    def _start_over(self) -> None:
        self._in_flight.clear()
        self._position = self._answer_position = 0

    async def _send_waiting(self, channel: Channel[Downward, Upward]) -> None:
        while len(self._in_flight) < IN_FLIGHT and not self.is_held:
            waiting = self._next_urgent() or self._next_answer()
            if not waiting:
                return
            for entry in waiting:
                self._in_flight.add(entry.id)
                await channel.send(entry.message)

    def _next_urgent(self) -> list[Waiting]:
        found = self._outbox.after(self._position, limit=BATCH)
        self._position = max([self._position, *(entry.position for entry in found)])
        return [entry for entry in found if entry.id not in self._in_flight]

    def _next_answer(self) -> list[Waiting]:
        """Answers are large and can wait: one at a time, so that an alert is never behind many."""
        found = self._outbox.after(self._answer_position, limit=1, answers=True)
        self._answer_position = max([self._answer_position, *(entry.position for entry in found)])
        return [entry for entry in found if entry.id not in self._in_flight]

    async def _rest(self) -> None:
        """Sleep until there is something to do, SETTLE_INTERVAL at most."""
        now = time.monotonic()
        awaited = [self._held_until, self._overdue_at if self._in_flight else 0.0]
        pause = min([SETTLE_INTERVAL, *(at - now for at in awaited if at > now)])
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            # Time to look again by itself.
            return
