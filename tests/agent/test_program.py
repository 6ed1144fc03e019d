"""The whole agent as a real process, over real TLS, with the recorder that works here."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from agent.directories import Directories
from agent.identity import Enrolment
from protocol.instructions import ApplyIntel, OpenSession, SignalRule
from protocol.live import EventRows, FetchRows, SearchEvents, SearchStanding, SessionOpened
from protocol.messages import Goodbye, Heartbeat, Hello, StatusReport
from tests.agent.agent_process import AgentProcess, run_command, running_agent
from tests.agent.full_disk import fill
from tests.agent.gateway import Gateway, eventually

pytestmark = [pytest.mark.slow, pytest.mark.root]


def rule(
    definition: str, *, name: str = "Test rule", platforms: list[str] | None = None
) -> SignalRule:
    return SignalRule(
        intel_id=uuid4(),
        revision=1,
        name=name,
        definition=definition,
        platforms=["linux"] if platforms is None else platforms,
    )


async def deploy(gateway: Gateway, rules: list[SignalRule], *, sequence: int = 1) -> None:
    await gateway.instruct(ApplyIntel(revision=sequence, signals=rules), sequence=sequence)
    await eventually(lambda: [o for o in gateway.outcomes if o.sequence == sequence])


async def run_program(*words: str) -> None:
    started = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    assert await started.wait() == 0


async def recording(agent: AgentProcess) -> None:
    async def is_recording() -> bool:
        status = await agent.status()
        return any(s["state"] == "running" for s in status.get("report", {}).get("sources", []))

    while not await is_recording():
        assert agent.process is not None
        assert agent.process.poll() is None, agent.log()


class TestAgent:
    async def test_greets_beats_and_reports(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        async with running_agent(directories.home):
            await eventually(lambda: len(gateway.of(Heartbeat)) >= 2)
            report = (await eventually(lambda: gateway.of(StatusReport)))[0]

        hello = gateway.of(Hello)[0]
        assert hello.platform.os == "linux"
        assert set(hello.capabilities) == {
            "intel.apply",
            "session.open",
            "certificate.replace",
            "question.ask",
        }
        assert report.memory_bytes > 1_000_000
        assert gateway.of(Goodbye)

    async def test_raises_an_alert_with_ancestry(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        word = f"vedette-test-{uuid4()}"
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            deployed = rule(f"process.command_line contains '{word}'")
            await deploy(gateway, [deployed])
            await recording(agent)

            await run_program("/bin/sh", "-c", f"/bin/echo {word}; true")
            alerts = await eventually(lambda: gateway.alerts)

        names = {alert.process.name for alert in gateway.alerts if alert.process}
        assert alerts[0].intel_id == deployed.intel_id
        assert alerts[0].matched[0].value == word
        assert alerts[0].process is not None
        assert "sh" in names or "dash" in names
        pids = [ancestor.pid for ancestor in alerts[0].process.ancestors]
        assert os.getpid() in pids

    async def test_lets_an_analyst_search_and_follow(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        word = f"vedette-test-{uuid4()}"
        session_id = uuid4()
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            await recording(agent)
            opening = OpenSession(session_id=session_id, address=gateway.address, ticket="t1")
            await gateway.instruct(opening, sequence=1, audience=enrolled_there.endpoint_id)
            end = await eventually(lambda: gateway.sessions.get(str(session_id)))
            await eventually(lambda: end.of(SessionOpened))
            expression = f"process.command_line contains '{word}'"
            await end.send(SearchEvents(search_id=1, expression=expression))
            await eventually(lambda: any(s.complete for s in end.of(SearchStanding)))

            await run_program("/bin/echo", word)
            standing = await eventually(lambda: [s for s in end.of(SearchStanding) if s.total > 0])
            await end.send(FetchRows(search_id=1, offset=0, limit=10, through=standing[-1].total))
            rows = (await eventually(lambda: end.of(EventRows)))[0].rows

        assert gateway.tickets[str(session_id)] == "Ticket t1"
        assert rows[-1].event.process is not None
        assert rows[-1].event.process.arguments == ("/bin/echo", word)

    async def test_keeps_rules_and_events_over_sigkill(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        word = f"vedette-test-{uuid4()}"
        assert directories.home is not None
        gateway.acknowledges = False
        first = AgentProcess(directories.home)
        first.start()
        await eventually(lambda: gateway.of(Heartbeat))
        await deploy(gateway, [rule(f"process.command_line contains '{word}'")])
        await recording(first)
        await run_program("/bin/echo", word)
        before = {alert.id for alert in await eventually(lambda: gateway.alerts)}
        first.kill()
        gateway.heard.clear()
        gateway.acknowledges = True

        async with running_agent(directories.home) as second:
            hello = (await eventually(lambda: gateway.of(Hello)))[0]
            await eventually(lambda: before <= {alert.id for alert in gateway.alerts})
            await recording(second)
            await run_program("/bin/echo", word)
            await eventually(lambda: len({alert.id for alert in gateway.alerts}) > len(before))

        assert hello.intel_revision == 1
        assert hello.sequence == 1

    async def test_leaves_nothing_running_behind(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            code = await agent.stop()

        assert code == 0
        assert not directories.status_socket.exists()
        assert run_command(directories.home, "status").returncode == 3

    async def test_refuses_a_second_instance(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            assert agent.process is not None

            second = await agent.command("run")

        assert second.returncode == 1
        assert f"process {agent.process.pid}" in second.stderr
        assert "Traceback" not in second.stderr


class TestCommands:
    async def test_show_a_person_how_the_agent_is_doing(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            await recording(agent)

            shown = await agent.command("status")

        assert shown.returncode == 0
        assert str(enrolled_there.endpoint_id) in shown.stdout
        assert "connected since" in shown.stdout
        assert "event sources" in shown.stdout

    async def test_refuse_a_new_identity_under_a_running_agent(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))

            words = ["--console", "x:1", "--ca", str(directories.authority_file), "--token", "t"]
            refused = await agent.command("enroll", *words, "--force")

        assert refused.returncode == 1
        assert "stop it first" in refused.stderr

    async def test_uninstall_a_running_agent_and_leave_nothing(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        home = directories.home
        assert home is not None
        agent = AgentProcess(home)
        agent.start()
        await eventually(lambda: gateway.of(Heartbeat))
        assert agent.process is not None

        waiting = asyncio.ensure_future(agent.wait())
        removed = await agent.command("uninstall", "--yes")

        assert removed.returncode == 0, removed.stderr
        assert f"stopping the agent (process {agent.process.pid})" in removed.stdout
        assert await waiting == 0
        assert not home.exists()


class TestFullDisk:
    @pytest.fixture
    def directories(self, tmp_path: Path) -> Iterator[Directories]:
        home = tmp_path / "home"
        home.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", home], check=True)
        yield Directories.under(home)
        subprocess.run(["umount", "--lazy", home], check=True)

    async def test_is_told_detected_through_and_recovered_from(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        word = f"vedette-test-{uuid4()}"
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            await deploy(gateway, [rule(f"process.command_line contains '{word}'")])
            await recording(agent)
            # Less is free than the agent must leave to the computer's own work.
            await eventually(lambda: "disk is full" in _problems(gateway))
            await run_program("/bin/echo", word)
            await eventually(lambda: gateway.alerts)

            await run_program("mount", "-o", "remount,size=900m", str(directories.home))

            await eventually(lambda: "disk is full" not in _problems(gateway))

    @pytest.mark.parametrize("ended", ["killed", "stopped"])
    async def test_blinds_no_agent_that_starts(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment, ended: str
    ) -> None:
        word = f"vedette-test-{uuid4()}"
        assert directories.home is not None
        first = AgentProcess(directories.home)
        first.start()
        await eventually(lambda: gateway.of(Heartbeat))
        await deploy(gateway, [rule(f"process.command_line contains '{word}'")])
        if ended == "killed":
            first.kill()
        else:
            await first.stop()
        filler = fill(directories.home)
        gateway.heard.clear()

        async with running_agent(directories.home) as agent:
            await recording(agent)
            await run_program("/bin/echo", word)
            await eventually(lambda: gateway.alerts)
            await eventually(lambda: "disk is full" in _problems(gateway))
            # Files that a killed agent left can be opened; new ones cannot be made.
            assert ended == "killed" or "memory only" in _problems(gateway)

            filler.unlink()
            await run_program("mount", "-o", "remount,size=900m", str(directories.home))

            await eventually(lambda: not _known_problems(gateway), within=40)
            assert await agent.stop() == 0

    async def test_lets_the_agent_end_well(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        assert directories.home is not None
        await run_program("mount", "-o", "remount,size=900m", str(directories.home))
        async with running_agent(directories.home) as agent:
            await recording(agent)
            fill(directories.home)
            await run_program("/bin/true")

            assert await agent.stop() == 0

        assert "Traceback" not in agent.log()


def _known_problems(gateway: Gateway) -> list[str]:
    return [part for part in ("disk is full", "memory only") if part in _problems(gateway)]


def _problems(gateway: Gateway) -> str:
    reports = gateway.of(StatusReport)
    return " ".join(reports[-1].problems) if reports else ""
