"""A user sees the questions, the progress and the silence of the endpoints in reach, no more."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import pytest
import redis

from console.core.actor import Actor
from console.core.exceptions import NotFound
from console.core.redis import sent_key
from console.endpoints.models import ComputerGroup
from console.endpoints.presence import queue_heard
from console.endpoints.reach import EVERYTHING, Reach
from console.questions import selectors
from console.questions.answers import record_answers
from console.questions.models import Question
from console.questions.selectors import (
    all_unanswered,
    cursor_of,
    may_cancel,
    progress,
    question_for,
    reaches_all,
    unanswered,
    viewing_reach,
    visible_questions,
)
from console.questions.services import GRACE, cancel, expire_questions
from protocol.questions import FAILED, NOT_MATCHING, SensorFailure
from tests.console.questions import scene

pytestmark = pytest.mark.django_db
SETS = ("Base", "Reserved")


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Add two endpoints to the group and two to none."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


class TestVisibleQuestions:
    def test_are_ones_own_and_those_about_endpoints_in_reach(
        self, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        elsewhere = scene.group_named("Paris")
        scene.endpoints(1, group=elsewhere)
        ada = scene.administrator()
        here, there = scene.asked(ada, groups=(group,)), scene.asked(ada, groups=(elsewhere,))
        bob = scene.person("bob", groups=[group], content_sets=SETS)
        own = scene.asked(bob)

        assert list(visible_questions(bob)) == [own, here]
        assert list(visible_questions(ada)) == [own, there, here]
        with pytest.raises(NotFound):
            question_for(bob, there.pk)

    def test_of_others_need_the_permission(self, group: ComputerGroup, ids: list[UUID]) -> None:
        scene.asked(scene.administrator())
        asker = scene.person(
            "bob", permissions=["questions.ask_question"], groups=[group], content_sets=SETS
        )
        nobody = scene.person("eve", permissions=[], groups=[group], content_sets=SETS)
        own = scene.asked(asker)

        assert list(visible_questions(asker)) == [own]
        assert list(visible_questions(nobody)) == []

    def test_name_no_sensor_that_one_may_not_use(
        self, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        asked = scene.asked(scene.administrator())
        blind = scene.person("bob", groups=[group], content_sets=["Base"])
        seeing = scene.person("eva", groups=[group], content_sets=SETS)

        assert list(visible_questions(blind)) == []
        assert list(visible_questions(seeing)) == [asked]

    def test_are_none_for_who_is_not_active(self, ids: list[UUID]) -> None:
        user = scene.administrator()
        scene.asked(user)
        user.is_active = False

        assert list(visible_questions(user)) == []

    def test_leave_out_what_computer_groups_ask_and_tests_of_others(
        self, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        ada = scene.administrator()
        facts, test = scene.asked(ada), scene.asked(ada)
        Question.objects.filter(pk=facts.pk).update(source=Question.Source.GROUPS)
        Question.objects.filter(pk=test.pk).update(source=Question.Source.TEST)
        bob = scene.person("bob", groups=[group], content_sets=SETS)

        assert list(visible_questions(ada)) == [test]
        assert list(visible_questions(bob)) == []


class TestViewingReach:
    def test_is_what_one_may_view_and_for_ones_own_what_one_may_ask(
        self, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        asker = scene.person(
            "bob", permissions=["questions.ask_question"], groups=[group], content_sets=SETS
        )
        own, other = scene.asked(asker), scene.asked(scene.administrator())

        assert viewing_reach(asker, own).group_ids == {group.pk}
        assert not viewing_reach(asker, other)
        assert reaches_all(own, viewing_reach(asker, own))
        assert not reaches_all(other, viewing_reach(asker, own))
        assert may_cancel(asker, own)
        assert not may_cancel(asker, other)


class TestProgress:
    def test_counts_what_is_in_reach(
        self, group: ComputerGroup, ids: list[UUID], valkey: redis.Redis
    ) -> None:
        question = scene.asked(scene.administrator())
        record_answers(
            [
                scene.answer(question, ids[0], [("a", "b")]),
                scene.answer(question, ids[2], outcome=NOT_MATCHING),
            ]
        )
        with valkey.pipeline() as pipeline:
            queue_heard(pipeline, {ids[1]: time.time()}, gateway="here")
            pipeline.execute()

        whole = progress(question, EVERYTHING, now=scene.NOW)
        cut = progress(question, Reach(group_ids=frozenset({group.pk})), now=scene.NOW)

        assert (whole.asked, whole.answered, whole.not_matching, whole.waiting) == (4, 1, 1, 2)
        assert (whole.waiting_online, whole.waiting_offline) == (1, 1)
        assert (cut.asked, cut.answered, cut.waiting) == (2, 1, 1)
        assert whole.is_open

    def test_says_so_when_nobody_knows_who_is_online(
        self, ids: list[UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        question = scene.asked(scene.administrator())
        nobody = redis.Redis(unix_socket_path="/nonexistent/valkey.sock")
        monkeypatch.setattr(selectors, "client", lambda: nobody)

        found = progress(question, EVERYTHING, now=scene.NOW)

        assert (found.waiting, found.waiting_online, found.waiting_offline) == (4, None, None)
        assert {each.kind for each in unanswered(question, EVERYTHING)} == {"offline"}

    def test_is_closed_at_its_end(self, ids: list[UUID]) -> None:
        question = scene.asked(scene.administrator())

        assert not progress(question, EVERYTHING, now=question.expires_at).is_open


class TestUnanswered:
    def test_tells_why_for_each_endpoint(self, group: ComputerGroup, valkey: redis.Redis) -> None:
        seen = scene.NOW - timedelta(hours=1)
        answered, failed, offline, new, old, working, fresh, gone = (
            *scene.endpoints(2),
            *scene.endpoints(1, last_seen_at=seen),
            *scene.endpoints(1),
            *scene.endpoints(1, capabilities=["intel.apply"], last_seen_at=seen),
            *scene.endpoints(3),
        )
        question = scene.asked(scene.administrator())
        failure = SensorFailure(name="IP Address", reason="There is no network.")
        record_answers(
            [
                scene.answer(question, answered, [("a", "b")]),
                scene.answer(question, failed, outcome=FAILED, failures=[failure]),
            ]
        )
        with valkey.pipeline() as pipeline:
            queue_heard(pipeline, dict.fromkeys((working, fresh), time.time()), gateway="here")
            pipeline.sadd(sent_key(question.pk), working.bytes)
            pipeline.execute()
        scene.revoke(gone)

        found = {each.endpoint_id: each for each in unanswered(question, EVERYTHING)}

        assert {each: found[each].kind for each in found} == {
            failed: "failed",
            offline: "offline",
            new: "offline",
            old: "too-old",
            working: "received",
            fresh: "sent",
            gone: "revoked",
        }
        assert found[offline].since == seen
        assert found[failed].reason == "IP Address: There is no network."
        assert "never" in found[new].reason

    def test_keeps_the_reason_after_the_end(self, ids: list[UUID], valkey: redis.Redis) -> None:
        question = scene.asked(scene.administrator())
        valkey.sadd(sent_key(question.pk), ids[0].bytes)
        expire_questions(now=question.expires_at + GRACE)
        question.refresh_from_db()

        first, second, *_ = unanswered(question, EVERYTHING)

        assert (first.kind, second.kind) == ("expired", "expired")
        assert "received" in first.reason
        assert "not online" in second.reason

    def test_names_who_cancelled(self, ids: list[UUID]) -> None:
        question = scene.asked(scene.administrator())
        cancel(question, actor=Actor("ada"), now=scene.NOW)

        assert {each.reason for each in unanswered(question, EVERYTHING)} == {"Cancelled by ada."}

    def test_names_who_answered_in_part(self, group: ComputerGroup, ids: list[UUID]) -> None:
        question = scene.asked(scene.administrator())
        failure = SensorFailure(name="IP Address", reason="There is no network.")
        record_answers(
            [
                scene.answer(question, ids[0], [("a", "")], failures=[failure]),
                scene.answer(question, ids[1], [("a", "b")]),
                scene.answer(question, ids[2], [("a", "c")], failures=[failure], cut=1200),
            ]
        )

        found = {each.endpoint_id: each for each in unanswered(question, EVERYTHING)}
        whole = progress(question, EVERYTHING, now=scene.NOW)
        cut = progress(question, Reach(group_ids=frozenset({group.pk})), now=scene.NOW)

        assert {each: found[each].kind for each in found} == {
            ids[0]: "partial",
            ids[2]: "partial",
            ids[3]: "offline",
        }
        assert found[ids[0]].reason == "IP Address: There is no network."
        assert "1,200 were left out" in found[ids[2]].reason
        assert (whole.answered, whole.answered_in_part, whole.rows_left_out) == (3, 2, 1200)
        assert (cut.answered, cut.answered_in_part, cut.rows_left_out) == (2, 1, 0)
        partial = [
            each.endpoint_id for each in all_unanswered(question, EVERYTHING, kind="partial")
        ]
        assert partial == [ids[0], ids[2]]

    def test_comes_in_pages_and_only_in_reach(self, group: ComputerGroup, ids: list[UUID]) -> None:
        question = scene.asked(scene.administrator())

        first = unanswered(question, EVERYTHING, limit=3)
        rest = unanswered(question, EVERYTHING, after=cursor_of(first[-1]), limit=3)
        cut = unanswered(question, Reach(group_ids=frozenset({group.pk})))

        assert [each.endpoint_id for each in (*first, *rest)] == ids
        assert [each.endpoint_id for each in cut] == ids[:2]
        with pytest.raises(NotFound):
            unanswered(question, EVERYTHING, after="host/nonsense")
