"""Answer the console's questions: have the sensors run elsewhere, keep the answer for delivery.

A question is done when its answer is in the outbox. Until then it is not remembered, so that an
agent that was killed in the middle answers when it is asked again: reading twice harms nothing,
and the parts of both answers have the same ids.
"""

from __future__ import annotations

import logging
from uuid import UUID, uuid5

from agent.clock import ConsoleClock
from agent.delivery import Delivery
from agent.exceptions import WorkerFailed
from agent.outbox import Outbox, Worth
from agent.sensor_jobs import SensorJobs
from agent.sensor_workers import SensorWorkers
from agent.sensors.orders import Encoded, Order
from protocol.codec import UPWARD
from protocol.instructions import AskQuestion
from protocol.messages import QuestionAnswered
from protocol.questions import FAILED, SensorFailure

log = logging.getLogger(__name__)


class Questions:
    """Answers questions for one endpoint."""

    def __init__(
        self,
        *,
        endpoint_id: UUID,
        clock: ConsoleClock,
        workers: SensorWorkers,
        jobs: SensorJobs,
        outbox: Outbox,
        delivery: Delivery,
    ) -> None:
        self._endpoint_id = endpoint_id
        self._clock = clock
        self._workers = workers
        self._jobs = jobs
        self._outbox = outbox
        self._delivery = delivery

    async def answer(self, question: AskQuestion) -> str:
        """Put the answer into the outbox; return how many parts it has, in words."""
        order = Order(question=question, endpoint_id=self._endpoint_id, now=self._clock.now())
        try:
            parts, jobs = await self._workers.answer(order)
        except WorkerFailed as error:
            log.warning("question %s: %s", question.question_id, error)
            parts, jobs = [self._failed(question, str(error))], []
        self._outbox.put_encoded((part.id, Worth.ANSWER, part.body) for part in parts)
        self._delivery.notify()
        if jobs:
            self._jobs.notify()
        return f"answered in {len(parts)} parts"

    def _failed(self, question: AskQuestion, reason: str) -> Encoded:
        answered = QuestionAnswered(
            id=uuid5(question.question_id, f"{self._endpoint_id}/0"),
            question_id=question.question_id,
            outcome=FAILED,
            failures=[SensorFailure(name="question", reason=reason)],
        )
        return Encoded(id=answered.id, body=UPWARD.encode(answered))
