"""A draft of the editor becomes a sensor, or each refusal names its field."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from console.access.models import User
from console.questions.exceptions import SensorRefused
from console.questions.models import Sensor
from console.questions.sensor_forms import (
    SensorDraft,
    SensorTrial,
    draft_of,
    fill_trial,
    read_draft,
)
from tests.console.questions import scene
from tests.console.questions.sensor_drafts import draft, own_sensor

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return scene.administrator()


def drafted(**changes: Any) -> SensorDraft:
    return msgspec.convert(draft(**changes), SensorDraft)


def parameter(**changes: Any) -> dict[str, Any]:
    return {"key": "least", "title": "Least", "type": "integer", "default": "1", **changes}


class TestReadDraft:
    def test_gives_what_the_services_save(self, ada: User) -> None:
        fields = read_draft(
            drafted(name=" Quirky Room ", parameters=[parameter(help=" In bytes. ")]), user=ada
        )

        assert (fields.timeout, fields.output_limit, fields.note) == (30.0, 1024, "First")
        assert [column.name for column in fields.columns] == ["Mount", "Free"]
        assert fields.parameters[0].help == "In bytes."

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "line\nbreak"}, "name"),
            ({"category": ""}, "category"),
            ({"category": "x" * 65}, "category"),
            ({"description": "x" * 10_001}, "description"),
            ({"content_set": None}, "content_set"),
            ({"content_set": 10**12}, "content_set"),
            ({"script": " \n"}, "script"),
            ({"separator": ""}, "separator"),
            ({"separator": "\n"}, "separator"),
            ({"platforms": []}, "platforms"),
            ({"cost": "heavy"}, "cost"),
            ({"timeout": None}, "timeout"),
            ({"output_limit": None}, "output_limit"),
            ({"columns": []}, "columns"),
            ({"columns": [{"name": "A"}, {"name": " "}]}, "columns.1.name"),
            ({"columns": [{"name": "A"}, {"name": " a"}]}, "columns.1.name"),
            ({"columns": [{"name": "a\tb"}]}, "columns.0.name"),
            ({"parameters": [parameter(key="Not A Key")]}, "parameters.0.key"),
            ({"parameters": [parameter(key="é")]}, "parameters.0.key"),
            ({"parameters": [parameter(title="")]}, "parameters.0.title"),
            ({"parameters": [parameter(default="many")]}, "parameters.0.default"),
            ({"parameters": [parameter(type="choice")]}, "parameters.0.choices"),
            (
                {"parameters": [parameter(type="regular-expression", default="(")]},
                "parameters.0.default",
            ),
            ({"parameters": [parameter()] * 33}, "parameters"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, ada: User, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(SensorRefused) as refusal:
            read_draft(drafted(**changes), user=ada)

        assert refusal.value.errors[field]

    def test_refuses_two_parameters_that_arrive_in_one_variable(self, ada: User) -> None:
        alike = [parameter(key="a-b", title="A"), parameter(key="a_b", title="B")]

        with pytest.raises(SensorRefused) as refusal:
            read_draft(drafted(parameters=alike), user=ada)

        assert "VEDETTE_A_B" in refusal.value.errors["parameters.1.key"][0]

    def test_leaves_gaps_in_the_example_for_what_must_be_given(self, ada: User) -> None:
        needed = parameter(default=None)

        fields = read_draft(drafted(parameters=[needed]), user=ada)

        assert fields.example == 'Get Quirky Room[least="…"] from all machines'
        assert read_draft(drafted(), user=ada).example == ""

    def test_offers_no_content_set_that_the_user_may_only_read(self) -> None:
        bob = scene.person("bob", content_sets=["Default"])

        with pytest.raises(SensorRefused) as refusal:
            read_draft(drafted(), user=bob)

        assert set(refusal.value.errors) == {"content_set"}

    def test_keeps_choices_only_where_they_are_chosen_from(self, ada: User) -> None:
        given = parameter(type="text", default="", choices=["a"])

        assert read_draft(drafted(parameters=[given]), user=ada).parameters[0].choices == ()


class TestFillTrial:
    def filled(self, ada: User, given: dict[str, str], *parameters: dict[str, Any]) -> Any:
        trial = SensorTrial(draft=drafted(parameters=list(parameters)), parameters=given)
        return fill_trial(trial, read_draft(trial.draft, user=ada))

    def test_gives_every_parameter_in_its_order(self, ada: User) -> None:
        first, second = parameter(key="first", title="F"), parameter(key="second", title="S")

        assert list(self.filled(ada, {"second": "2"}, first, second).items()) == [
            ("first", "1"),
            ("second", "2"),
        ]

    def test_forgets_what_was_filled_in_for_a_parameter_that_is_gone(self, ada: User) -> None:
        assert self.filled(ada, {"gone": "2"}) == {}

    @pytest.mark.parametrize(
        ("given", "default"), [({"least": "many"}, "1"), ({}, None)], ids=["unfit", "missing"]
    )
    def test_names_the_parameter_that_is_wrong(
        self, ada: User, given: dict[str, str], default: str | None
    ) -> None:
        with pytest.raises(SensorRefused) as refusal:
            self.filled(ada, given, parameter(default=default))

        assert set(refusal.value.errors) == {"values.least"}


class TestDraftOf:
    def test_begins_where_a_sensor_is(self, ada: User) -> None:
        scene.prepare()
        sensor = own_sensor(ada, separator=";", timeout=5.0)

        begun = draft_of(sensor, sensor.versions.first())

        fields = read_draft(begun, user=ada)
        assert (fields.script, fields.separator, fields.timeout) == ("df", ";", 5.0)
        assert fields.parameters[0].help == "In bytes."

    def test_leaves_the_script_of_a_built_in_one_to_be_written(self) -> None:
        begun = draft_of(Sensor.objects.get(key="computer.name"), None)

        assert (begun.script, begun.columns[0].name) == ("", "Computer Name")
