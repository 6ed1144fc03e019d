"""Administrators put sensors, built-in ones too, into other content sets."""

from __future__ import annotations

import pytest
import redis

from console.access.models import ContentSet, User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.questions.catalogue import definitions_for, sync_built_in
from console.questions.models import Sensor
from console.questions.placing import move_sensor
from tests.console.api_client import api_client
from tests.console.pages import messages_of, text_of
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import client_of, own_sensor, writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


@pytest.fixture
def ada() -> User:
    return scene.administrator()


@pytest.fixture
def sensor() -> Sensor:
    return Sensor.objects.get(key="computer.name")


@pytest.fixture
def night() -> ContentSet:
    return ContentSet.objects.create(name="Night shift")


class TestMoving:
    def test_gives_a_built_in_sensor_to_other_roles(
        self, ada: User, sensor: Sensor, night: ContentSet
    ) -> None:
        reader = scene.person("bob", content_sets=["Night shift"])
        former = scene.person("eve", content_sets=["Reserved"])

        move_sensor(sensor, night, user=ada, actor=Actor("ada"), now=scene.NOW)

        assert [each.key for each in definitions_for(reader)] == ["computer.name"]
        assert "computer.name" not in {each.key for each in definitions_for(former)}
        event = AuditEvent.objects.get(action="sensor.move")
        assert event.detail == {"before": "Reserved", "after": "Night shift"}

    def test_lasts_over_updates(self, ada: User, sensor: Sensor, night: ContentSet) -> None:
        move_sensor(sensor, night, user=ada, actor=Actor("ada"), now=scene.NOW)

        sync_built_in(now=scene.NOW)

        assert Sensor.objects.get(pk=sensor.pk).content_set == night

    def test_to_where_it_lies_is_no_event(self, ada: User, sensor: Sensor) -> None:
        move_sensor(sensor, sensor.content_set, user=ada, actor=Actor("ada"), now=scene.NOW)

        assert not AuditEvent.objects.filter(action="sensor.move").exists()

    def test_is_not_for_others(self, sensor: Sensor, night: ContentSet) -> None:
        with pytest.raises(NotAllowed):
            move_sensor(sensor, night, user=writer(), actor=Actor("w"), now=scene.NOW)


class TestThePage:
    def test_moves_where_the_sensor_is_shown(
        self, ada: User, sensor: Sensor, night: ContentSet
    ) -> None:
        client = client_of(ada)
        page = f"/sensors/{sensor.pk}/"
        assert f'<option value="{night.pk}">Night shift' in text_of(client.get(page))

        done = client.post(f"{page}place/", {"content_set": str(night.pk)}, follow=True)

        assert messages_of(done) == ["“Computer Name” lies in “Night shift” now."]
        assert Sensor.objects.get(pk=sensor.pk).content_set == night

    @pytest.mark.parametrize("wanted", ["", "x", "987654", "9" * 40, "-1"])
    def test_knows_no_other_content_sets(self, ada: User, sensor: Sensor, wanted: str) -> None:
        answer = client_of(ada).post(f"/sensors/{sensor.pk}/place/", {"content_set": wanted})

        assert answer.status_code == 404

    def test_offers_it_to_administrators_only(self, ada: User) -> None:
        sensor = own_sensor(ada)
        client = client_of(writer())

        assert "/place/" not in text_of(client.get(f"/sensors/{sensor.pk}/"))
        assert client.post(f"/sensors/{sensor.pk}/place/", {}).status_code == 403


class TestTheApi:
    def test_moves(self, ada: User, sensor: Sensor, night: ContentSet) -> None:
        api, address = api_client(ada), f"/api/v1/sensors/{sensor.pk}/"

        moved = api.patch(address, {"content_set": night.pk}, format="json")
        refused = api.patch(address, {"content_set": 987654}, format="json")

        assert (moved.status_code, moved.json()["content_set"]) == (200, night.pk)
        assert refused.json()["errors"] == {"content_set": ["There is no such content set."]}
