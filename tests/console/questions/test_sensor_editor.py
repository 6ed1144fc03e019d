"""The editor saves what it is sent, and says at which field it cannot."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.test import Client

from console.access.models import User
from console.questions.models import Sensor
from tests.console.pages import text_of
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import (
    client_of,
    draft,
    own_sensor,
    reader,
    writer,
)

pytestmark = pytest.mark.django_db

ADD = "/sensors/add/"


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


@pytest.fixture
def carol() -> User:
    return writer()


@pytest.fixture
def client(carol: User) -> Client:
    return client_of(carol)


def post(client: Client, url: str, content: Any) -> Any:
    return client.post(url, content, content_type="application/json")


def change_of(sensor: Sensor) -> str:
    return f"/sensors/{sensor.pk}/change/"


class TestAdding:
    def test_begins_with_a_content_set_that_is_ones_own_to_write(self, client: Client) -> None:
        page = client.get(ADD).context["page"]

        assert page["draft"]["content_set"] is not None
        assert page["draft"]["columns"] == [{"name": "", "type": "text"}]

    def test_warns_that_scripts_run_as_root(self, client: Client) -> None:
        assert "runs as root" in text_of(client.get(ADD))

    def test_saves_and_says_where(self, client: Client, carol: User) -> None:
        answer = post(client, ADD, draft())

        sensor = Sensor.objects.get(name="Quirky Room")
        assert answer.json() == {"url": f"/sensors/{sensor.pk}/"}
        version = sensor.versions.get()
        assert (version.number, version.saved_by, version.note) == (1, carol, "First")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": "computer name"}, "name"),
            ({"timeout": 10_000}, "timeout"),
            ({"platforms": ["windows"]}, "platforms"),
            ({"language": "basic"}, "language"),
            ({"columns": [{"name": ""}]}, "columns.0.name"),
        ],
    )
    def test_says_which_field_is_wrong(
        self, client: Client, changes: dict[str, Any], field: str
    ) -> None:
        answer = post(client, ADD, draft(**changes))

        assert answer.status_code in {400, 409}
        assert field in answer.json()["errors"]
        assert not Sensor.objects.exclude(language="").exists()

    @pytest.mark.parametrize("content", ["{", '{"columns": 5}', '{"timeout": "long"}', "[]"])
    def test_refuses_what_is_no_draft(self, client: Client, content: str) -> None:
        assert post(client, ADD, content).status_code == 400

    def test_tells_readers_that_they_may_not(self) -> None:
        client = client_of(reader("Default"))

        assert "in no content set" in text_of(client.get(ADD))
        assert set(post(client, ADD, draft()).json()["errors"]) == {"content_set"}
        assert not Sensor.objects.exclude(language="").exists()

    def test_copies_a_sensor(self, client: Client, carol: User) -> None:
        sensor = own_sensor(carol)

        begun = client.get(f"{ADD}?copy_of={sensor.pk}").context["page"]["draft"]

        assert (begun["name"], begun["script"], begun["version"]) == ("Quirky Room (copy)", "df", 0)

    def test_copies_what_the_job_of_a_heavy_sensor_finds(self) -> None:
        client = client_of(scene.administrator())
        heavy = Sensor.objects.filter(cost="heavy").order_by("name").first()
        assert heavy is not None

        begun = client.get(f"{ADD}?copy_of={heavy.pk}").context["page"]["draft"]

        assert begun["columns"][0]["name"] != "Job ID"
        assert "job_id" not in [each["key"] for each in begun["parameters"]]
        assert begun["cost"] == "light"

    def test_copies_nothing_that_the_user_may_not_read(self, client: Client) -> None:
        built_in = Sensor.objects.get(key="computer.name")

        assert client.get(f"{ADD}?copy_of={built_in.pk}").status_code == 404


class TestChanging:
    def test_saves_a_new_version(self, client: Client, carol: User) -> None:
        sensor = own_sensor(carol)

        answer = post(client, change_of(sensor), draft(script="df -h", version=1))

        assert answer.status_code == 200
        assert [each.script for each in sensor.versions.all()] == ["df -h", "df"]

    def test_is_refused_when_somebody_else_saved_meanwhile(
        self, client: Client, carol: User
    ) -> None:
        sensor = own_sensor(carol)
        post(client, change_of(sensor), draft(version=1))

        answer = post(client, change_of(sensor), draft(script="mine", version=1))

        assert answer.status_code == 409
        assert "carol saved version 2" in answer.json()["detail"]
        assert sensor.versions.count() == 2

    def test_begins_with_an_older_version_when_asked(self, client: Client, carol: User) -> None:
        sensor = own_sensor(carol)
        post(client, change_of(sensor), draft(script="df -h", version=1))

        begun = client.get(f"{change_of(sensor)}?version=1").context["page"]["draft"]

        assert (begun["script"], begun["version"]) == ("df", 2)
        assert client.get(f"{change_of(sensor)}?version=7").status_code == 404

    def test_is_refused_of_built_in_ones(self) -> None:
        client = client_of(scene.administrator())
        built_in = Sensor.objects.get(key="computer.name")

        assert client.get(change_of(built_in)).status_code == 403
        assert post(client, change_of(built_in), draft()).status_code == 403

    def test_is_refused_to_readers(self, carol: User) -> None:
        client = client_of(reader("Default"))

        assert client.get(change_of(own_sensor(carol))).status_code == 403
