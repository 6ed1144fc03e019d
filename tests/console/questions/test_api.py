"""Questions, answers and exports over REST: what a user reaches, and nothing of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import redis
from rest_framework.test import APIClient

from console.access.models import User
from console.endpoints.models import ComputerGroup
from console.questions.answers import record_answers
from console.questions.models import Question
from protocol.questions import FAILED, SensorFailure
from tests.console.api_client import api_client
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

QUESTIONS = "/api/v1/questions/"
BROKEN = SensorFailure(name="Computer Name", reason="It broke.")


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Two endpoints in Berlin, and two that are not."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


@pytest.fixture
def ada(ids: list[UUID]) -> User:
    """An administrator."""
    return scene.administrator()


@pytest.fixture
def ben(group: ComputerGroup, ids: list[UUID]) -> User:
    """Somebody who asks and sees in Berlin."""
    return scene.person("ben", groups=[group], content_sets=["Base", "Reserved"])


@pytest.fixture
def question(ada: User, ids: list[UUID]) -> Question:
    """A question of the administrator's; three answered, one failed."""
    asked = scene.asked(ada)
    rows = [(f"web-{number}", f"10.0.0.{number}") for number in range(3)]
    record_answers(
        [
            *(
                scene.answer(asked, endpoint_id, [row, ("all", "")])
                for endpoint_id, row in zip(ids, rows, strict=False)
            ),
            scene.answer(asked, ids[3], outcome=FAILED, failures=[BROKEN]),
        ]
    )
    asked.refresh_from_db()
    return asked


def path(question: Question, rest: str = "") -> str:
    return f"{QUESTIONS}{question.pk}/{rest}"


def pages(client: APIClient, address: str, name: str = "results") -> Iterator[Any]:
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.content
        yield from answer.json()[name]
        address = answer.json()["next"]


class TestAsking:
    def test_takes_words(self, ben: User) -> None:
        answer = api_client(ben).post(QUESTIONS, {"text": scene.TEXT, "lifetime": 60})

        assert answer.status_code == 201
        shown = answer.json()
        assert shown["text"] == scene.TEXT
        assert shown["asked_by"] == "ben"
        assert [column["label"] for column in shown["columns"]] == ["Computer Name", "IP Address"]
        assert shown["progress"]["asked"] == shown["progress"]["waiting"] == 2
        assert shown["may_cancel"]

    def test_takes_the_form_of_the_builder(self, ben: User) -> None:
        form = {"selections": [{"sensor": "Computer Name"}], "filter": None, "group": None}

        answer = api_client(ben).post(QUESTIONS, {"question": form})

        assert answer.status_code == 201
        assert answer.json()["text"] == "Get Computer Name from all machines"

    def test_takes_computer_groups(self, ada: User, group: ComputerGroup) -> None:
        answer = api_client(ada).post(QUESTIONS, {"text": scene.TEXT, "groups": [group.pk]})

        assert answer.json()["progress"]["asked"] == 2

    def test_tells_where_a_text_is_wrong(self, ben: User) -> None:
        answer = api_client(ben).post(QUESTIONS, {"text": "Get Computer Nam from all machines"})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["line"], problem["column"]) == (1, 5)
        assert problem["length"] > 0
        assert "Computer Name" in problem["expected"]

    def test_tells_where_a_form_is_wrong(self, ben: User) -> None:
        form = {"selections": [{"sensor": "Computer Nam"}]}

        answer = api_client(ben).post(QUESTIONS, {"question": form})

        assert answer.status_code == 400
        assert "selections[0].sensor" in answer.json()["errors"]

    @pytest.mark.parametrize(
        "sent",
        [
            {},
            {"text": scene.TEXT, "question": {}},
            {"text": scene.TEXT, "lifetime": 1},
            {"text": scene.TEXT, "lifetime": 10**9},
            {"text": scene.TEXT, "saved": 1},
            {"text": "x" * 30_000},
            {"text": "Get " + "Computer Name and " * 10_000},
            {"text": "\0"},
            {"question": [1]},
            {"question": {"selections": 7}},
            {"text": scene.TEXT, "groups": [2**62]},
            {"text": scene.TEXT, "groups": "Berlin"},
        ],
        ids=lambda sent: str(sent)[:40],
    )
    def test_refuses_what_is_no_question(self, ben: User, sent: dict[str, Any]) -> None:
        assert api_client(ben).post(QUESTIONS, sent).status_code == 400
        assert not Question.objects.exists()

    def test_knows_no_group_out_of_reach(self, ben: User) -> None:
        hamburg = scene.group_named("Hamburg")
        client = api_client(ben)

        there, nowhere = (
            client.post(QUESTIONS, {"text": scene.TEXT, "groups": [pk]})
            for pk in (hamburg.pk, 10_000)
        )

        assert there.status_code == nowhere.status_code == 400
        assert there.json() == nowhere.json()

    def test_is_done_once_with_an_idempotency_key(self, ben: User) -> None:
        client, key = api_client(ben), {"Idempotency-Key": "once"}

        first, again = (client.post(QUESTIONS, {"text": scene.TEXT}, headers=key) for _ in "12")

        assert first.json()["id"] == again.json()["id"]
        assert Question.objects.count() == 1

    def test_is_for_whoever_may(self, group: ComputerGroup, ids: list[UUID]) -> None:
        sees = scene.person("eve", permissions=["questions.view_question"], groups=[group])

        for rest in ("", "check/", "complete/"):
            answer = api_client(sees).post(f"{QUESTIONS}{rest}", {"text": scene.TEXT})
            assert answer.status_code == 403


class TestChecking:
    def test_says_what_a_text_means(self, ben: User) -> None:
        answer = api_client(ben).post(
            f"{QUESTIONS}check/", {"text": "get computer name from machines."}
        )

        checked = answer.json()
        assert checked["valid"]
        assert checked["text"] == "Get Computer Name from all machines"
        assert [column["name"] for column in checked["columns"]] == ["Computer Name"]
        assert checked["question"]["selections"][0]["sensor"] == "Computer Name"

    def test_says_where_a_text_fails(self, ben: User) -> None:
        answer = api_client(ben).post(f"{QUESTIONS}check/", {"text": "Get\n  Nonsense"})

        checked = answer.json()
        assert answer.status_code == 200
        assert not checked["valid"]
        assert (checked["line"], checked["column"], checked["length"]) == (2, 3, 8)

    def test_says_where_a_form_fails(self, ben: User) -> None:
        answer = api_client(ben).post(f"{QUESTIONS}check/", {"question": {"selections": []}})

        assert answer.json()["path"] == "selections"

    def test_tells_no_forbidden_sensor_from_an_unknown_one(self, group: ComputerGroup) -> None:
        client = api_client(scene.person("eve", groups=[group]))

        forbidden, unknown = (
            client.post(f"{QUESTIONS}check/", {"text": f"Get {name} from all machines"}).json()
            for name in ("Computer Name", "Computer Xyzw")
        )

        assert forbidden["reason"].replace("Computer Name", "") == unknown["reason"].replace(
            "Computer Xyzw", ""
        )
        assert forbidden["expected"] == unknown["expected"]

    def test_completes(self, ben: User) -> None:
        text = "Get Computer Na"

        answer = api_client(ben).post(f"{QUESTIONS}complete/", {"text": text})

        found = answer.json()
        assert found["start"] == 4
        assert "Computer Name" in [choice["text"] for choice in found["choices"]]

    def test_completes_only_groups_in_reach(self, ben: User) -> None:
        scene.group_named("Hamburg")
        text = "Get Computer Name from machines in group "

        found = api_client(ben).post(f"{QUESTIONS}complete/", {"text": text}).json()

        names = " ".join(choice["text"] for choice in found["choices"])
        assert "Berlin" in names
        assert "Hamburg" not in names


class TestFollowing:
    def test_lists_what_one_may_see_counted_in_reach(self, question: Question, ben: User) -> None:
        (listed,) = api_client(ben).get(QUESTIONS).json()["results"]

        assert listed["id"] == str(question.pk)
        assert listed["standing"] == {
            "asked": 2,
            "answered": 2,
            "not_matching": 0,
            "failed": 0,
            "open": 0,
        }

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("mine=true", 0),
            ("mine=false", 1),
            ("search=computer", 1),
            ("search=nothing", 0),
            ("open=true", 1),
            ("open=false", 0),
            ("source=schedule", 0),
        ],
    )
    def test_narrows_the_list(self, question: Question, ben: User, query: str, found: int) -> None:
        answer = api_client(ben).get(f"{QUESTIONS}?{query}")

        assert len(answer.json()["results"]) == found

    def test_shows_the_progress_in_reach(self, question: Question, ben: User, ada: User) -> None:
        mine, whole = (api_client(who).get(path(question)).json() for who in (ben, ada))

        assert (mine["progress"]["asked"], mine["progress"]["failed"]) == (2, 0)
        assert (whole["progress"]["asked"], whole["progress"]["failed"]) == (4, 1)
        assert not mine["may_cancel"]

    def test_hides_a_question_from_who_reaches_none_of_it(self, question: Question) -> None:
        other = scene.group_named("Hamburg")
        eve = scene.person("eve", groups=[other], content_sets=["Base", "Reserved"])
        client = api_client(eve)

        for rest in ("", "rows/", "endpoint-rows/", "unanswered/", "comparison/", "exports/"):
            assert client.get(path(question, rest)).status_code == 404
        assert client.get(QUESTIONS).json()["results"] == []
        assert client.post(path(question, "exports/"), {"format": "csv"}).status_code == 404

    @pytest.mark.parametrize("name", ["Berlin", "BERLIN"])
    def test_is_asked_in_groups_by_name(self, ben: User, name: str) -> None:
        body = {"text": "Get Computer Name from all machines", "group_names": [name]}

        asked = api_client(ben).post(QUESTIONS, body)

        assert asked.status_code == 201
        assert asked.json()["groups"] == {"names": ["Berlin"], "others": False}

    def test_tells_groups_out_of_reach_from_none_by_nothing(self, ben: User) -> None:
        scene.group_named("Merger")
        body = {"text": "Get Computer Name from all machines"}

        refused = [
            api_client(ben).post(QUESTIONS, {**body, "group_names": [name]}).json()["detail"]
            for name in ("Merger", "Nowhere")
        ]

        assert refused[0].replace("Merger", "") == refused[1].replace("Nowhere", "")

    def test_tells_who_did_not_answer_and_why(self, question: Question, ada: User) -> None:
        (silent,) = pages(api_client(ada), path(question, "unanswered/"))

        assert silent["kind"] == "failed"
        assert "It broke." in silent["reason"]

    def test_pages_who_did_not_answer(self, ada: User) -> None:
        asked = scene.asked(ada)

        silent = list(pages(api_client(ada), path(asked, "unanswered/?limit=1")))

        assert [each["host_name"] for each in silent] == [f"host-0000{n}" for n in range(4)]

    def test_ends_with_a_cancel_of_whoever_asked(self, ben: User, ada: User) -> None:
        asked = scene.asked(ben)
        carl = scene.person(
            "carl",
            groups=[ComputerGroup.objects.get(name="Berlin")],
            content_sets=["Base", "Reserved"],
        )

        refused = api_client(carl).post(path(asked, "cancel/"))
        done = api_client(ben).post(path(asked, "cancel/"))
        again = api_client(ben).post(path(asked, "cancel/"))

        assert (refused.status_code, done.status_code, again.status_code) == (403, 200, 409)
        assert done.json()["cancelled_by"] == "ben"
