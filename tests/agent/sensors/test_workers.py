"""Workers: started when they are needed, ended when they are not, and replaced when they die."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil
import pytest

from agent.exceptions import WorkerFailed
from agent.sensor_workers import end_child
from protocol.questions import SensorCall
from tests.agent.gateway import eventually
from tests.agent.sensors.asking import NAME, Asking, marked, processes_with, question, settled

pytestmark = pytest.mark.slow


def workers_of(asking: Asking) -> list[psutil.Process]:
    return processes_with(str(asking.directories.home))


class TestWorkers:
    async def test_are_used_again(self, asking: Asking) -> None:
        await asking.ask(NAME)
        first = workers_of(asking)

        await asking.ask(NAME)

        assert workers_of(asking) == first
        assert len(first) == 1

    async def test_end_when_nobody_asks(self, tmp_path: Path) -> None:
        asking = Asking(tmp_path / "home", idle_timeout=0.2)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(asking.workers.run())
            await asking.ask(NAME)
            assert workers_of(asking)

            await eventually(lambda: not workers_of(asking))
            answered = await asking.ask(NAME)

            running.cancel()
        await settled()
        assert answered.outcome == "answered"
        assert workers_of(asking) == []

    async def test_are_replaced_when_they_were_killed(self, asking: Asking) -> None:
        await asking.ask(NAME)
        (worker,) = workers_of(asking)
        worker.kill()
        await eventually(lambda: not worker.is_running())

        answered = await asking.ask(NAME)

        assert answered.outcome == "answered"

    async def test_that_die_in_the_middle_fail_the_question_only(self, asking: Asking) -> None:
        call, word = marked("sleep 600")
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(_refusal_of(asking, call))
            await eventually(lambda: processes_with(word))
            for worker in workers_of(asking):
                os.kill(worker.pid, signal.SIGKILL)

            assert "ended unexpectedly" in await asked

        await eventually(lambda: not processes_with(word))
        assert (await asking.ask(NAME)).outcome == "answered"

    async def test_that_take_too_long_are_ended(self, tmp_path: Path) -> None:
        asking = Asking(tmp_path / "home", answer_timeout=1.5)
        call, word = marked("sleep 600")

        with pytest.raises(WorkerFailed, match="in time"):
            await asking.ask(call)
        await settled()

        assert workers_of(asking) == []
        assert processes_with(word) == []

    async def test_end_with_what_they_ran_when_the_agent_is_gone(self, asking: Asking) -> None:
        call, word = marked("sleep 600")
        asked = asyncio.ensure_future(asking.parts(question(call)))
        await eventually(lambda: processes_with(word))

        asked.cancel()
        await asyncio.wait([asked])

        assert workers_of(asking) == []
        assert processes_with(word) == []


async def _refusal_of(asking: Asking, call: SensorCall) -> str:
    with pytest.raises(WorkerFailed) as refusal:
        await asking.ask(call)
    return str(refusal.value)


class TestEndChild:
    async def test_given_up_waits_for_what_it_killed(self) -> None:
        process = await asyncio.create_subprocess_exec(
            "sleep", "600", stdin=PIPE, stdout=PIPE, start_new_session=True
        )

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await end_child(process)

        assert process.returncode == -signal.SIGKILL
