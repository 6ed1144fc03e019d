"""Questions at one endpoint: answered once, late or not at all, and never in the way of alerts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from uuid import UUID, uuid4, uuid5

import pytest

from agent.channel import Channel
from agent.clock import ConsoleClock
from agent.delivery import Delivery
from agent.directories import Directories
from agent.identity import Enrolment, SigningKey
from agent.instructions import Handler, Instructions
from agent.outbox import Outbox, Worth
from agent.questions import Questions
from agent.sensor_jobs import SensorJobs
from agent.sensor_workers import SensorWorkers
from protocol.codec import UPWARD
from protocol.events import DnsEvent
from protocol.instructions import AskQuestion
from protocol.messages import (
    AlertRaised,
    Downward,
    Durable,
    Heartbeat,
    InstructionCompleted,
    QuestionAnswered,
    Upward,
)
from tests.agent.agent_process import running_agent
from tests.agent.gateway import Gateway, eventually, now
from tests.agent.sensors.asking import (
    NAME,
    containing,
    marked,
    processes_with,
    question,
    settled,
)

pytestmark = pytest.mark.slow

SECOND = 1_000_000


class Endpoint:
    """Questions from the envelope to the outbox, with everything that is between."""

    def __init__(self, home: Path, console: Gateway) -> None:
        self.directories = Directories.under(home)
        self.directories.create()
        self.console = console
        self.outcomes: list[InstructionCompleted] = []
        self.outbox = Outbox(self.directories.outbox_file, key=bytes(32), max_bytes=1 << 24)
        self.clock = ConsoleClock()
        self.begin()

    def begin(self) -> None:
        """Start anew, as after a restart of the agent."""
        self.workers = SensorWorkers(self.directories)
        self.questions = Questions(
            endpoint_id=self.console.endpoint_id,
            clock=self.clock,
            workers=self.workers,
            jobs=SensorJobs(self.directories),
            outbox=self.outbox,
            delivery=Delivery(self.outbox, random=SystemRandom()),
        )
        handlers: dict[type, Handler] = {AskQuestion: self.questions.answer}
        key = self.console.key.public_key().public_bytes_raw()
        self.instructions = Instructions(
            enrolment=Enrolment(
                endpoint_id=self.console.endpoint_id,
                enrolment_address="console:1",
                gateway="console:1",
                sessions="console:1",
                signing_keys=[SigningKey("k", key)],
                certificate_from_at=0,
                certificate_until_at=0,
                renew_at=0,
            ),
            memory_file=self.directories.sequence_file,
            clock=self.clock,
            handlers=handlers,
            report=self.outcomes.append,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Instructions]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part.run()) for part in (self.workers, self.instructions)]
            await asyncio.sleep(0)
            yield self.instructions
            for task in tasks:
                task.cancel()
        await settled()

    def answers(self) -> list[QuestionAnswered]:
        waiting = self.outbox.after(0, limit=100, answers=True)
        return [one.message for one in waiting if isinstance(one.message, QuestionAnswered)]


class SlowChannel(Channel[Downward, Upward]):
    """Something happens while the first message is on its way."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.happens = happens
        self.sent: list[UUID] = []

    async def send(self, message: Upward) -> None:
        assert isinstance(message, Durable)
        if not self.sent:
            self.happens()
        self.sent.append(message.id)


@pytest.fixture
def console() -> Gateway:
    return Gateway()


@pytest.fixture
def endpoint(tmp_path: Path, console: Gateway) -> Endpoint:
    return Endpoint(tmp_path / "home", console)


class TestQuestion:
    async def test_is_answered_under_an_id_of_its_own(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        asked = question(NAME, filter=containing(NAME, os.uname().nodename[:3]))

        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(asked, sequence=5))
            (answer,) = await eventually(endpoint.answers)

        assert answer.id == uuid5(asked.question_id, f"{console.endpoint_id}/0")
        assert answer.rows == [[os.uname().nodename]]
        assert (answer.outcome, answer.part, answer.parts) == ("answered", 0, 1)
        assert answer.took > 0
        # The answer is the outcome.
        assert endpoint.outcomes == []

    async def test_is_answered_in_any_order(self, endpoint: Endpoint, console: Gateway) -> None:
        async with endpoint.running() as instructions:
            for sequence in (9, 3, 7):
                await instructions.receive(console.sealed(question(NAME), sequence=sequence))
            await eventually(lambda: len(endpoint.answers()) == 3)

        assert instructions.refused == 0

    async def test_is_answered_once_even_after_a_restart(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        envelope = console.sealed(question(NAME), sequence=1)
        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await instructions.receive(envelope)
            await eventually(lambda: endpoint.answers() and instructions.repeated)
            await eventually(endpoint.directories.sequence_file.exists)
        endpoint.begin()

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: instructions.repeated)

        assert len(endpoint.answers()) == 1
        assert endpoint.instructions.problems() == []

    async def test_that_was_interrupted_is_answered_when_it_comes_again(
        self, endpoint: Endpoint, console: Gateway, tmp_path: Path
    ) -> None:
        flag = tmp_path / "go"
        call, word = marked(f"while ! test -e {flag}; do sleep 0.05; done; echo done")
        asked = question(call)
        envelope = console.sealed(asked, sequence=1)
        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: processes_with(word))
        assert processes_with(word) == []
        assert endpoint.answers() == []
        endpoint.begin()
        flag.touch()

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            (answer,) = await eventually(endpoint.answers)

        assert answer.rows == [["done"]]

    async def test_that_expired_is_refused(self, endpoint: Endpoint, console: Gateway) -> None:
        hour_ago = now() - 3600 * SECOND
        envelope = console.sealed(
            question(NAME), sequence=1, issued_at=hour_ago, expires_at=hour_ago + SECOND
        )

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: instructions.refused)

        assert endpoint.answers() == []

    async def test_that_expires_meanwhile_is_given_up(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        # Clocks may differ by five minutes: this one is over in about two seconds from now.
        expires_at = now() - 298 * SECOND
        call, word = marked("sleep 600")
        envelope = console.sealed(
            question(call),
            sequence=1,
            issued_at=expires_at - SECOND,
            expires_at=expires_at,
        )

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: processes_with(word))
            await eventually(lambda: not processes_with(word))

        assert endpoint.answers() == []

    async def test_that_no_process_can_answer_is_a_failure(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        call, word = marked("sleep 600")
        async with endpoint.running() as instructions:
            await instructions.receive(console.sealed(question(call), sequence=1))
            await eventually(lambda: processes_with(word))
            for worker in processes_with(str(endpoint.directories.home)):
                worker.kill()
            (answer,) = await eventually(endpoint.answers)

        assert answer.outcome == "failed"
        assert "ended unexpectedly" in answer.failures[0].reason

    async def test_for_one_endpoint_only_is_an_instruction_like_any_other(
        self, endpoint: Endpoint, console: Gateway
    ) -> None:
        envelope = console.sealed(question(NAME), sequence=1, audience=console.endpoint_id)

        async with endpoint.running() as instructions:
            await instructions.receive(envelope)
            await eventually(lambda: endpoint.answers() and endpoint.outcomes)

        assert endpoint.outcomes[0].outcome == "done"


class TestAnswer:
    def test_goes_after_everything_else(self, endpoint: Endpoint) -> None:
        answer = QuestionAnswered(id=uuid4(), question_id=uuid4(), outcome="answered")
        alert = AlertRaised(
            id=uuid4(),
            intel_id=uuid4(),
            intel_revision=1,
            at=1,
            event=DnsEvent(at=1, process=None, query="x"),
            process=None,
            matched=[],
        )

        endpoint.outbox.put([answer, alert])

        assert [one.id for one in endpoint.outbox.after(0, limit=9)] == [alert.id]
        assert [one.id for one in endpoint.outbox.after(0, limit=9, answers=True)] == [answer.id]

    async def test_lets_an_alert_pass_that_comes_while_many_are_sent(
        self, endpoint: Endpoint
    ) -> None:
        answers = [
            QuestionAnswered(id=uuid4(), question_id=uuid4(), outcome="answered") for _ in range(5)
        ]
        endpoint.outbox.put(answers)
        late = InstructionCompleted(id=uuid4(), sequence=1, outcome="done")
        channel = SlowChannel(lambda: endpoint.outbox.put([late]))
        delivery = Delivery(endpoint.outbox, random=SystemRandom())

        async with asyncio.TaskGroup() as group:
            running = group.create_task(delivery.run(channel))
            await eventually(lambda: len(channel.sent) == 6)
            running.cancel()

        assert channel.sent[:2] == [answers[0].id, late.id]

    def test_is_given_up_first_when_the_outbox_is_full(self, tmp_path: Path) -> None:
        outbox = Outbox(tmp_path / "outbox.db", key=bytes(32), max_bytes=100_000)
        kept = InstructionCompleted(id=uuid4(), sequence=1, outcome="done", detail="x" * 500)
        outbox.put([kept])

        for _ in range(30):
            outbox.put_encoded([(uuid4(), Worth.ANSWER, UPWARD.encode(kept) + os.urandom(9_000))])

        assert outbox.dropped > 0
        assert [one.id for one in outbox.after(0, limit=99)] == [kept.id]
        outbox.close()


@pytest.mark.root
class TestAgent:
    async def test_that_was_killed_in_the_middle_answers_later_and_once(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment, tmp_path: Path
    ) -> None:
        flag = tmp_path / "go"
        call, word = marked(f"while ! test -e {flag}; do sleep 0.05; done; echo done")
        asked = question(call)
        assert directories.home is not None
        async with running_agent(directories.home) as agent:
            await eventually(lambda: gateway.of(Heartbeat))
            await gateway.instruct(asked, sequence=1)
            await eventually(lambda: processes_with(word))
            agent.kill()
            # The worker notices that its agent is gone, and ends what it ran.
            await eventually(lambda: not processes_with(word))
            assert gateway.of(QuestionAnswered) == []
            flag.touch()
            gateway.heard.clear()

            agent.start()
            await eventually(lambda: gateway.of(Heartbeat))
            await gateway.instruct(asked, sequence=1)
            await eventually(lambda: gateway.of(QuestionAnswered))
            await gateway.instruct(asked, sequence=1)
            later = question(NAME)
            await gateway.instruct(later, sequence=2)
            await eventually(lambda: len(gateway.of(QuestionAnswered)) >= 2)

        answers = gateway.of(QuestionAnswered)
        assert [answer.question_id for answer in answers] == [asked.question_id, later.question_id]
        assert answers[0].rows == [["done"]]
        assert gateway.outcomes == []
