"""Questions reach whom their asker may ask, once, and end in order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from console.audit.models import AuditEvent
from console.certificates.signing import trusted_signing_keys
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.core.redis import BROADCASTS, broadcast_key, sent_key, waiting_key
from console.endpoints.models import Membership
from console.questions import services
from console.questions.answers import record_answers
from console.questions.exceptions import (
    NobodyToAsk,
    QuestionEnded,
    QuestionUnreadable,
    TooManyQuestions,
)
from console.questions.models import Question, QuestionTarget
from console.questions.services import (
    GRACE,
    NEVER_RECEIVED,
    OPEN_TOGETHER,
    RECEIVED,
    ask,
    ask_joiners,
    cancel,
    expire_questions,
    restore_questions,
)
from protocol.instructions import AskQuestion
from protocol.limits import FLEET_WINDOW
from protocol.signing import Verifier
from tests.console.questions import scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


def targets_of(question: Question) -> set[UUID]:
    return set(
        QuestionTarget.objects.filter(question=question).values_list("endpoint_id", flat=True)
    )


def refuse(*_: Any) -> None:
    raise redis.ConnectionError("away")


class TestAsk:
    def test_asks_everybody_but_those_who_were_cut_off(self) -> None:
        ids = scene.endpoints(3)
        scene.endpoints(1, revoked_at=scene.NOW)

        question = scene.asked(scene.administrator())

        assert targets_of(question) == set(ids)
        assert question.asked == 3
        assert [column["name"] for column in question.columns] == ["Computer Name", "IP Address"]

    def test_seals_what_an_agent_accepts(self) -> None:
        [endpoint_id] = scene.endpoints(1)

        question = scene.asked(scene.administrator())

        keys = [key.public_key for key in trusted_signing_keys()]
        verifier = Verifier(
            trusted_keys=[scene.public_key(bytes(raw)) for raw in keys], endpoint_id=endpoint_id
        )
        now = int(scene.NOW.timestamp() * 1e6)
        instruction, sequence = verifier.open(bytes(question.envelope), now=now)
        assert isinstance(instruction, AskQuestion)
        assert (instruction.question_id, sequence) == (question.pk, question.sequence)
        assert [each.call.columns for each in instruction.selections] == [1, 1]

    def test_counts_its_sequence_up_from_the_present_instant(self) -> None:
        scene.endpoints(1)
        user = scene.administrator()
        now = int(scene.NOW.timestamp() * 1e6)

        assert [scene.asked(user).sequence for _ in range(3)] == [now, now + 1, now + 2]

    def test_takes_no_sequence_again_when_its_rows_are_gone(self) -> None:
        scene.endpoints(1)
        user = scene.administrator()
        first = scene.asked(user).sequence
        Question.objects.all().delete()

        later = ask(scene.TEXT, user=user, actor=Actor("ada"), now=scene.NOW + timedelta(seconds=1))

        assert later.sequence > first

    def test_leaves_room_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "OPEN_OF_ONE_USER", 2)
        scene.endpoints(1)
        greedy, modest = scene.administrator(), scene.administrator("eva")
        cancelled, _ = scene.asked(greedy), scene.asked(greedy)
        # Endpoints remember it all the same.
        cancel(cancelled, actor=Actor("ada"), now=scene.NOW)

        with pytest.raises(TooManyQuestions):
            scene.asked(greedy)

        assert scene.asked(modest).asked == 1

    def test_stops_before_endpoints_can_remember_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "OPEN_TOGETHER", 2)
        scene.endpoints(1)
        first, second, third = (scene.administrator(name) for name in ("ada", "eva", "ida"))
        scene.asked(first)
        scene.asked(second)

        with pytest.raises(TooManyQuestions):
            scene.asked(third)

        assert OPEN_TOGETHER < FLEET_WINDOW

    def test_reaches_only_the_groups_of_the_askers_roles(self) -> None:
        group = scene.group_named("Berlin")
        inside = scene.endpoints(2, group=group)
        scene.endpoints(2)
        user = scene.person("bob", groups=[group], content_sets=["Base", "Reserved"])

        assert targets_of(scene.asked(user)) == set(inside)

    def test_reaches_only_the_groups_that_it_names(self) -> None:
        first, second = scene.group_named("Berlin"), scene.group_named("Paris")
        inside = scene.endpoints(2, group=first)
        scene.endpoints(2, group=second)
        user = scene.administrator()

        assert targets_of(scene.asked(user, groups=(first,))) == set(inside)

    def test_asks_nobody_twice_who_is_in_two_groups(self) -> None:
        first, second = scene.group_named("Berlin"), scene.group_named("Paris")
        ids = scene.endpoints(2, group=first)
        Membership.objects.bulk_create(Membership(group=second, endpoint_id=each) for each in ids)
        user = scene.person("bob", groups=[first, second], content_sets=["Base", "Reserved"])

        question = scene.asked(user, groups=(first, second))

        assert question.asked == 2

    def test_is_refused_who_reaches_nothing(self) -> None:
        scene.endpoints(1)

        with pytest.raises(NotAllowed):
            scene.asked(scene.person("eve", content_sets=["Base", "Reserved"]))

    def test_is_refused_where_nobody_is(self) -> None:
        with pytest.raises(NobodyToAsk):
            scene.asked(scene.administrator())

    def test_says_the_same_of_a_sensor_out_of_reach_and_of_none(self) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        user = scene.person("bob", groups=[group])

        with pytest.raises(QuestionUnreadable) as forbidden:
            scene.asked(user, "Get Computer Name from all machines")
        with pytest.raises(QuestionUnreadable) as unknown:
            scene.asked(user, "Get Computer Fame from all machines")

        assert forbidden.value.detail == unknown.value.detail.replace("Fame", "Name")
        assert not forbidden.value.expected or "Computer Name" not in forbidden.value.expected

    @pytest.mark.parametrize("lifetime", [timedelta(seconds=1), timedelta(days=30)])
    def test_is_refused_with_an_impossible_lifetime(self, lifetime: timedelta) -> None:
        scene.endpoints(1)

        with pytest.raises(InvalidInput):
            scene.asked(scene.administrator(), lifetime=lifetime)

    def test_stands_in_the_audit_log(self) -> None:
        scene.endpoints(2)

        question = scene.asked(scene.administrator())

        event = AuditEvent.objects.get(action="question.ask")
        assert event.subject_id == str(question.pk)
        assert event.detail["endpoints"] == 2

    def test_tells_gateways_after_the_commit(
        self, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        ids = scene.endpoints(2)

        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())

        assert valkey.get(broadcast_key(question.pk)) == bytes(question.envelope)
        assert valkey.smembers(waiting_key(question.pk)) == {each.bytes for each in ids}
        assert 0 < int(valkey.ttl(broadcast_key(question.pk))) <= 600 + 3600


class TestCancel:
    def test_ends_it_for_everybody_who_has_not_answered(
        self, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        ids = scene.endpoints(2)
        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())
            record_answers([scene.answer(question, ids[0], [("a", "b")])])

        with django_capture_on_commit_callbacks(execute=True):
            cancel(question, actor=Actor("ada"), now=scene.NOW)

        found = scene.standing(question)
        assert found["states"] == {ids[0]: "answered", ids[1]: "cancelled"}
        assert not valkey.exists(broadcast_key(question.pk), waiting_key(question.pk))
        assert AuditEvent.objects.filter(action="question.cancel").exists()

    def test_is_refused_the_second_time(self) -> None:
        scene.endpoints(1)
        question = scene.asked(scene.administrator())
        cancel(question, actor=Actor("ada"), now=scene.NOW)

        with pytest.raises(QuestionEnded):
            cancel(question, actor=Actor("ada"), now=scene.NOW)


class TestExpireQuestions:
    def test_notes_why_endpoints_did_not_answer(
        self, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        ids = scene.endpoints(3)
        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())
        record_answers([scene.answer(question, ids[0], [("a", "b")])])
        valkey.sadd(sent_key(question.pk), ids[0].bytes, ids[1].bytes)

        assert expire_questions(now=question.expires_at + GRACE) == 1

        states = {
            target.endpoint_id: (target.state, target.reason)
            for target in QuestionTarget.objects.filter(question=question)
        }
        assert states[ids[0]][0] == "answered"
        assert states[ids[1]] == ("expired", RECEIVED)
        assert states[ids[2]] == ("expired", NEVER_RECEIVED)
        assert valkey.zcard(BROADCASTS) == 0
        assert expire_questions(now=question.expires_at + GRACE) == 0

    def test_leaves_time_for_what_arrived_and_is_not_stored_yet(self) -> None:
        [endpoint_id] = scene.endpoints(1)
        question = scene.asked(scene.administrator())

        assert expire_questions(now=question.expires_at + GRACE / 2) == 0
        expire_questions(now=question.expires_at + GRACE)
        record_answers([scene.answer(question, endpoint_id, [("a", "b")], at=question.expires_at)])

        assert scene.standing(question)["states"] == {endpoint_id: "answered"}


class TestAskJoiners:
    def test_asks_who_enrols_while_a_question_is_open(
        self, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        scene.endpoints(1)
        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())
        newcomers = scene.endpoints(2)

        with django_capture_on_commit_callbacks(execute=True):
            assert ask_joiners(newcomers, now=scene.NOW) == 2

        assert set(newcomers) <= targets_of(question)
        assert Question.objects.get(pk=question.pk).asked == 3
        assert valkey.scard(waiting_key(question.pk)) == 3
        assert ask_joiners(newcomers, now=scene.NOW) == 0

    def test_leaves_out_who_is_in_another_group(self) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        question = scene.asked(scene.administrator(), groups=(group,))
        [outsider], [insider] = scene.endpoints(1), scene.endpoints(1, group=group)

        assert ask_joiners([outsider, insider], now=scene.NOW) == 1
        assert insider in targets_of(question)

    def test_counts_what_the_asker_may_ask_now(self) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        user = scene.person("bob", groups=[group], content_sets=["Base", "Reserved"])
        scene.asked(user)
        user.groups.clear()
        newcomers = scene.endpoints(1, group=group)

        assert ask_joiners(newcomers, now=scene.NOW) == 0

    def test_asks_nothing_that_has_ended(self) -> None:
        scene.endpoints(1)
        question = scene.asked(scene.administrator())
        newcomers = scene.endpoints(1)

        assert ask_joiners(newcomers, now=question.expires_at) == 0

    def test_asks_nobody_when_it_ends_at_this_moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.endpoints(1)
        question = scene.asked(scene.administrator())
        newcomers = scene.endpoints(1)

        def end(_question: Question) -> Any:
            pytest.fail("it was looked who joins a question that has ended")

        real = Question.objects.select_for_update

        def end_first(**options: Any) -> Any:
            Question.objects.filter(pk=question.pk).update(ended_at=scene.NOW)
            return real(**options)

        monkeypatch.setattr(Question.objects, "select_for_update", end_first)
        monkeypatch.setattr(services, "scope_of", end)

        assert ask_joiners(newcomers, now=scene.NOW) == 0
        assert not targets_of(question) & set(newcomers)


class TestRestoreQuestions:
    def test_writes_again_what_redis_lost(
        self, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
    ) -> None:
        ids = scene.endpoints(3)
        with django_capture_on_commit_callbacks(execute=True):
            question = scene.asked(scene.administrator())
            record_answers([scene.answer(question, ids[0], [("a", "b")])])
        before = restore_questions(now=scene.NOW)
        valkey.flushdb()

        after = restore_questions(now=scene.NOW)

        assert (before, after) == (0, 1)
        assert valkey.get(broadcast_key(question.pk)) == bytes(question.envelope)
        assert valkey.smembers(waiting_key(question.pk)) == {each.bytes for each in ids[1:]}

    def test_makes_up_for_a_redis_that_was_away(
        self,
        valkey: redis.Redis,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first = scene.endpoints(1)
        with monkeypatch.context() as away, django_capture_on_commit_callbacks(execute=True):
            away.setattr(services, "open_broadcast", refuse)
            question = scene.asked(scene.administrator())
        assert not valkey.exists(waiting_key(question.pk))

        assert restore_questions(now=scene.NOW) == 1
        assert valkey.smembers(waiting_key(question.pk)) == {each.bytes for each in first}

        # The question stands in Redis now, but without those that join while it is away again.
        joined = scene.endpoints(2)
        with monkeypatch.context() as away, django_capture_on_commit_callbacks(execute=True):
            away.setattr(services, "open_broadcast", refuse)
            ask_joiners(joined, now=scene.NOW)

        assert restore_questions(now=scene.NOW) == 1
        assert valkey.smembers(waiting_key(question.pk)) == {
            each.bytes for each in (*first, *joined)
        }
        assert restore_questions(now=scene.NOW) == 0

    def test_leaves_what_has_ended(self, valkey: redis.Redis) -> None:
        scene.endpoints(1)
        cancelled, expired = (scene.asked(scene.administrator(name)) for name in ("ada", "eva"))
        cancel(cancelled, actor=Actor("ada"), now=scene.NOW)

        assert restore_questions(now=expired.expires_at) == 0
