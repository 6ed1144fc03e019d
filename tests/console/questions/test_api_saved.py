"""Saved questions and sensors over REST, through content sets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import redis

from console.access.models import ContentSet, User
from console.endpoints.models import ComputerGroup
from console.questions.models import Question, SavedQuestion, Sensor
from tests.console.api_client import api_client
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

SAVED = "/api/v1/saved-questions/"
SENSORS = "/api/v1/sensors/"
VIEWS = (
    "questions.ask_question",
    "questions.view_question",
    "questions.view_savedquestion",
    "questions.view_sensor",
)


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Two endpoints in Berlin, and one that is not."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(1)]


@pytest.fixture
def ours(group: ComputerGroup) -> ContentSet:
    return ContentSet.objects.create(name="Ours")


def member(name: str, group: ComputerGroup, *permissions: str) -> User:
    """Make somebody who asks in a group and has permissions on our content set."""
    user = scene.person(name, permissions=VIEWS, groups=[group], content_sets=["Base", "Reserved"])
    for permission in permissions:
        scene.grant_content(user.groups.get(), "Ours", permission)
    return user


@pytest.fixture
def writer(ours: ContentSet, group: ComputerGroup, ids: list[UUID]) -> User:
    return member(
        "wanda",
        group,
        "read_saved_question",
        "write_saved_question",
        "read_sensor",
        "write_sensor",
    )


@pytest.fixture
def reader(ours: ContentSet, group: ComputerGroup, ids: list[UUID]) -> User:
    return member("rita", group, "read_saved_question", "read_sensor")


@pytest.fixture
def stranger(ours: ContentSet, group: ComputerGroup) -> User:
    return member("eve", group)


def draft(ours: ContentSet, **fields: Any) -> dict[str, Any]:
    return {"name": "Names", "text": scene.TEXT, "content_set": ours.pk, **fields}


class TestSavedQuestions:
    def test_are_saved_read_changed_and_deleted(
        self, writer: User, ours: ContentSet, group: ComputerGroup
    ) -> None:
        client = api_client(writer)
        made = client.post(SAVED, draft(ours, groups=[group.pk], interval=3600, lifetime=60))
        address = f"{SAVED}{made.json()['id']}/"

        changed = client.patch(address, {"name": "Other", "interval": None})

        assert made.status_code == 201
        assert (made.json()["owner"], made.json()["groups"]) == ("wanda", [group.pk])
        kept = changed.json()
        assert (kept["name"], kept["interval"], kept["lifetime"]) == ("Other", None, 60)
        assert (kept["groups"], kept["text"]) == ([group.pk], scene.TEXT)
        assert client.get(address).json() == kept
        assert client.delete(address).status_code == 204
        assert not SavedQuestion.objects.exists()

    def test_are_asked_and_remembered(self, writer: User, reader: User, ours: ContentSet) -> None:
        saved = api_client(writer).post(SAVED, draft(ours)).json()
        client = api_client(reader)

        asked = client.post(f"{SAVED}{saved['id']}/ask/")
        other = client.post("/api/v1/questions/", {"saved": saved["id"]})
        history = client.get(f"{SAVED}{saved['id']}/history/").json()["results"]

        assert asked.status_code == other.status_code == 201
        assert asked.json()["saved"] == saved["id"]
        assert [each["id"] for each in history] == [other.json()["id"], asked.json()["id"]]
        assert history[0]["standing"]["asked"] == 2

    def test_are_for_who_may_use_their_content_set(
        self, writer: User, reader: User, stranger: User, ours: ContentSet
    ) -> None:
        saved = api_client(writer).post(SAVED, draft(ours)).json()
        address = f"{SAVED}{saved['id']}/"

        for method in ("get", "patch", "delete"):
            assert getattr(api_client(stranger), method)(address).status_code == 404
        assert api_client(stranger).get(SAVED).json()["results"] == []
        assert api_client(stranger).post(f"{address}ask/").status_code == 404
        body = {"saved": saved["id"]}
        assert api_client(stranger).post("/api/v1/questions/", body).status_code == 404
        assert not api_client(reader).get(address).json()["may_change"]
        assert api_client(reader).patch(address, {"name": "x"}).status_code == 403
        assert api_client(reader).delete(address).status_code == 403
        assert api_client(reader).post(SAVED, draft(ours, name="y")).status_code == 403
        assert not Question.objects.exists()

    def test_show_no_group_that_the_reader_does_not_reach(
        self, ours: ContentSet, reader: User, group: ComputerGroup
    ) -> None:
        hamburg = scene.group_named("Hamburg")
        client = api_client(scene.administrator())
        client.post(SAVED, draft(ours, groups=[hamburg.pk, group.pk]))

        (saved,) = api_client(reader).get(SAVED).json()["results"]

        assert saved["groups"] == [group.pk]

    @pytest.mark.parametrize(
        "fields",
        [
            {"text": "Get Nonsense"},
            {"name": " "},
            {"interval": 5},
            {"lifetime": 1},
            {"content_set": 10_000},
            {"groups": [10_000]},
        ],
        ids=str,
    )
    def test_refuse_what_does_not_fit(
        self, writer: User, ours: ContentSet, fields: dict[str, Any]
    ) -> None:
        answer = api_client(writer).post(SAVED, draft(ours, **fields))

        assert answer.status_code == 400
        assert ("line" in answer.json()) == ("text" in fields)

    def test_refuse_a_name_that_is_taken(self, writer: User, ours: ContentSet) -> None:
        client = api_client(writer)
        client.post(SAVED, draft(ours))

        assert client.post(SAVED, draft(ours)).status_code == 409


def script(ours: ContentSet, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Kernel words",
        "language": "shell",
        "script": "cat /proc/cmdline",
        "columns": [{"name": "Words", "type": "text"}],
        "content_set": ours.pk,
        **fields,
    }


class TestSensors:
    def test_are_listed_with_what_they_ask_for(self, reader: User) -> None:
        client = api_client(reader)

        found = client.get(f"{SENSORS}?search=computer name").json()["results"]

        names = {each["name"]: each for each in found}
        assert names["Computer Name"]["columns"] == [{"name": "Computer Name", "type": "text"}]
        assert names["Computer Name"]["example"].startswith("Get ")
        assert client.get(f"{SENSORS}{names['Computer Name']['id']}/").status_code == 200
        assert client.get(f"{SENSORS}?own=true").json()["results"] == []

    def test_are_those_of_the_users_content_sets(
        self, writer: User, stranger: User, ours: ContentSet
    ) -> None:
        own = api_client(writer).post(SENSORS, script(ours)).json()

        hidden = api_client(stranger).get(f"{SENSORS}{own['id']}/")

        assert hidden.status_code == 404
        assert api_client(stranger).get(f"{SENSORS}?own=true").json()["results"] == []

    def test_of_ones_own_are_saved_versioned_and_retired(
        self, writer: User, reader: User, ours: ContentSet
    ) -> None:
        client = api_client(writer)
        made = client.post(SENSORS, script(ours))
        address = f"{SENSORS}{made.json()['id']}/"

        again = client.post(f"{address}versions/", script(ours, script="true", note="shorter"))
        versions = client.get(f"{address}versions/").json()

        assert (made.status_code, again.status_code) == (201, 201)
        assert made.json()["may_change"]
        assert [(each["number"], each["note"]) for each in versions] == [(2, "shorter"), (1, "")]
        assert versions[0]["saved_by"] == "wanda"
        assert api_client(reader).get(f"{address}versions/").status_code == 404
        assert api_client(reader).post(f"{address}retire/").status_code == 404
        assert client.post(f"{address}retire/").status_code == 204
        assert client.get(address).status_code == 404

    def test_that_are_built_in_stay_as_they_are(self, writer: User) -> None:
        built_in = Sensor.objects.get(name="Computer Name")

        answer = api_client(writer).post(f"{SENSORS}{built_in.pk}/retire/")

        assert answer.status_code == 404

    def test_are_tried_on_one_endpoint_in_reach(
        self, writer: User, ours: ContentSet, ids: list[UUID]
    ) -> None:
        client = api_client(writer)

        near, far = (
            client.post(f"{SENSORS}test/", script(ours, endpoint=str(each)))
            for each in (ids[0], ids[2])
        )

        assert near.status_code == 201
        assert near.json()["source"] == "test"
        assert far.status_code == 409
        assert not Sensor.objects.exclude(language="").exists()

    @pytest.mark.parametrize(
        "fields",
        [
            {"language": "perl"},
            {"columns": []},
            {"columns": [{"name": "a"}, {"name": "A"}]},
            {"columns": [{"name": "a", "type": "colour"}]},
            {"parameters": [{"key": "A B", "title": "x"}]},
            {"parameters": [{"key": "a", "title": "x", "type": "colour"}]},
            {"timeout": 10_000},
            {"script": ""},
            {"platforms": ["windows"]},
            {"content_set": 10_000},
        ],
        ids=str,
    )
    def test_refuse_what_cannot_work(
        self, writer: User, ours: ContentSet, fields: dict[str, Any]
    ) -> None:
        assert api_client(writer).post(SENSORS, script(ours, **fields)).status_code == 400
        assert not Sensor.objects.exclude(language="").exists()

    def test_of_another_content_set_cannot_be_written(
        self, reader: User, stranger: User, ours: ContentSet
    ) -> None:
        assert api_client(reader).post(SENSORS, script(ours)).status_code == 403
        assert api_client(stranger).post(SENSORS, script(ours)).status_code == 400
