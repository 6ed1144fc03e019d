"""Keep recorded events in the event store, within what the computer can spare.

Events reach the disk within half a second. When the disk is full, storing stops, says so and
comes back by itself; detection goes on meanwhile, and what was not stored is counted as lost.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence

from agent.clock import wall_time
from agent.settings import StoreSettings
from eventstore.exceptions import StoreBusy, StoreFull
from eventstore.retention import prune_piece
from eventstore.store import EventStore, HourCounters
from protocol.events import Event, kind_of
from protocol.messages import KindCounters

log = logging.getLogger(__name__)

FLUSH_INTERVAL = 0.25
RETRY_INTERVAL = 2.0
PRUNE_INTERVAL = 10.0
WRITER_CACHE_KIB = 4_096
HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
COUNT_INTERVAL = 10.0
LATELY_HOURS = 24
# A store that could not be opened for want of room is opened by beginning again, not at once:
# whoever fills the disk must not make the agent do nothing else.
REOPEN_AFTER = 10.0
# Events that wait in memory while another program holds the store; beyond this they are lost.
MOST_PENDING = 50_000


class StoreKeeper:
    """The only writer of the event store."""

    def __init__(
        self,
        store: EventStore,
        *,
        settings: StoreSettings,
        free_bytes: Callable[[], int] | None = None,
        begin_again: Callable[[], None] = lambda: None,
        counters: Callable[[], dict[str, KindCounters]] = dict,
    ) -> None:
        """Keep events in this store; `begin_again` is called when one that stands in may go.

        `counters` tells what was counted since the agent's start: it is kept by the hour.
        """
        self._store = store
        # The writer appends and rarely reads back: a larger cache only makes the agent heavier.
        store.connection.pragma("cache_size", -WRITER_CACHE_KIB)
        self._settings = settings
        self._free_bytes = free_bytes or self._measured_free_bytes
        self._retry_at = 0.0
        self._prune_at = 0.0
        self._not_stored: Counter[str] = Counter()
        self._begin_again = begin_again
        self._reopen_at = time.monotonic() + REOPEN_AFTER
        self.full = store.stands_in
        self._counters = counters
        self._counted: dict[str, KindCounters] = {}
        self._count_at = time.monotonic() + COUNT_INTERVAL
        self._lost_lately = self._count_lost()

    @property
    def free_bytes(self) -> int:
        """How much room the disk of the event store has."""
        return self._free_bytes()

    def problems(self) -> list[str]:
        """Say that events are not stored, and how many were lost lately, earlier runs included."""
        problems = []
        lost = sum(self._not_stored.values())
        if self.full:
            problems.append(
                f"The disk is full: events are not stored until it has room ({lost} so far). "
                "Detection goes on."
            )
        if self._lost_lately:
            listed = ", ".join(f"{number} {kind}" for kind, number in self._lost_lately.items())
            problems.append(f"Events were lost in the last {LATELY_HOURS} hours: {listed}.")
        return problems

    def corrected(self, counters: dict[str, KindCounters]) -> dict[str, KindCounters]:
        """Count what was recorded but could not be stored as lost."""
        return {
            kind: KindCounters(
                seen=counted.seen,
                filtered=counted.filtered,
                recorded=max(counted.recorded - self._not_stored[kind], 0),
                lost=counted.lost + self._not_stored[kind],
            )
            for kind, counted in counters.items()
        }

    def take(self, events: Sequence[Event]) -> None:
        """Keep these events; they are on disk after the next flush."""
        if self.full or self._store.writer.pending > MOST_PENDING:
            self._not_stored.update(kind_of(event) for event in events)
            return
        self._store.writer.append(events)

    async def run(self) -> None:
        """Flush and prune for ever."""
        while True:
            self.flush()
            self.prune()
            await asyncio.sleep(FLUSH_INTERVAL)

    def prune(self) -> None:
        """Forget a little of what is too old or too much, when it is time to look."""
        if time.monotonic() < self._prune_at:
            return
        try:
            pruned = prune_piece(
                self._store.connection,
                max_bytes=self._settings.max_bytes,
                keep_since=wall_time() - self._settings.max_days * DAY,
            )
        except (StoreBusy, StoreFull) as error:
            log.warning("old events could not be removed: %s", error)
        else:
            if pruned.more:
                return
        self._prune_at = time.monotonic() + PRUNE_INTERVAL

    def finish(self) -> None:
        """Write what is pending and what was counted, before the end."""
        self._count_at = 0.0
        self.flush()

    def flush(self) -> None:
        """Write what is pending, unless the disk has no room for it."""
        if self.full and time.monotonic() < self._retry_at:
            return
        if self._free_bytes() < self._settings.keep_free_bytes:
            self._stop_storing("less is free than the agent must leave")
            return
        if self._store.stands_in:
            if time.monotonic() >= self._reopen_at:
                self._begin_again()
            return
        try:
            self._write()
        except StoreFull as error:
            self._stop_storing(str(error))
        except StoreBusy as error:
            log.warning("the event store is busy: %s", error)
        else:
            if self.full:
                log.info("the event store can write again")
            self.full = False

    def _write(self) -> None:
        if self._store.writer.pending:
            self._store.writer.flush()
        if time.monotonic() >= self._count_at:
            self._keep_counters()

    def _keep_counters(self) -> None:
        """Add what was counted since the last time to the present hour."""
        now = self.corrected(self._counters())
        hour = wall_time() // HOUR
        grown = [
            HourCounters(
                hour,
                kind,
                seen=counted.seen - before.seen,
                filtered=counted.filtered - before.filtered,
                # What was told as recorded may turn out not to have been stored.
                recorded=counted.recorded - before.recorded,
                lost=counted.lost - before.lost,
            )
            for kind, counted in now.items()
            if counted != (before := self._counted.get(kind, KindCounters()))
        ]
        if grown:
            self._store.add_counters(grown)
            self._counted = now
        self._lost_lately = self._count_lost()
        self._count_at = time.monotonic() + COUNT_INTERVAL

    def _count_lost(self) -> dict[str, int]:
        lost: Counter[str] = Counter()
        for counted in self._store.counters(since=wall_time() // HOUR - LATELY_HOURS + 1):
            lost[counted.kind] += counted.lost
        return {kind: number for kind, number in lost.items() if number > 0}

    def _stop_storing(self, reason: str) -> None:
        if not self.full:
            log.error("events are not stored any more: %s", reason)
        self.full = True
        self._retry_at = time.monotonic() + RETRY_INTERVAL

    def _measured_free_bytes(self) -> int:
        return shutil.disk_usage(self._store.path.parent).free
