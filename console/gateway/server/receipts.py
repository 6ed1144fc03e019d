"""Tell endpoints which of their messages are committed, behind everything that somebody waits for.

An endpoint without its receipt keeps a message a moment longer, nothing else; an analyst waits for
answers. In a flood receipts therefore come last, and several for one endpoint travel as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from uuid import UUID

from console.gateway.server.limits import Limits
from console.gateway.server.roster import Roster
from console.gateway.server.upward import Receipt
from protocol.exceptions import ConnectionMisused
from protocol.messages import Acknowledge

# How often it is looked whether the flood is over, in seconds.
LOOK_INTERVAL = 0.05


class Receipts:
    """Sends receipts to the endpoints of this gateway: at once while `is_quiet`, late otherwise."""

    def __init__(self, roster: Roster, limits: Limits, *, is_quiet: Callable[[], bool]) -> None:
        self._roster = roster
        self._limits = limits
        self._is_quiet = is_quiet
        self._waiting: dict[UUID, list[UUID]] = {}
        self._arrived = asyncio.Event()

    def put(self, receipts: list[Receipt]) -> None:
        """Take receipts of committed messages."""
        for endpoint_id, message_id in receipts:
            self._waiting.setdefault(endpoint_id, []).append(message_id)
        self._arrived.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._arrived.wait()
            await self._let_others_go_first()
            self._arrived.clear()
            while self._waiting:
                self._send_slice()
                await asyncio.sleep(0)

    async def _let_others_go_first(self) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + self._limits.receipt_delay
        # A poll: what makes it quiet is the absence of events.
        while not self._is_quiet() and loop.time() < latest:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_INTERVAL)

    def _send_slice(self) -> None:
        for endpoint_id in list(islice(self._waiting, self._limits.delivery_slice)):
            ids = self._waiting.pop(endpoint_id)
            link = self._roster.get(endpoint_id)
            if link is not None and link.is_open:
                # One that cannot be told now sends again and is told then.
                with suppress(ConnectionMisused):
                    link.send(Acknowledge(ids=ids))
