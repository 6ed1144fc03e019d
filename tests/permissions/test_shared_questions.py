"""One's own question asked endpoints that one does not reach: every route cuts its answers.

Somebody's reach shrinks after they asked, a schedule asks with its owner's rights, an administrator
changes a group: the rows are there, and must not show.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import openpyxl
import pytest
from pyarrow import parquet

from console.access.models import Role
from console.endpoints.models import ComputerGroup
from console.questions.models import Question
from tests.console.api_client import make_user
from tests.console.roles import permissions_named
from tests.permissions.holders import Holder, holder_of
from tests.permissions.rule import ASKS, SEES_QUESTIONS
from tests.permissions.scene import FAR, Scene, Things, rolled_back
from tests.permissions.shared_question import (
    BOTH_ANSWER,
    NEAR_ANSWER,
    Sent,
    SharedQuestion,
    make_shared_question,
    routes,
)
from tests.permissions.visits import content_of, is_refusal, levelled, text_of, visit

pytestmark = pytest.mark.django_db

ROUTES: Final = [(method, pattern, sent) for method, pattern, _, sent in routes()]
IDS: Final = [f"{method}-{pattern}-{json.dumps(sent)}" for method, pattern, sent in ROUTES]
NAMING_ROWS: Final = [
    (method, pattern, sent)
    for method, pattern, sent in ROUTES
    if "row_id" in pattern or "$row" in sent.values()
]

ALL: Final = "All Computers"
READERS: Final[dict[str, Callable[[bytes], str]]] = {
    "csv": bytes.decode,
    "jsonl": bytes.decode,
    "xlsx": lambda content: str(
        [list(sheet.values) for sheet in openpyxl.load_workbook(io.BytesIO(content)).worksheets]
    ),
    "parquet": lambda content: str(parquet.read_table(io.BytesIO(content)).to_pylist()),
}


@pytest.fixture(scope="module")
def shared(module_scene: Scene, holders: list[Holder]) -> Iterator[SharedQuestion]:
    """Ask the shared question once for all tests."""
    with rolled_back():
        yield make_shared_question(module_scene, make_user("somebody"))


@pytest.fixture(scope="module")
def askers(module_scene: Scene, holders: list[Holder]) -> Iterator[list[Holder]]:
    """Return the holders of all seeded roles, and somebody who sees the questions of others."""
    with rolled_back():
        role = Role.objects.create(name="Seers")
        role.permissions.set(permissions_named([ASKS, SEES_QUESTIONS, "endpoints.view_endpoint"]))
        yield [*holders, holder_of(role, module_scene)]


@pytest.fixture
def stage(
    holders: list[Holder], shared: SharedQuestion, askers: list[Holder], scene: Scene
) -> SharedQuestion:
    """Return the question, with everybody who is to look at it."""
    return shared


def seen_by(holder: Holder, method: str, pattern: str, sent: Sent, things: Things) -> Any:
    """Return what a route answers to somebody about their own question."""
    client = holder.api if pattern.startswith("api/") else holder.page
    holder.page.cookies.pop("messages", None)
    return visit(client, method, pattern, sent, things)


def test_every_kind_of_answer_is_tried() -> None:
    tried = " ".join(pattern for _, pattern, _ in ROUTES)

    for part in ("window", "chart", "givers", "further", "unanswered", "endpoint-rows", "changes"):
        assert part in tried
    assert len(NAMING_ROWS) == 5


@pytest.mark.parametrize(("method", "pattern", "sent"), ROUTES, ids=IDS)
def test_tells_askers_nothing_of_endpoints_out_of_reach(
    stage: SharedQuestion, askers: list[Holder], method: str, pattern: str, sent: Sent
) -> None:
    for holder in askers:
        with rolled_back():
            stage.asked_by(holder.user)
            things = stage.naming_row(NEAR_ANSWER)

            answer = seen_by(holder, method, pattern, sent, things)

            leaked = [secret for secret in stage.secrets if secret in said(answer, sent)]
            assert leaked == [], f"{holder.role}: {said(answer, sent)}"
            assert "4711" not in said(answer, sent)
            if sees(holder):
                assert not is_refusal(answer), f"{holder.role}: {answer.status_code}"


@pytest.mark.parametrize(
    ("method", "pattern", "sent"),
    NAMING_ROWS,
    ids=[f"{pattern}-{json.dumps(sent)}" for _, pattern, sent in NAMING_ROWS],
)
def test_tells_of_a_far_row_what_it_tells_of_one_that_is_not_there(
    stage: SharedQuestion, askers: list[Holder], method: str, pattern: str, sent: Sent
) -> None:
    missing = stage.naming_no_row()
    others = [
        stage.naming_row(f"{FAR}-answer"),
        # Of another question, which the same user asked.
        stage.naming_row(f"old-{FAR}-answer", of=stage.earlier),
    ]
    for holder in askers:
        with rolled_back():
            stage.asked_by(holder.user)
            of_missing = seen_by(holder, method, pattern, sent, missing)

            for far in others:
                of_far = seen_by(holder, method, pattern, sent, far)

                assert of_far.status_code == of_missing.status_code, str(holder.role)
                assert levelled(of_far, far) == levelled(of_missing, missing)


def test_shows_askers_the_answers_in_reach_counted_over_these(
    stage: SharedQuestion, askers: list[Holder]
) -> None:
    assert any(sees(holder) for holder in askers)
    for holder in askers:
        with rolled_back():
            stage.asked_by(holder.user)
            window = seen_by(
                holder, "POST", "questions/<uuid:question_id>/window/", {}, stage.things
            ).json()
            progress = seen_by(
                holder, "GET", "questions/<uuid:question_id>/progress/", {}, stage.things
            ).json()

            rows = {values[0]: count for _, count, values in window["rows"]}
            assert rows == ({NEAR_ANSWER: 1, BOTH_ANSWER: 1} if sees(holder) else {})
            assert (progress["asked"], progress["failed"]) == (int(sees(holder)), 0)


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("merged", [True, False])
def test_writes_nothing_out_of_reach_into_files(
    stage: SharedQuestion, askers: list[Holder], form: str, merged: bool
) -> None:
    address = "api/v1/questions/<uuid:pk>/exports/"
    for holder in filter(sees, askers):
        with rolled_back():
            stage.asked_by(holder.user)
            sent = {"format": form, "view": {"merged": merged}}

            made = seen_by(holder, "POST", address, sent, stage.things).json()
            named = stage.things | {"export": made["id"]}
            file = seen_by(holder, "GET", f"{address}<uuid:export_id>/file/", {}, named)

            assert (made["rows_done"], made["state"]) == (2, "done")
            assert NEAR_ANSWER in READERS[form](content_of(file))
            assert FAR not in READERS[form](content_of(file))
            assert FAR not in str(made)


def test_of_others_show_to_who_may_see_them_what_is_in_reach(
    stage: SharedQuestion, askers: list[Holder]
) -> None:
    for holder in askers:
        with rolled_back():
            page = seen_by(holder, "GET", "questions/<uuid:question_id>/", {}, stage.things)
            window = seen_by(
                holder, "POST", "questions/<uuid:question_id>/window/", {}, stage.things
            )

            may_see = SEES_QUESTIONS in holder.permissions
            assert is_refusal(page) is not may_see
            assert (NEAR_ANSWER in text_of(window)) is may_see
            assert FAR not in text_of(window)


def test_count_in_lists_what_is_in_reach(stage: SharedQuestion, askers: list[Holder]) -> None:
    for holder in filter(sees, askers):
        with rolled_back():
            stage.asked_by(holder.user)
            Question.objects.exclude(asked_by=holder.user).delete()

            listed = holder.api.get("/api/v1/questions/", secure=True).json()["results"]
            recent = holder.page.get("/questions/?part=recent", secure=True)

            assert {row["standing"]["asked"] for row in listed} == {1}
            assert FAR not in text_of(recent)


def sees(holder: Holder) -> bool:
    """Tell whether somebody sees answers of the near endpoint to what they asked."""
    return not holder.permissions.isdisjoint((ASKS, SEES_QUESTIONS))


def said(answer: Any, sent: Sent) -> str:
    """Return what an answer says, headers included, without the words that were sent."""
    text = f"{text_of(answer)} {list(answer.items())}"
    # What the far side said has the word and more.
    return re.sub(rf"{FAR}(?![\w-])", "it", text) if FAR in json.dumps(sent) else text


def test_of_others_are_hidden_where_they_are_for_a_group_out_of_reach(
    stage: SharedQuestion, askers: list[Holder], scene: Scene
) -> None:
    seer = askers[-1]
    near, far, everybody = (
        ComputerGroup.objects.get(name=name) for name in ("Near group", f"{FAR} group", ALL)
    )
    address = f"/api/v1/questions/{stage.question.pk}/"

    def is_seen(*groups: ComputerGroup) -> bool:
        stage.question.groups.set(groups)
        listed = seer.api.get("/api/v1/questions/", secure=True).json()["results"]
        found = seer.api.get(address, secure=True).status_code == 200
        assert found is (str(stage.question.pk) in {row["id"] for row in listed})
        return found

    assert is_seen()
    assert is_seen(near)
    assert is_seen(near, everybody)
    assert not is_seen(far)
    assert not is_seen(near, far)
    stage.asked_by(seer.user)
    assert is_seen(near, far)
