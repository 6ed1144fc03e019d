"""What the agent says of itself, through a status socket as the agent serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from cryptography import x509

from agent.directories import Directories
from agent.identity import store_key
from agent.recorder.exceptions import BlobDamaged
from agent.recorder.lightskeleton import Manifest
from agent.sensors.exceptions import SensorFailed
from agent.sensors.job_folder import MOST_JOBS, JobFolder
from agent.status_socket import LocalStatus, serve_status
from eventstore.store import EventStore
from protocol.instructions import ApplyIntel, SignalRule
from protocol.messages import KindCounters, SourceHealth, StatusReport
from protocol.questions import SensorCall
from tests.agent.authority import Authority
from tests.agent.gateway import eventually, now
from tests.agent.sensors.comparing import rows_of, write


def status(
    *sources: SourceHealth, problems: tuple[str, ...] = (), signals: int = 12
) -> LocalStatus:
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
        signals=signals,
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
ABSENT = SourceHealth(name="fanotify", state="absent", kinds=[], reason="not in this kernel")


class Agent:
    """Answers on the status socket of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "root"
        self.directories = Directories.under(home)
        self.status = status(EBPF)

    async def rows(self, key: str) -> list[dict[str, str]]:
        return await asyncio.to_thread(rows_of, key, self.root, home=self.home)

    async def value(self, component: str, key: str) -> str:
        rows = await self.rows("status.threat_response")
        (found,) = (
            row["Value"] for row in rows if (row["Component"], row["Key"]) == (component, key)
        )
        return found


def deploy(agent: Agent, here: int, *, elsewhere: int = 0) -> None:
    """Store Signals as the agent does, for this platform and for another one."""
    signals = [
        SignalRule(intel_id=uuid4(), revision=1, name="S", definition="", platforms=platforms)
        for platforms, count in (([], here), (["windows"], elsewhere))
        for _ in range(count)
    ]
    stored = ApplyIntel(revision=3, signals=signals)
    agent.directories.intel_file.write_bytes(msgspec.msgpack.encode(stored))


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

    async def test_says_that_a_package_is_required_when_no_source_is_there(
        self, agent: Agent
    ) -> None:
        agent.status = status(ABSENT, signals=0)

        assert await agent.value("Event Recorder", "Status") == "Linux Package Required"
        assert await agent.value("Event Recorder", "Problem") == "fanotify: not in this kernel"
        assert await agent.value("Detect Engine", "Can use Signals") == "false"
        assert await agent.value("Threat Response", "Overall Status") == "Linux Package Required"

    async def test_says_that_a_package_is_required_when_the_kernel_program_is_damaged(
        self, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def damaged() -> Manifest:
            raise BlobDamaged("recorder.manifest.json: gone")

        monkeypatch.setattr("agent.sensors.components.read_manifest", damaged)

        assert await agent.value("Event Recorder", "Status") == "Linux Package Required"
        assert await agent.value("Detect Engine", "Status") == "Linux Nominal"

    async def test_tells_a_recorder_that_is_off_from_one_that_failed(self, agent: Agent) -> None:
        agent.status = status()
        off = await agent.value("Event Recorder", "Status")
        agent.status = status(problems=("The recorder failed.",))

        assert off == "Linux Disabled"
        assert await agent.value("Event Recorder", "Status") == "Linux Attention Needed"

    async def test_judges_detection_by_its_signals(self, agent: Agent) -> None:
        assert await agent.value("Detect Engine", "Status") == "Linux Nominal"
        deploy(agent, 13)
        assert await agent.value("Detect Engine", "Status") == "Linux Package Required"
        assert "1 deployed Signals" in await agent.value("Detect Engine", "Problem")
        deploy(agent, 12, elsewhere=3)
        assert await agent.value("Detect Engine", "Status") == "Linux Nominal"
        agent.status = status(AUDIT)
        assert await agent.value("Detect Engine", "Status") == "Linux Attention Needed"
        agent.directories.intel_file.write_bytes(b"\xff")
        assert await agent.value("Detect Engine", "Status") == "Linux Attention Needed"
        agent.directories.intel_file.unlink()
        agent.status = status(EBPF, signals=0)
        assert await agent.value("Detect Engine", "Status") == "Linux Disabled"
        assert await agent.value("Threat Response", "Overall Status") == "Linux Nominal"

    async def test_judges_response_by_what_its_sensors_need(
        self, agent: Agent, tmp_path: Path
    ) -> None:
        assert await agent.value("Incident Response", "Status") == "Linux Nominal"
        agent.root = write(tmp_path / "root", {"var/lib/rpm/rpmdb.sqlite": ""})

        assert await agent.value("Incident Response", "Status") == "Linux Package Required"
        assert "/usr/bin/rpm" in await agent.value("Incident Response", "Problem")
        assert await agent.value("Event Recorder", "Status") == "Linux Nominal"

    async def test_needs_attention_when_no_job_fits(self, agent: Agent) -> None:
        folder = JobFolder(agent.directories.jobs)
        for number in range(MOST_JOBS):
            call = SensorCall(key="test.heavy", name="Heavy")
            folder.begin(call, {"job_id": f"job-{number}"}, question_id=uuid4(), now=now())

        assert await agent.value("Incident Response", "Status") == "Linux Attention Needed"

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
