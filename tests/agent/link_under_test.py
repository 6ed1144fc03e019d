"""A link with its duties, an outbox and a console, for tests of the always-on channel."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from random import SystemRandom
from uuid import uuid4

from agent.addresses import Address, read_address
from agent.clock import ConsoleClock
from agent.delivery import Delivery
from agent.directories import Directories
from agent.identity import store_key
from agent.link import Link, LinkDuties
from agent.machine import describe_machine
from agent.outbox import Outbox
from agent.tls import mutual_context
from protocol.messages import (
    Hello,
    InstructionCompleted,
    StatusReport,
)
from tests.agent.gateway import now


class LinkUnderTest:
    """A link with everything that it needs, on a home of its own."""

    def __init__(self, directories: Directories, address: str, *, patience: float = 30.0) -> None:
        self.directories = directories
        self.address = address
        self.instructed: list[bytes] = []
        self.clock = ConsoleClock()
        self.outbox = Outbox(
            directories.outbox_file,
            key=store_key(directories.store_key_file),
            max_bytes=1 << 20,
        )
        self.delivery = Delivery(self.outbox, random=SystemRandom(), patience=patience)
        duties = LinkDuties(
            hello=self._hello,
            status=self._status,
            instruct=self._instruct,
            target=self._target,
        )
        self.link = Link(
            duties=duties, delivery=self.delivery, clock=self.clock, random=SystemRandom()
        )
        self.task: asyncio.Task[None] | None = None

    def put(self) -> InstructionCompleted:
        message = InstructionCompleted(id=uuid4(), sequence=1, outcome="done")
        self.outbox.put([message])
        self.delivery.notify()
        return message

    def _target(self) -> tuple[Address, ssl.SSLContext]:
        context = mutual_context(
            authority_file=self.directories.authority_file,
            identity_file=self.directories.identity_file,
        )
        return read_address(self.address), context

    async def _instruct(self, envelope: bytes) -> None:
        self.instructed.append(envelope)

    def _hello(self) -> Hello:
        return Hello(
            version_oldest=1,
            version_newest=1,
            agent_version="1",
            boot_id="b",
            sent_at=now(),
            platform=describe_machine(),
            capabilities=[],
            intel_revision=0,
            sequence=0,
        )

    def _status(self) -> StatusReport:
        return StatusReport(
            sent_at=now(),
            started_at=0,
            sources=[],
            counters={},
            cpu_percent=0,
            memory_bytes=0,
            store_bytes=0,
            store_oldest_at=0,
            disk_free_bytes=0,
            outbox_bytes=0,
            outbox_dropped=0,
            intel_revision=0,
            signals=0,
            problems=[],
        )


@contextlib.asynccontextmanager
async def running_link(made: LinkUnderTest) -> AsyncIterator[LinkUnderTest]:
    async with asyncio.TaskGroup() as group:
        made.task = group.create_task(made.link.run())
        try:
            yield made
        finally:
            made.task.cancel()
    made.outbox.close()
