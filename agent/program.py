"""Put the parts of the agent together, and run them until somebody says stop.

This is the one place that knows every part. The order of the parts is the order of their start;
they stop in the reverse one: first nothing new is recorded, at last the console hears goodbye.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

from agent import __version__
from agent.addresses import Address
from agent.alerting import Alerting
from agent.capabilities import capability_names, handlers_for
from agent.clock import ConsoleClock, wall_time
from agent.delivery import Delivery
from agent.directories import Directories
from agent.identity import Enrolment, store_key
from agent.instructions import Instructions
from agent.intel import Intel
from agent.link import Link, LinkDuties
from agent.machine import boot_id, describe_machine, this_platform
from agent.outbox import Outbox
from agent.questions import Questions
from agent.recorder.recorder import Recorder
from agent.recording import Recording
from agent.renewal import Renewal
from agent.sensor_jobs import SensorJobs
from agent.sensor_workers import SensorWorkers
from agent.sessions import Sessions
from agent.settings import Settings
from agent.status import Reported, StatusReporter
from agent.status_socket import serve_status
from agent.store_keeper import StoreKeeper
from agent.supervisor import Part, Supervisor
from agent.throttle import AlertThrottle, Window
from agent.tls import mutual_context
from eventstore.exceptions import StoreBusy, StoreFull
from eventstore.salvage import SalvageReport, open_or_salvage
from eventstore.store import EventStore
from protocol.instructions import ApplyIntel, AskQuestion, OpenSession, ReplaceCertificate
from protocol.messages import (
    VERSION_NEWEST,
    VERSION_OLDEST,
    Hello,
    InstructionCompleted,
    KindCounters,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Powers:
    """The handlers behind the capability table."""

    intel: Intel
    sessions: Sessions
    renewal: Renewal
    questions: Questions

    async def apply_intel(self, instruction: ApplyIntel) -> str:
        return await self.intel.apply(instruction)

    async def open_session(self, instruction: OpenSession) -> str:
        return await self.sessions.open(instruction)

    async def replace_certificate(self, instruction: ReplaceCertificate) -> str:
        return await self.renewal.replace(instruction)

    async def answer_question(self, instruction: AskQuestion) -> str:
        return await self.questions.answer(instruction)


class AgentProgram:
    """One agent on one home. Make it, `run` it once, `close` it."""

    def __init__(self, directories: Directories, settings: Settings, enrolment: Enrolment) -> None:
        """Open the stores and load what was deployed. Raises `AgentError` or `EventStoreError`."""
        self._directories = directories
        self._random = SystemRandom()
        self._platform = this_platform()
        self._clock = ConsoleClock()
        key = store_key(directories.store_key_file)
        self._stop = asyncio.Event()
        self.begins_again = False
        self._store, self._salvaged = _open_store(directories.store_file, key)
        self._outbox = Outbox(directories.outbox_file, key=key, max_bytes=settings.outbox.max_bytes)
        self._delivery = Delivery(self._outbox, random=self._random)
        self._intel = Intel(intel_file=directories.intel_file, platform=self._platform)
        self._intel.load()
        self._keeper = StoreKeeper(
            self._store,
            settings=settings.store,
            begin_again=self._begin_again,
            counters=self._counters,
        )
        self._alerting = self._make_alerting(settings)
        # Alerts first: what is detected goes out even if it cannot be stored.
        self._recording = Recording(
            lambda: Recorder(directories.data),
            consumers=(self._alerting.take, self._keeper.take),
        )
        self._renewal = Renewal(
            directories=directories, enrolment=enrolment, clock=self._clock, random=self._random
        )
        self._sessions = Sessions(
            store=self._store,
            host_name=describe_machine().host_name,
            context=self._tls_context,
            own_console=lambda: self._renewal.enrolment.sessions_address,
        )
        self._workers = SensorWorkers(directories)
        self._jobs = SensorJobs(directories)
        self._instructions = self._make_instructions(enrolment)
        self._reporter = self._make_reporter()
        self._link = Link(
            duties=LinkDuties(
                hello=self._hello,
                status=self._reporter.report,
                instruct=self._instructions.receive,
                target=self._target,
            ),
            delivery=self._delivery,
            clock=self._clock,
            random=self._random,
        )
        self._supervisor = Supervisor(self._parts(), random=self._random)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, or until it `begins_again`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        log.info("Vedette agent %s begins", __version__)
        await self._supervisor.run(self._stop)
        log.info("stopped")

    def close(self) -> None:
        """Close what is on disk. What a full disk did not take until now is lost, and logged."""
        self._outbox.close()
        try:
            self._store.close()
        except (StoreFull, StoreBusy) as error:
            log.warning("%d events were not stored: %s", self._store.writer.pending, error)
            self._store.close_without_pending()

    def _counters(self) -> dict[str, KindCounters]:
        return self._recording.counters()

    def _begin_again(self) -> None:
        if not self._stop.is_set():
            log.info("the disk has room again: the agent begins again, with its event store")
            self.begins_again = True
            self._stop.set()

    def _parts(self) -> list[Part]:
        return [
            Part("event store", self._keeper.run, self._flush_store),
            Part("link", self._link.run, self._link.leave),
            Part("certificate renewal", self._renewal.run),
            Part("live sessions", self._sessions.run),
            Part("sensors", self._workers.run),
            Part("sensor jobs", self._jobs.run),
            Part("instructions", self._instructions.run),
            Part("status", self._reporter.run),
            Part("status socket", self._serve_status),
            Part("recorder", self._recording.run),
        ]

    async def _flush_store(self) -> None:
        self._keeper.finish()

    async def _serve_status(self) -> None:
        await serve_status(
            self._directories.status_socket, lambda: self._reporter.local(self._link)
        )

    def _problems_of_parts(self) -> list[str]:
        problems = [*self._supervisor.problems(), *self._link.problems()]
        if self._salvaged is not None:
            problems.append(
                f"The event store was damaged ({self._salvaged.reason}): "
                f"{self._salvaged.saved} events were saved, the rest is in "
                f"{self._salvaged.set_aside.name}."
            )
        return problems

    def _make_alerting(self, settings: Settings) -> Alerting:
        window = Window(settings.throttle.alerts, float(settings.throttle.window_seconds))
        return Alerting(
            intel=self._intel,
            throttle=AlertThrottle(window),
            outbox=self._outbox,
            delivery=self._delivery,
        )

    def _make_instructions(self, enrolment: Enrolment) -> Instructions:
        questions = Questions(
            endpoint_id=enrolment.endpoint_id,
            clock=self._clock,
            workers=self._workers,
            jobs=self._jobs,
            outbox=self._outbox,
            delivery=self._delivery,
        )
        powers = _Powers(self._intel, self._sessions, self._renewal, questions)
        return Instructions(
            enrolment=enrolment,
            memory_file=self._directories.sequence_file,
            clock=self._clock,
            handlers=handlers_for(self._platform, powers),
            report=self._report_completed,
        )

    def _make_reporter(self) -> StatusReporter:
        return StatusReporter(
            Reported(
                recorder=self._recording,
                store=self._store,
                store_keeper=self._keeper,
                outbox=self._outbox,
                intel=self._intel,
                renewal=self._renewal,
                problems=(
                    self._problems_of_parts,
                    self._recording.problems,
                    self._keeper.problems,
                    self._intel.problems,
                    self._alerting.problems,
                    self._instructions.problems,
                    self._renewal.problems,
                ),
            )
        )

    def _report_completed(self, completed: InstructionCompleted) -> None:
        self._outbox.put([completed])
        self._delivery.notify()
        self._link.report_soon()

    def _hello(self) -> Hello:
        return Hello(
            version_oldest=VERSION_OLDEST,
            version_newest=VERSION_NEWEST,
            agent_version=__version__,
            boot_id=boot_id(),
            sent_at=wall_time(),
            platform=describe_machine(),
            capabilities=capability_names(self._platform),
            intel_revision=self._intel.deployed.revision,
            sequence=self._instructions.sequence,
        )

    def _target(self) -> tuple[Address, ssl.SSLContext]:
        return self._renewal.enrolment.gateway_address, self._tls_context()

    def _tls_context(self) -> ssl.SSLContext:
        """Make it anew for every dial: the certificate may have been renewed meanwhile."""
        return mutual_context(
            authority_file=self._directories.authority_file,
            identity_file=self._directories.identity_file,
        )


def _open_store(path: Path, key: bytes) -> tuple[EventStore, SalvageReport | None]:
    """Open the event store; on a full disk something that stands in for it until there is room."""
    try:
        return open_or_salvage(path, key=key, now=datetime.now(UTC))
    except StoreFull as error:
        log.error("the event store cannot be opened: %s", error)  # noqa: TRY400 -- it is expected
        return EventStore.stand_in(path), None
