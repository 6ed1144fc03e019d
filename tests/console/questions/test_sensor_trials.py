"""A test run asks one endpoint, and its author alone sees what came of it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest
import redis
from django.test import Client

from console.access.models import User
from console.core.redis import client as redis_client
from console.endpoints.presence import queue_heard
from console.questions.answers import record_answers
from console.questions.models import Question, Sensor
from protocol.questions import FAILED, SensorFailure
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import client_of, draft, reader, writer

pytestmark = pytest.mark.django_db(transaction=True)

TRIAL = "/sensors/trial/"


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


@pytest.fixture
def ada() -> User:
    return scene.administrator()


@pytest.fixture
def root(ada: User) -> Client:
    return client_of(ada)


def go_online(*endpoints: UUID) -> None:
    with redis_client() as connection:
        pipeline = connection.pipeline()
        queue_heard(pipeline, dict.fromkeys(endpoints, time.time()), gateway="one")
        pipeline.execute()


def start(client: Client, endpoint: UUID | str | None, **changes: Any) -> Any:
    parameters = changes.pop("values", {})
    content = {"draft": draft(**changes), "endpoint": endpoint, "parameters": parameters}
    return client.post(TRIAL, content, content_type="application/json")


def started(client: Client, endpoint: UUID) -> tuple[Question, str]:
    url = start(client, str(endpoint)).json()["url"]
    return Question.objects.get(source=Question.Source.TEST), url


class TestStarting:
    def test_asks_one_endpoint_and_saves_no_sensor(self, root: Client) -> None:
        first, _ = scene.endpoints(2)

        question, url = started(root, first)

        assert url == f"{TRIAL}{question.pk}/"
        assert [target.endpoint_id for target in question.targets.all()] == [first]
        assert not Sensor.objects.exclude(language="").exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"endpoint": None}, "endpoint"),
            ({"script": ""}, "script"),
            (
                {"parameters": [{"key": "a", "title": "A", "type": "integer", "default": None}]},
                "values.a",
            ),
        ],
    )
    def test_says_which_field_is_wrong(
        self, root: Client, changes: dict[str, Any], field: str
    ) -> None:
        [endpoint] = scene.endpoints(1)

        answer = start(root, **{"endpoint": str(endpoint), **changes})

        assert answer.status_code == 400
        assert field in answer.json()["errors"]
        assert not Question.objects.exists()

    def test_is_refused_on_an_endpoint_out_of_reach_as_on_one_that_is_not_there(self) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        [outside] = scene.endpoints(1)
        client = client_of(writer(groups=[group]))

        there = start(client, str(outside))
        nowhere = start(client, "6f1c3c1e-8a35-4d55-9c1e-000000000000")

        assert there.status_code == nowhere.status_code == 409
        assert there.json()["detail"] == nowhere.json()["detail"]

    def test_is_refused_to_who_may_not_write(self) -> None:
        [endpoint] = scene.endpoints(1)
        everybody = scene.group_named("Everybody")
        bob = scene.person("bob", groups=[everybody], content_sets=["Default"])

        assert start(client_of(bob), str(endpoint)).status_code == 400
        assert start(client_of(reader("Default", name="eve")), str(endpoint)).status_code == 403
        assert not Question.objects.exists()


class TestEndpoints:
    def listed(self, client: Client, query: str = "") -> list[str]:
        answer = client.get(f"{TRIAL}endpoints/?q={query}").json()
        return [each["name"] for each in answer["endpoints"]]

    def test_lists_who_is_online_and_in_reach(self) -> None:
        group = scene.group_named("Berlin")
        near, _offline = scene.endpoints(2, group=group)
        [far] = scene.endpoints(1)
        go_online(near, far)

        assert self.listed(client_of(writer(groups=[group]))) == ["host-00000"]

    def test_searches_names(self, root: Client) -> None:
        go_online(*scene.endpoints(3))

        assert self.listed(root, "00002") == ["host-00002"]
        assert self.listed(root, "nonsense") == []

    def test_leaves_out_who_was_cut_off(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        go_online(endpoint)
        scene.revoke(endpoint)

        assert self.listed(root) == []


class TestOutcome:
    def test_tells_why_one_waits(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        _, url = started(root, endpoint)

        outcome = root.get(url).json()

        assert (outcome["state"], outcome["is_over"]) == ("waiting", False)
        assert outcome["reason"] == "The endpoint was never online."

    def test_shows_rows_and_how_long_it_took(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        question, url = started(root, endpoint)
        record_answers([scene.answer(question, endpoint, [["/", "5"], ["/", "5"]], took=1_500_000)])

        outcome = root.get(url).json()

        assert (outcome["state"], outcome["is_over"], outcome["took"]) == ("answered", True, 1.5)
        assert outcome["columns"] == ["Mount", "Free"]
        assert (outcome["rows"], outcome["total"]) == ([[2, ["/", "5"]]], 2)

    def test_shows_why_it_failed(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        question, url = started(root, endpoint)
        failure = SensorFailure(name="Quirky Room", reason="The script ended with 3: broken.")
        record_answers([scene.answer(question, endpoint, outcome=FAILED, failures=[failure])])

        outcome = root.get(url).json()

        assert outcome["state"] == "failed"
        assert "ended with 3: broken" in outcome["reason"]

    def test_is_its_authors_alone(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        _, url = started(root, endpoint)
        other = client_of(scene.administrator("eve"))

        assert other.get(url).status_code == 404
        assert other.post(f"{url}stop/").status_code == 404

    def test_is_none_for_a_question_that_is_no_test(self, root: Client, ada: User) -> None:
        scene.endpoints(1)
        question = scene.asked(ada)

        assert root.get(f"{TRIAL}{question.pk}/").status_code == 404

    def test_ends_when_nobody_waits_any_more(self, root: Client) -> None:
        [endpoint] = scene.endpoints(1)
        _, url = started(root, endpoint)

        assert root.post(f"{url}stop/").json() == {}

        assert root.get(url).json()["state"] == "cancelled"
        assert root.post(f"{url}stop/").status_code == 409
