"""Gather how the agent is doing from its parts, for the console and for `status`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent import __version__
from agent.clock import wall_time
from agent.intel import Intel
from agent.link import Link
from agent.outbox import Outbox
from agent.renewal import Renewal
from agent.status_socket import LocalStatus
from agent.store_keeper import StoreKeeper
from agent.vitals import Vitals
from eventstore.store import EventStore
from protocol.messages import KindCounters, SourceHealth, StatusReport

SAMPLE_INTERVAL = 10.0
MOST_PROBLEMS = 50


class Recording(Protocol):
    """What the status wants to know of the recorder."""

    def health(self) -> list[SourceHealth]:
        """Tell which event sources are in use."""

    def counters(self) -> dict[str, KindCounters]:
        """Tell how many events were seen, filtered, recorded and lost."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The parts that the status is gathered from."""

    recorder: Recording
    store: EventStore
    store_keeper: StoreKeeper
    outbox: Outbox
    intel: Intel
    renewal: Renewal
    problems: Sequence[Callable[[], list[str]]]


class StatusReporter:
    """Makes status reports."""

    def __init__(self, reported: Reported) -> None:
        self._reported = reported
        self._vitals = Vitals()
        self._started_at = wall_time()
        self._oldest_at = 0

    async def run(self) -> None:
        """Measure the agent's own use now and then, until cancelled."""
        while True:
            self._vitals.sample()
            self._oldest_at = self._reported.store.oldest_at() or 0
            await asyncio.sleep(SAMPLE_INTERVAL)

    def report(self) -> StatusReport:
        """Say how the agent is doing now."""
        parts = self._reported
        return StatusReport(
            sent_at=wall_time(),
            started_at=self._started_at,
            sources=parts.recorder.health(),
            counters=parts.store_keeper.corrected(parts.recorder.counters()),
            cpu_percent=round(self._vitals.cpu_percent, 2),
            memory_bytes=self._vitals.memory_bytes,
            store_bytes=parts.store.size_bytes(),
            store_oldest_at=self._oldest_at,
            disk_free_bytes=parts.store_keeper.free_bytes,
            outbox_bytes=parts.outbox.size_bytes,
            outbox_dropped=parts.outbox.dropped,
            intel_revision=parts.intel.deployed.revision,
            signals=parts.intel.deployed.size,
            problems=self._problems(),
        )

    def local(self, link: Link) -> LocalStatus:
        """Say the same to a person at this computer, who may know more."""
        enrolment = self._reported.renewal.enrolment
        return LocalStatus(
            agent_version=__version__,
            process_id=os.getpid(),
            endpoint_id=enrolment.endpoint_id,
            gateway=enrolment.gateway,
            link=link.state,
            link_reason=link.reason,
            connected_at=link.connected_at,
            certificate_until_at=enrolment.certificate_until_at,
            outbox_waiting=self._reported.outbox.waiting,
            report=self.report(),
        )

    def _problems(self) -> list[str]:
        found = [problem for ask in self._reported.problems for problem in ask()]
        parts = self._reported
        if parts.outbox.problem:
            found.append(parts.outbox.problem)
        for source in parts.recorder.health():
            if source.state in ("failed", "degraded"):
                found.append(f"Event source {source.name} is {source.state}: {source.reason}.")
        return found[:MOST_PROBLEMS]
