"""What the agent says of itself, through a status socket as the agent serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509

from agent.directories import Directories
from agent.identity import store_key
from agent.sensors.exceptions import SensorFailed
from agent.status_socket import LocalStatus, serve_status
from eventstore.store import EventStore
from protocol.messages import KindCounters, SourceHealth, StatusReport
from tests.agent.authority import Authority
from tests.agent.gateway import eventually, now
from tests.agent.sensors.comparing import rows_of


def status(*sources: SourceHealth, problems: tuple[str, ...] = ()) -> LocalStatus:
    report = StatusReport(
        sent_at=now(),
        started_at=now(),
        sources=list(sources),
        counters={"file": KindCounters(seen=9, recorded=7, lost=2)},
        cpu_percent=0.1,
        memory_bytes=1,
        store_bytes=4096,
        store_oldest_at=0,
        disk_free_bytes=1,
        outbox_bytes=0,
        outbox_dropped=0,
        intel_revision=3,
        signals=12,
        problems=list(problems),
    )
    return LocalStatus(
        agent_version="1.2.3",
        process_id=1,
        endpoint_id=uuid4(),
        gateway="console:443",
        link="connected",
        link_reason="",
        connected_at=now(),
        certificate_until_at=now(),
        outbox_waiting=0,
        report=report,
    )


EBPF = SourceHealth(name="ebpf", state="running", kinds=["process", "file"])
AUDIT = SourceHealth(name="audit", state="failed", kinds=["security"], reason="it is taken")
ABSENT = SourceHealth(name="fanotify", state="absent", kinds=[])


class Agent:
    """Answers on the status socket of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.status = status(EBPF)

    async def rows(self, key: str) -> list[dict[str, str]]:
        return await asyncio.to_thread(rows_of, key, home=self.home)

    async def value(self, component: str, key: str) -> str:
        rows = await self.rows("status.threat_response")
        (found,) = (
            row["Value"] for row in rows if (row["Component"], row["Key"]) == (component, key)
        )
        return found


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    agent = Agent(tmp_path / "home")
    directories = Directories.under(agent.home)
    directories.create()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve_status(directories.status_socket, lambda: agent.status))
        await eventually(directories.status_socket.exists)
        yield agent
        serving.cancel()


class TestThreatResponseStatus:
    async def test_is_nominal_when_all_is_well(self, agent: Agent) -> None:
        assert await agent.value("Event Recorder", "Status") == "Linux Nominal"
        assert await agent.value("Detect Engine", "Can use Signals") == "true"
        assert await agent.value("Detect Engine", "Signals") == "12"
        assert await agent.value("Threat Response", "Overall Status") == "Linux Nominal"
        assert await agent.value("Event Recorder", "Events Lost") == "2"
        assert await agent.rows("status.overall") == [
            {"Threat Response - Overall Status": "Linux Nominal"}
        ]

    async def test_needs_attention_when_a_source_fails(self, agent: Agent) -> None:
        agent.status = status(EBPF, AUDIT, problems=("Event source audit is failed.",))

        assert await agent.value("Event Recorder", "Status") == "Linux Attention Needed"
        assert await agent.value("Event Recorder", "Source audit") == "failed: it is taken"
        assert await agent.value("Threat Response", "Overall Status") == "Linux Attention Needed"
        assert await agent.value("Threat Response", "Problem") == "Event source audit is failed."

    async def test_is_disabled_without_any_source(self, agent: Agent) -> None:
        agent.status = status(ABSENT)

        assert await agent.value("Event Recorder", "Status") == "Linux Disabled"
        assert await agent.value("Detect Engine", "Can use Signals") == "false"

    def test_fails_without_an_agent(self, tmp_path: Path) -> None:
        with pytest.raises(SensorFailed, match="does not run"):
            rows_of("status.threat_response", home=tmp_path)


class TestEndpointCertificate:
    def test_is_installed_once_it_is_valid(self, tmp_path: Path) -> None:
        directories = Directories.under(tmp_path)
        directories.create()
        key = "status.certificate"
        column = "Trace Endpoint Certificate Installed"
        assert rows_of(key, home=tmp_path) == [{column: "False"}]

        authority = Authority()
        expired = authority.issue(
            authority.key.public_key(), [x509.DNSName("a")], days=1, begins=timedelta(days=-2)
        )
        for text in ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", expired):
            directories.identity_file.write_text(text)
            assert rows_of(key, home=tmp_path) == [{column: "False"}]

        valid = authority.issue(authority.key.public_key(), [x509.DNSName("a")])
        directories.identity_file.write_text(f"the private key first\n{valid}")
        assert rows_of(key, home=tmp_path) == [{column: "True"}]


class TestDatabase:
    def test_is_configured_once_it_opens(self, tmp_path: Path) -> None:
        directories = Directories.under(tmp_path)
        directories.create()
        column = "Trace Group Configuration Level"
        assert rows_of("status.database", home=tmp_path) == [{column: "False"}]

        EventStore.open(directories.store_file, key=store_key(directories.store_key_file)).close()
        assert rows_of("status.database", home=tmp_path) == [{column: "True"}]

        directories.store_file.write_bytes(b"something else entirely, but long enough")
        assert rows_of("status.database", home=tmp_path) == [{column: "False"}]
