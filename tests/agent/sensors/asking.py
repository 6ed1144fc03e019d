"""Ask questions of real workers, and look at what they leave behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil

from agent.directories import Directories
from agent.sensor_workers import SensorWorkers
from agent.sensors.orders import Order
from protocol.codec import UPWARD
from protocol.instructions import AskQuestion
from protocol.messages import QuestionAnswered
from protocol.questions import Comparison, Filter, Script, Selection, SensorCall
from tests.agent.gateway import now

ENDPOINT = UUID("11111111-2222-4333-8444-555555555555")
NAME = SensorCall(key="computer.name", name="Computer Name", columns=1)


def scripted(
    text: str,
    *,
    language: str = "shell",
    parameters: dict[str, str] | None = None,
    **limits: Any,
) -> SensorCall:
    """Call a user's own sensor."""
    script = Script(language=language, text=text, **({"columns": 1} | limits))
    return SensorCall(
        key=f"custom.{uuid4()}", name="Mine", parameters=parameters or {}, script=script
    )


def question(*calls: SensorCall, filter: Filter | None = None) -> AskQuestion:
    return AskQuestion(
        question_id=uuid4(), selections=[Selection(call=call) for call in calls], filter=filter
    )


def containing(call: SensorCall, value: str, column: str = "") -> Comparison:
    return Comparison(call=call, operator="containing", value=value, column=column)


def marked(text: str, **limits: Any) -> tuple[SensorCall, str]:
    """Call a script whose processes can be told from those of other tests, by the word returned."""
    word = f"vedette-{uuid4()}"
    return scripted(text, parameters={"word": word}, **limits), word


class Asking:
    """The workers of an agent on a home of its own."""

    def __init__(self, home: Path, **settings: float) -> None:
        self.directories = Directories.under(home)
        self.directories.create()
        self.workers = SensorWorkers(self.directories, **settings)

    async def parts(self, asked: AskQuestion) -> list[QuestionAnswered]:
        order = Order(question=asked, endpoint_id=ENDPOINT, now=now())
        encoded, self.jobs = await self.workers.answer(order)
        parts = [UPWARD.decode(part.body) for part in encoded]
        assert all(isinstance(part, QuestionAnswered) for part in parts)
        return [part for part in parts if isinstance(part, QuestionAnswered)]

    async def ask(self, *calls: SensorCall, filter: Filter | None = None) -> QuestionAnswered:
        """Ask what fits into one part."""
        (answered,) = await self.parts(question(*calls, filter=filter))
        return answered

    async def failure(self, *calls: SensorCall) -> str:
        answered = await self.ask(*calls)
        assert answered.rows == []
        return answered.failures[0].reason


async def settled() -> None:
    """Let the event loop close the pipes of processes that have ended: it does so a turn later."""
    for _turn in range(5):
        await asyncio.sleep(0)


def processes_with(word: str) -> list[psutil.Process]:
    """Find processes that carry a word in their arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(word in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
