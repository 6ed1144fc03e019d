"""A question that goes on from another one reaches the same endpoints, and nobody else."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.test import Client

from console.access.models import User
from console.endpoints.models import ComputerGroup, Membership
from console.questions.answers import record_answers
from console.questions.models import AnswerRow, Question, QuestionTarget
from console.questions.services import ask_joiners
from protocol.questions import SensorFailure
from tests.console.api_client import api_client
from tests.console.pages import text_of
from tests.console.questions import scene
from tests.console.questions.browsing import browser_of, get, post, staff

pytestmark = pytest.mark.django_db

NAMES = "Get Computer Name from all machines"


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Two endpoints in Berlin, and two that are not."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


@pytest.fixture
def ada(ids: list[UUID]) -> User:
    """An administrator."""
    return staff(scene.administrator())


@pytest.fixture
def ben(group: ComputerGroup, ids: list[UUID]) -> User:
    """Somebody who asks and sees in Berlin."""
    return staff(scene.person("ben", groups=[group], content_sets=["Base", "Reserved"]))


@pytest.fixture
def question(ada: User, ids: list[UUID]) -> Question:
    """Two endpoints gave one row, one of them others, too; one did not answer."""
    asked = scene.asked(ada)
    record_answers(
        [
            scene.answer(asked, ids[0], [("nc", "root"), ("sh", "eve")]),
            scene.answer(asked, ids[1], [("nc", "eve"), ("sh", "root")]),
            scene.answer(asked, ids[2], [("nc", "root")]),
        ]
    )
    return Question.objects.get(pk=asked.pk)


def row_of(question: Question, name: str, user: str) -> int:
    return AnswerRow.objects.get(question=question, values__0=name, values__1=user).pk


def asked_like(client: Client, **like: Any) -> set[UUID]:
    """Ask as the page does; return whom it reaches."""
    response = post(client, "/questions/ask/", {"text": NAMES, "like": like})
    assert response.status_code == 200, response.content
    return targets_of(response.json()["id"])


def targets_of(question_id: str) -> set[UUID]:
    found = QuestionTarget.objects.filter(question=UUID(question_id))
    return set(found.values_list("endpoint_id", flat=True))


class TestRow:
    def test_leads_to_exactly_the_endpoints_that_gave_it(
        self, question: Question, ada: User, ids: list[UUID]
    ) -> None:
        row = row_of(question, "nc", "root")

        asked = asked_like(browser_of(ada), question=str(question.pk), row=row)

        assert asked == {ids[0], ids[2]}

    def test_that_is_grouped_leads_to_all_that_gave_one_of_its_rows(
        self, question: Question, ada: User, ids: list[UUID]
    ) -> None:
        row = row_of(question, "nc", "root")
        like = {"question": str(question.pk), "row": row, "group_by": [0]}

        assert asked_like(browser_of(ada), **like) == set(ids[:3])

    def test_leads_to_nobody_out_of_reach(
        self, question: Question, ben: User, ids: list[UUID]
    ) -> None:
        row = row_of(question, "nc", "root")

        assert asked_like(browser_of(ben), question=str(question.pk), row=row) == {ids[0]}

    @pytest.mark.parametrize("group_by", [[], [0], [1]])
    def test_out_of_reach_leads_nowhere(
        self, ada: User, ben: User, ids: list[UUID], group_by: list[int]
    ) -> None:
        question = scene.asked(ada)
        record_answers(
            [
                scene.answer(question, ids[0], [("nc", "eve")]),
                scene.answer(question, ids[2], [("nc", "root")]),
            ]
        )
        row = row_of(question, "nc", "root")
        like = {"question": str(question.pk), "row": row, "group_by": group_by}
        by = "".join(f"&by={column}" for column in group_by)
        address = f"/questions/?like={question.pk}&row={row}{by}"

        asked = post(browser_of(ben), "/questions/ask/", {"text": NAMES, "like": like})
        shown = get(browser_of(ben), address)

        assert (asked.status_code, shown.status_code) == (404, 404)

    @pytest.mark.parametrize("column", [-1, 2, 99])
    def test_by_a_column_that_is_not_there_is_refused(
        self, question: Question, ada: User, column: int
    ) -> None:
        row = row_of(question, "nc", "root")
        like = {"question": str(question.pk), "row": row, "group_by": [column]}
        wanted = {"row": row, "group_by": [column]}

        asked = post(browser_of(ada), "/questions/ask/", {"text": NAMES, "like": like})
        given = post(browser_of(ada), f"/questions/{question.pk}/givers/", wanted)

        assert (asked.status_code, given.status_code) == (400, 400)

    def test_lets_nobody_join_later(
        self, question: Question, ada: User, group: ComputerGroup
    ) -> None:
        row = row_of(question, "nc", "root")
        asked_like(browser_of(ada), question=str(question.pk), row=row)
        Question.objects.filter(pk=question.pk).update(ended_at=scene.NOW)
        newcomers = scene.endpoints(1, group=group)

        assert ask_joiners(newcomers, now=scene.NOW) == 0

    def test_says_on_the_page_how_many_gave_it(self, question: Question, ada: User) -> None:
        row = row_of(question, "nc", "root")

        text = text_of(get(browser_of(ada), f"/questions/?like={question.pk}&row={row}"))

        assert "<strong>2</strong> endpoints that gave the row" in text

    def test_leads_there_over_the_api(self, question: Question, ada: User, ids: list[UUID]) -> None:
        like = {"question": str(question.pk), "row": row_of(question, "nc", "root")}

        asked = api_client(ada).post("/api/v1/questions/", {"text": NAMES, "like": like})

        assert asked.status_code == 201
        assert asked.json()["only_chosen"]
        assert targets_of(asked.json()["id"]) == {ids[0], ids[2]}


class TestUnanswered:
    def test_are_asked_again(self, question: Question, ada: User, ids: list[UUID]) -> None:
        failure = SensorFailure(name="IP Address", reason="There is no network.")
        later = scene.asked(ada)
        record_answers(
            [
                scene.answer(later, ids[0], [("a", "")], failures=[failure]),
                scene.answer(later, ids[1], [("a", "b")]),
            ]
        )

        asked = asked_like(browser_of(ada), question=str(later.pk), unanswered=True)

        assert asked == {ids[0], *ids[2:]}

    def test_are_asked_again_as_they_were_chosen(
        self, question: Question, ada: User, ids: list[UUID]
    ) -> None:
        client = browser_of(ada)
        post(client, "/questions/ask/", {"text": NAMES, "like": self.like(question)})
        first = Question.objects.latest("sequence")

        response = post(client, f"/questions/{first.pk}/again/")

        again = Question.objects.latest("sequence")
        assert response.status_code == 302
        assert again.pk != first.pk
        assert again.only_chosen
        assert targets_of(str(again.pk)) == {ids[3]}

    def like(self, question: Question) -> dict[str, Any]:
        return {"question": str(question.pk), "unanswered": True}


class TestGroups:
    def test_are_kept_by_whoever_edits(
        self, ada: User, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        question = scene.asked(ada, groups=(group,), lifetime=timedelta(hours=1))
        client = browser_of(ada)

        page = text_of(get(client, f"/questions/{question.pk}/"))
        edit = text_of(get(client, f"/questions/?text=x&like={question.pk}&lifetime=3600"))
        asked = asked_like(client, question=str(question.pk))

        assert f"like={question.pk}&amp;lifetime=3600" in page
        assert "only in Berlin" in page
        assert "in <strong>Berlin</strong>" in edit
        assert '<option value="3600" selected>' in edit
        assert asked == set(ids[:2])

    def test_in_the_text_stay_there(self, ada: User, group: ComputerGroup) -> None:
        question = scene.asked(ada, 'Get Computer Name from all machines in group "Berlin"')

        text = text_of(get(browser_of(ada), f"/questions/?like={question.pk}"))

        assert "Ask everybody instead" not in text

    def test_are_kept_by_whoever_saves(
        self, ada: User, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        question = scene.asked(ada, groups=(group,))
        address = f"/saved-questions/add/?text=x&like={question.pk}&lifetime=3600"

        text = text_of(get(browser_of(ada), address))

        box = text[text.index(f'name="groups" value="{group.pk}"') :]
        assert "checked" in box[: box.index(">")]
        assert '<option value="3600" selected>' in text

    def test_are_named_to_who_reaches_them_only(
        self, ben: User, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        # It was in reach when it was asked.
        secret = scene.group_named("Merger")
        Membership.objects.create(group=secret, endpoint_id=ids[0])
        question = scene.asked(ben, groups=(group, secret))
        address = f"/questions/{question.pk}/"

        seen = [
            text_of(get(browser_of(ben), address)),
            text_of(get(browser_of(ben), "/questions/")),
            text_of(get(browser_of(ben), f"/questions/?like={question.pk}")),
        ]
        over_api = api_client(ben).get(f"/api/v1{address}").json()["groups"]

        assert all("Berlin, computer groups out of your reach" in each for each in seen)
        assert not any("Merger" in each for each in seen)
        assert over_api == {"names": ["Berlin"], "others": True}

    def test_of_a_question_that_one_does_not_see_are_not_there(self, ada: User, ben: User) -> None:
        elsewhere = scene.group_named("Paris")
        scene.endpoints(1, group=elsewhere)
        hidden = scene.asked(ada, groups=(elsewhere,))

        for name in (hidden.pk, uuid.uuid4(), "nonsense"):
            assert get(browser_of(ben), f"/questions/?like={name}").status_code == 404
            assert get(browser_of(ben), f"/saved-questions/add/?like={name}").status_code in {
                403,
                404,
            }
