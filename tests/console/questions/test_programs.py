"""Questions through the real programs: asked, answered, and the ingester killed in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.instructions import AskQuestion
from protocol.messages import QuestionAnswered
from tests.console_processes import ConsoleProcesses, certificates_directory
from tests.simulator import SimulatedEndpoint, make_answer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENDPOINTS = 20
PARTS = 3
ROWS = 5

_ASK = """
import json, sys
from datetime import UTC, datetime
import django
django.setup()
from console.access.models import User
from console.core.actor import Actor
from console.questions.services import ask
user = User.objects.filter(username="ada").first()
user = user or User.objects.create_superuser("ada", password=None)
ids = [
    str(ask("Get Computer Name from all machines", user=user, actor=Actor("ada"),
            now=datetime.now(UTC)).pk)
    for _ in range(int(sys.argv[1]))
]
print(json.dumps(ids))
"""

_FOUND = """
import json
import django
django.setup()
from console.questions.models import Answer, AnswerRow, Question
print(json.dumps({
    str(question.pk): [
        question.asked, question.answered, question.refused,
        dict((row.values[0], row.count) for row in AnswerRow.objects.filter(question=question)),
        sum(Answer.objects.filter(question=question).values_list("count", flat=True)),
    ]
    for question in Question.objects.all()
}))
"""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleProcesses]:
    """Run the gateway and the ingester of a console of its own."""
    processes = ConsoleProcesses(tmp_path / "data")
    try:
        processes.prepare()
        processes.start("gateway")
        processes.start("ingest")
        yield processes
    finally:
        processes.stop()


def answer_in_parts(number: int, question: AskQuestion) -> list[QuestionAnswered]:
    """Answer in parts: one row is the endpoint's own, the others everybody gives."""
    return [
        make_answer(
            number,
            question.question_id,
            [[f"own {number}"], *([f"shared {each}"] for each in range(ROWS - 1))],
            part=part,
            parts=PARTS,
        )
        for part in range(PARTS)
    ]


def endpoint_of(console: ConsoleProcesses, number: int, name: uuid.UUID) -> SimulatedEndpoint:
    """Make the simulation of one endpoint of the population."""
    keys = console.data / "keys"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(keys / "authority.pem")
    context.load_cert_chain(certificates_directory(keys) / f"{name}.pem")
    return SimulatedEndpoint(
        number, context, ("127.0.0.1", console.gateway_port), answers=answer_in_parts
    )


async def ask(console: ConsoleProcesses, count: int) -> list[str]:
    """Ask some questions and return their ids."""
    answer: list[str] = json.loads(await asyncio.to_thread(console.run_python, _ASK, str(count)))
    return answer


async def found(console: ConsoleProcesses) -> dict[str, Any]:
    """Read what is stored."""
    answer: dict[str, Any] = json.loads(await asyncio.to_thread(console.run_python, _FOUND))
    return answer


class TestWholeWay:
    @pytest.mark.parametrize("killed", ["ingest", "gateway", "valkey"])
    async def test_loses_and_doubles_nothing_whatever_is_killed(
        self, console: ConsoleProcesses, killed: str
    ) -> None:
        if killed == "valkey":
            # What is asked while it is away, the worker's job brings there later.
            console.start_worker()
        names = await asyncio.to_thread(console.populate, ENDPOINTS)
        endpoints = [endpoint_of(console, number, name) for number, name in enumerate(names)]
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(endpoint.stay_connected()) for endpoint in endpoints]
        try:
            async with asyncio.timeout(120):
                # Some of them come only after the question was asked.
                await asyncio.gather(*(each.is_connected.wait() for each in endpoints))
                asking = loop.create_task(ask(console, 5))
                disturbed = 0
                while disturbed < 3 or not asking.done():
                    await asyncio.sleep(0.7)
                    await disturb(console, killed)
                    disturbed += 1
                asked = await asking
                while answered(console) < len(asked) * ENDPOINTS:  # noqa: ASYNC110 - a poll
                    await asyncio.sleep(0.1)
        finally:
            for task in tasks:
                task.cancel()
            for endpoint in endpoints:
                endpoint.abort()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

        stored = await found(console)
        rows = {f"shared {each}": ENDPOINTS * PARTS for each in range(ROWS - 1)}
        rows |= {f"own {number}": PARTS for number in range(ENDPOINTS)}
        for question_id in asked:
            assert stored[question_id] == [
                ENDPOINTS,
                ENDPOINTS,
                0,
                rows,
                ENDPOINTS * PARTS * ROWS,
            ]


def answered(console: ConsoleProcesses) -> int:
    """Count the complete answers to all questions, without starting a program for it."""
    with contextlib.closing(sqlite3.connect(console.data / "console.sqlite3")) as database:
        return int(database.execute("SELECT SUM(answered) FROM questions_question").fetchone()[0])


async def disturb(console: ConsoleProcesses, killed: str) -> None:
    """Kill a program without a warning and start it again."""
    if killed == "valkey":
        console.valkey.kill()
        await asyncio.to_thread(console.valkey.start)
    else:
        console.kill(killed)
        console.start(killed)
