"""Who joins a group or enrols is asked what is open there; jobs do what their services do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis

from console.endpoints.membership import add_members
from console.endpoints.trial import read_rule_of
from console.questions import jobs
from console.questions.models import Question, QuestionTarget
from sensors.calls import comparisons_in
from tests.console.computers import enrolled_endpoint
from tests.console.questions import scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


class TestHooks:
    def test_ask_an_endpoint_that_joins_a_group(
        self, django_capture_on_commit_callbacks: Any
    ) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        question = scene.asked(scene.administrator(), groups=(group,))
        [joiner] = scene.endpoints(1)

        with django_capture_on_commit_callbacks(execute=True):
            add_members(group.pk, [joiner])

        assert QuestionTarget.objects.filter(question=question, endpoint=joiner).exists()

    def test_ask_an_endpoint_that_enrols(self, django_capture_on_commit_callbacks: Any) -> None:
        scene.endpoints(1)
        question = scene.asked(scene.administrator())

        with django_capture_on_commit_callbacks(execute=True):
            endpoint = enrolled_endpoint()

        assert QuestionTarget.objects.filter(question=question, endpoint=endpoint).exists()
        question.refresh_from_db()
        assert question.asked == 2


class TestJobs:
    def test_leave_for_later_what_needs_a_redis_that_is_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.endpoints(1)
        question = scene.asked(scene.administrator())
        Question.objects.filter(pk=question.pk).update(expires_at=scene.NOW - timedelta(hours=1))
        nobody = redis.Redis(unix_socket_path="/nonexistent/valkey.sock")
        with monkeypatch.context() as patch:
            patch.setattr("console.gateway.broadcasts._redis", lambda: nobody)
            jobs.keep_up()
        question.refresh_from_db()
        before = question.ended_at

        jobs.keep_up()

        question.refresh_from_db()
        assert before is None
        assert question.ended_at is not None

    def test_prune(self) -> None:
        jobs.prune()


class TestRulesOfGroups:
    def test_may_name_sensors_that_the_user_may_use(self) -> None:
        rule = read_rule_of(
            scene.administrator(), text='Kernel Modules containing "evil" and Is Linux is "True"'
        )

        sensors = [comparison.call.key for comparison in comparisons_in(rule)]
        assert sensors == ["kernel.modules", "endpoint.is_linux"]
