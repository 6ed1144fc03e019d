"""Old answers go, compared ones and young ones stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis

from console.questions.answers import record_answers
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget
from console.questions.pruning import FACTS_KEPT, prune_questions
from tests.console.questions import scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis, settings: Any) -> None:
    settings.VEDETTE_ANSWERS_KEPT_DAYS = 30
    valkey.flushdb()
    scene.prepare()


def ended(age: timedelta, **fields: Any) -> Question:
    question = scene.asked(scene.administrator(f"user-{Question.objects.count()}"))
    [endpoint_id] = QuestionTarget.objects.filter(question=question).values_list(
        "endpoint_id", flat=True
    )
    record_answers([scene.answer(question, endpoint_id, [("a", "b")])])
    Question.objects.filter(pk=question.pk).update(ended_at=scene.NOW - age, **fields)
    return question


class TestPruneQuestions:
    def test_deletes_what_is_above_its_age_with_all_answers(self) -> None:
        scene.endpoints(1)
        old, young = ended(timedelta(days=31)), ended(timedelta(days=29))
        still_open = scene.asked(scene.administrator())

        assert prune_questions(now=scene.NOW) == 1

        assert set(Question.objects.all()) == {young, still_open}
        for model in (Answer, AnswerRow, QuestionTarget):
            assert not model.objects.filter(question=old.pk).exists()
            assert model.objects.filter(question=young.pk).exists()

    def test_deletes_what_groups_asked_much_sooner(self) -> None:
        scene.endpoints(1)
        ended(FACTS_KEPT + timedelta(minutes=1), source=Question.Source.GROUPS)

        assert prune_questions(now=scene.NOW) == 1
