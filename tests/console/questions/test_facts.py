"""What rules of groups ask about becomes facts, and endpoints move into their groups."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from console.core.actor import Actor
from console.endpoints.groups import GroupDraft, create_group
from console.endpoints.models import ComputerGroup, EndpointFact, Membership
from console.questions.answers import record_answers
from console.questions.facts import INTERVAL, ask_for_facts
from console.questions.models import Answer, Question, QuestionTarget
from console.questions.services import ask_joiners
from protocol.questions import FAILED
from tests.console.questions import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids(valkey: redis.Redis) -> list[UUID]:
    valkey.flushdb()
    scene.prepare()
    return scene.endpoints(2)


@pytest.fixture
def group(ids: list[UUID]) -> ComputerGroup:
    """Make a group of those whose reboot is pending."""
    draft = GroupDraft(name="To reboot", rule='Pending Reboot containing "True"')
    user = scene.administrator()
    return create_group(draft, actor=Actor("ada", user_id=user.pk), now=scene.NOW)


def members(group: ComputerGroup) -> set[UUID]:
    return set(Membership.objects.filter(group=group).values_list("endpoint_id", flat=True))


def row(question: Question, first: str) -> list[tuple[str, ...]]:
    return [(first, *("" for _ in question.columns[1:]))]


class TestAskForFacts:
    def test_asks_every_call_once_in_an_interval(self, group: ComputerGroup) -> None:
        moments = (0 * INTERVAL, INTERVAL / 2, INTERVAL + timedelta(seconds=1))

        assert [ask_for_facts(now=scene.NOW + each) for each in moments] == [1, 0, 1]
        question = Question.objects.earliest("sequence")
        assert (question.source, question.asked) == (Question.Source.GROUPS, 2)

    def test_asks_nothing_when_no_rule_needs_it(self, ids: list[UUID]) -> None:
        assert ask_for_facts(now=scene.NOW) == 0

    def test_asks_newcomers_too(self, group: ComputerGroup) -> None:
        ask_for_facts(now=scene.NOW)
        newcomers = scene.endpoints(1)

        assert ask_joiners(newcomers, now=scene.NOW) == 1


class TestKeepFacts:
    @pytest.fixture
    def question(self, group: ComputerGroup) -> Question:
        ask_for_facts(now=scene.NOW)
        return Question.objects.get()

    def test_moves_endpoints_into_their_groups(
        self, question: Question, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        record_answers(
            [
                scene.answer(question, ids[0], row(question, "True")),
                scene.answer(question, ids[1], row(question, "False")),
            ]
        )

        assert members(group) == {ids[0]}
        assert EndpointFact.objects.get(endpoint=ids[0]).rows[0][0] == "True"

    def test_keeps_no_answers_beside_the_facts(self, question: Question, ids: list[UUID]) -> None:
        record_answers([scene.answer(question, ids[0], row(question, "True"))])

        assert EndpointFact.objects.count() == 1
        assert not Answer.objects.exists()

    def test_waits_for_all_parts(
        self, question: Question, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        parts: list[Any] = [
            scene.answer(question, ids[0], row(question, value), part=part, parts=2)
            for part, value in enumerate(["False", "True"])
        ]

        record_answers(parts[:1])
        before = EndpointFact.objects.count()
        record_answers(parts[1:])

        assert before == 0
        assert len(EndpointFact.objects.get().rows) == 2
        assert members(group) == {ids[0]}

    def test_leaves_the_fact_of_an_endpoint_whose_sensor_failed(
        self, question: Question, ids: list[UUID]
    ) -> None:
        record_answers([scene.answer(question, ids[0], outcome=FAILED)])

        assert QuestionTarget.objects.get(question=question, endpoint=ids[0]).state == "failed"
        assert not EndpointFact.objects.exists()
