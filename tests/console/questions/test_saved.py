"""Saved questions are asked with their owner's rights, when their time has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis

from console.access.models import ContentSet, User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import Conflict, InvalidInput, NotAllowed
from console.questions.exceptions import QuestionUnreadable
from console.questions.models import Question, SavedQuestion
from console.questions.saved import (
    SavedFields,
    ask_due_questions,
    ask_saved_question,
    change_saved_question,
    delete_saved_question,
    save_question,
    saved_questions_for,
)
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()
    scene.endpoints(2)


@pytest.fixture
def ada() -> User:
    return scene.administrator()


def fields(**changes: Any) -> SavedFields:
    return SavedFields(
        **{
            "name": "Names",
            "text": scene.TEXT,
            "content_set": ContentSet.objects.get(name="Default"),
            **changes,
        }
    )


def saved_by(user: User, **changes: Any) -> SavedQuestion:
    return save_question(fields(**changes), user=user, actor=Actor(user.username), now=scene.NOW)


class TestSaveQuestion:
    def test_keeps_it_and_says_so_in_the_audit_log(self, ada: User) -> None:
        saved = saved_by(ada, interval=HOUR)

        assert (saved.owner, saved.interval, saved.next_at) == (ada, 3600, scene.NOW)
        assert AuditEvent.objects.filter(action="saved_question.create").exists()

    def test_refuses_a_name_that_is_taken(self, ada: User) -> None:
        saved_by(ada)

        with pytest.raises(Conflict):
            saved_by(ada)

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"name": " "}, InvalidInput),
            ({"interval": timedelta(seconds=59)}, InvalidInput),
            ({"interval": HOUR, "lifetime": 2 * HOUR}, InvalidInput),
            ({"interval": timedelta(days=1000)}, InvalidInput),
            ({"lifetime": timedelta(seconds=1)}, InvalidInput),
            ({"text": "Get Nonsense from all machines"}, QuestionUnreadable),
            ({"text": "word " * 10_000}, QuestionUnreadable),
        ],
    )
    def test_refuses_what_could_not_be_asked(
        self, ada: User, changes: dict[str, Any], refusal: type[Exception]
    ) -> None:
        with pytest.raises(refusal):
            saved_by(ada, **changes)

    def test_needs_the_permission_on_the_content_set(self) -> None:
        bob = scene.person("bob", content_sets=["Base", "Reserved"])

        with pytest.raises(NotAllowed):
            saved_by(bob)

    def test_needs_reach_of_its_groups(self, ada: User) -> None:
        bob = scene.person("bob", content_sets=["Base", "Reserved"])
        scene.grant_content(bob.groups.get(), "Default", "write_saved_question")

        with pytest.raises(NotAllowed):
            saved_by(bob, groups=[scene.group_named("Berlin")])


class TestChangeSavedQuestion:
    def test_makes_it_ones_own(self, ada: User) -> None:
        saved = saved_by(ada, interval=HOUR)
        eva = scene.administrator("eva")

        changed = change_saved_question(
            saved, fields(name="Other"), user=eva, actor=Actor("eva"), now=scene.NOW + HOUR
        )

        assert (changed.name, changed.owner, changed.next_at) == ("Other", eva, None)

    def test_deletes_it_and_keeps_what_was_asked(self, ada: User) -> None:
        saved = saved_by(ada)
        question = ask_saved_question(saved, user=ada, actor=Actor("ada"), now=scene.NOW)

        delete_saved_question(saved, user=ada, actor=Actor("ada"), now=scene.NOW)

        question.refresh_from_db()
        assert question.saved is None

    def test_is_refused_without_permission(self, ada: User) -> None:
        saved = saved_by(ada)
        bob = scene.person("bob", content_sets=["Base", "Reserved"])

        assert saved not in saved_questions_for(bob)
        with pytest.raises(NotAllowed):
            delete_saved_question(saved, user=bob, actor=Actor("bob"), now=scene.NOW)
        with pytest.raises(NotAllowed):
            ask_saved_question(saved, user=bob, actor=Actor("bob"), now=scene.NOW)


class TestSchedule:
    def test_asks_when_the_time_has_come(self, ada: User) -> None:
        saved = saved_by(ada, interval=HOUR)

        asked = [
            ask_due_questions(now=scene.NOW + minutes * timedelta(minutes=1))
            for minutes in (0, 1, 59, 60, 61)
        ]

        assert asked == [1, 0, 0, 1, 0]
        sources = Question.objects.filter(saved=saved).values_list("source", flat=True)
        assert list(sources) == [Question.Source.SCHEDULE] * 2

    def test_leaves_out_what_was_missed(self, ada: User) -> None:
        saved = saved_by(ada, interval=HOUR)

        assert ask_due_questions(now=scene.NOW + 5.5 * HOUR) == 1
        saved.refresh_from_db()
        assert saved.next_at == scene.NOW + 6 * HOUR

    def test_leaves_none_open_when_the_next_is_asked(self, ada: User) -> None:
        saved = saved_by(ada, interval=HOUR)
        # As it could be saved before this was refused.
        SavedQuestion.objects.filter(pk=saved.pk).update(lifetime=7 * 24 * 3600)

        ask_due_questions(now=scene.NOW)

        assert Question.objects.get(saved=saved).expires_at == scene.NOW + HOUR

    def test_asks_with_the_rights_that_the_owner_has_now(self, ada: User) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        bob = scene.person("bob", groups=[group], content_sets=["Base", "Reserved"])
        role = bob.groups.get()
        for permission in ("write_saved_question", "read_saved_question"):
            scene.grant_content(role, "Default", permission)
        saved_by(bob, interval=HOUR)
        ask_due_questions(now=scene.NOW)
        bob.groups.clear()

        assert ask_due_questions(now=scene.NOW + HOUR) == 0

        assert Question.objects.get().asked == 1
        refused = AuditEvent.objects.get(action="saved_question.ask")
        assert "content set" in refused.detail["reason"]

    def test_goes_on_with_the_others_when_one_cannot_be_asked(self, ada: User) -> None:
        saved_by(ada, interval=HOUR)
        orphan = saved_by(scene.administrator("eva"), name="Orphan", interval=HOUR)
        SavedQuestion.objects.filter(pk=orphan.pk).update(owner=None)

        assert ask_due_questions(now=scene.NOW) == 1
