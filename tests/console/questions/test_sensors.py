"""Users' own sensors are signed when saved, and what was not is never sent."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from console.access.models import ContentSet, User
from console.audit.models import AuditEvent
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.questions.catalogue import definitions_for, sync_built_in
from console.questions.exceptions import (
    NobodyToAsk,
    QuestionUnreadable,
    ScriptNotOurs,
    SensorInUse,
    SensorRefused,
)
from console.questions.models import Question, Sensor, SensorVersion
from console.questions.sensors import (
    SensorFields,
    change_sensor,
    create_sensor,
    own_sensors_for,
    retire_sensor,
    try_sensor,
)
from protocol import codec
from protocol.instructions import AskQuestion
from sensors.catalogue import BUILT_IN
from sensors.definitions import Column, Parameter, ValueType
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

TEXT = "Get Quirky Room from all machines"


@pytest.fixture(autouse=True)
def _console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    scene.prepare()


@pytest.fixture
def ada() -> User:
    return scene.administrator()


def fields(**changes: Any) -> SensorFields:
    return SensorFields(
        **{
            "name": "Quirky Room",
            "language": "shell",
            "script": "df --output=target,avail | tail -n +2 | tr -s ' ' '|'",
            "columns": [Column("Mount"), Column("Free", ValueType.BYTES)],
            "content_set": ContentSet.objects.get(name="Default"),
            **changes,
        }
    )


def created(user: User, **changes: Any) -> Sensor:
    return create_sensor(fields(**changes), user=user, actor=Actor("ada"), now=scene.NOW)


def sent(question: Question) -> AskQuestion:
    instruction = codec.INSTRUCTION.decode(bytes(question.request))
    assert isinstance(instruction, AskQuestion)
    return instruction


class TestCreateSensor:
    def test_lets_questions_name_it_and_sends_its_script(self, ada: User) -> None:
        scene.endpoints(1)
        sensor = created(ada)

        question = scene.asked(ada, TEXT)

        [selection] = sent(question).selections
        script = selection.call.script
        assert selection.call.key == sensor.key
        assert script is not None
        assert (script.language, script.columns) == ("shell", 2)
        assert script.column_names == ["Mount", "Free"]
        assert [column["type"] for column in question.columns] == ["text", "bytes"]
        assert AuditEvent.objects.filter(action="sensor.create").exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": ""},
            {"name": "line\nbreak"},
            {"language": "basic"},
            {"script": "  "},
            {"script": "a\0b"},
            {"script": "x" * 300_000},
            {"columns": []},
            {"columns": [Column("A"), Column("a")]},
            {"timeout": 0.0},
            {"timeout": 10_000.0},
            {"output_limit": 0},
            {"separator": ""},
            {"platforms": ["windows"]},
            {"parameters": [Parameter(key="Not A Key", title="x")]},
        ],
    )
    def test_refuses_what_cannot_work(self, ada: User, changes: dict[str, Any]) -> None:
        with pytest.raises(SensorRefused) as refusal:
            created(ada, **changes)

        assert refusal.value.errors

    @pytest.mark.parametrize("name", ["computer name", "Computer Name"])
    def test_refuses_the_name_of_another(self, ada: User, name: str) -> None:
        with pytest.raises(SensorInUse):
            created(ada, name=name)

    def test_needs_the_permission(self, ada: User) -> None:
        with pytest.raises(NotAllowed):
            created(scene.person("bob", content_sets=["Default"]))


class TestChangeSensor:
    def test_adds_a_version(self, ada: User) -> None:
        scene.endpoints(1)
        sensor = created(ada)

        changed = change_sensor(
            sensor, fields(script="echo '/|1'"), user=ada, actor=Actor("ada"), now=scene.NOW
        )

        assert [each.number for each in changed.versions.all()] == [2, 1]
        script = sent(scene.asked(ada, TEXT)).selections[0].call.script
        assert script is not None
        assert script.text == "echo '/|1'"

    def test_refuses_a_built_in_one(self, ada: User) -> None:
        built_in = Sensor.objects.get(key="computer.name")

        with pytest.raises(NotAllowed):
            change_sensor(built_in, fields(), user=ada, actor=Actor("ada"), now=scene.NOW)

    def test_retires_it_and_frees_its_name(self, ada: User) -> None:
        scene.endpoints(1)
        retire_sensor(created(ada), user=ada, actor=Actor("ada"), now=scene.NOW)

        with pytest.raises(QuestionUnreadable):
            scene.asked(ada, TEXT)
        assert not own_sensors_for(ada)
        assert created(ada).name == "Quirky Room"


class TestSignature:
    @pytest.mark.parametrize("field", ["script", "separator", "output_limit"])
    def test_of_a_version_that_was_changed_in_the_database_is_noticed(
        self, ada: User, field: str
    ) -> None:
        scene.endpoints(1)
        created(ada)
        value: Any = 7 if field == "output_limit" else "curl evil"
        SensorVersion.objects.update(**{field: str(value)[:8] if field == "separator" else value})

        with pytest.raises(ScriptNotOurs):
            scene.asked(ada, TEXT)

    def test_covers_language_columns_and_whose_script_it_is(self, ada: User) -> None:
        scene.endpoints(1)
        first = created(ada)
        second = created(ada, name="Other")
        SensorVersion.objects.filter(sensor=first).delete()
        SensorVersion.objects.filter(sensor=second).update(sensor=first)

        with pytest.raises(ScriptNotOurs):
            scene.asked(ada, TEXT)


class TestTrySensor:
    def test_runs_it_on_one_endpoint_without_saving(self, ada: User) -> None:
        first, _ = scene.endpoints(2)

        question = try_sensor(
            fields(), {}, endpoint_id=first, user=ada, actor=Actor("ada"), now=scene.NOW
        )

        assert (question.source, question.asked) == (Question.Source.TEST, 1)
        assert sent(question).selections[0].call.script is not None
        assert not Sensor.objects.exclude(language="").exists()

    def test_is_refused_on_an_endpoint_out_of_reach(self, ada: User) -> None:
        group = scene.group_named("Berlin")
        scene.endpoints(1, group=group)
        [outside] = scene.endpoints(1)
        bob = scene.person("bob", groups=[group], content_sets=["Default"])
        scene.grant_content(bob.groups.get(), "Default", "write_sensor")

        with pytest.raises(NobodyToAsk):
            try_sensor(
                fields(), {}, endpoint_id=outside, user=bob, actor=Actor("bob"), now=scene.NOW
            )


class TestCatalogue:
    def test_holds_every_built_in_sensor(self, ada: User) -> None:
        definitions = {each.key: each for each in definitions_for(ada)}

        assert definitions.keys() >= BUILT_IN.keys()
        assert definitions["computer.name"] == BUILT_IN["computer.name"]

    def test_shows_only_the_content_sets_of_ones_roles(self) -> None:
        bob = scene.person("bob", content_sets=["Base"])

        assert {each.content_set for each in definitions_for(bob)} <= {"Base"}

    def test_retires_what_is_gone_and_brings_it_back(self) -> None:
        Sensor.objects.filter(key="computer.name").update(retired_at=scene.NOW, category="Old")
        gone = Sensor.objects.create(
            key="gone", name="Gone", content_set=ContentSet.objects.get(name="Base"), cost="light"
        )

        sync_built_in(now=scene.NOW)

        gone.refresh_from_db()
        assert gone.retired_at == scene.NOW
        back = Sensor.objects.get(key="computer.name")
        assert (back.retired_at, back.category) == (None, "Computer")

    def test_leaves_a_sensor_where_somebody_moved_it(self) -> None:
        moved = Sensor.objects.get(key="computer.name")
        Sensor.objects.filter(pk=moved.pk).update(
            content_set=ContentSet.objects.get(name="Default")
        )

        sync_built_in(now=scene.NOW)

        assert Sensor.objects.get(pk=moved.pk).content_set.name == "Default"

    def test_makes_room_for_a_new_built_in_name(self, ada: User) -> None:
        own = created(ada, name="Something Else")
        Sensor.objects.filter(key="computer.name").delete()
        Sensor.objects.filter(pk=own.pk).update(name="computer name")

        sync_built_in(now=scene.NOW)

        own.refresh_from_db()
        assert own.name == "computer name (own)"
