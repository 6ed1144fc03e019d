"""How sensors look in the API, and how one of one's own is sent."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.access.content import may_use
from console.core.exceptions import InvalidInput
from console.questions.catalogue import definition_of
from console.questions.models import Sensor, SensorVersion
from console.questions.sensors import LARGEST_OUTPUT, LONGEST_SCRIPT, LONGEST_TIMEOUT, WRITE
from sensors.definitions import Column, Cost, Parameter, ParameterType, ValueType


class SensorColumnSerializer(serializers.Serializer[Any]):
    """One column of a sensor's rows."""

    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField([each.value for each in ValueType], default="text")


class SensorParameterSerializer(serializers.Serializer[Any]):
    """Something to fill in; without a default it must be given."""

    key = serializers.CharField(max_length=64)
    title = serializers.CharField(max_length=200)
    type = serializers.CharField(
        max_length=32, default="text", help_text=f"One of {', '.join(ParameterType)}."
    )
    default = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=4096, default=None
    )
    help = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    choices = serializers.ListField(
        child=serializers.CharField(max_length=1024), required=False, max_length=200
    )
    common_uses = serializers.ListField(
        child=serializers.CharField(max_length=1024), required=False, max_length=200
    )
    max_length = serializers.IntegerField(required=False, min_value=1, max_value=4096, default=1024)


class SensorSerializer(serializers.ModelSerializer[Sensor]):
    """What a question may name: columns, parameters, cost, platforms, and an example that works."""

    content_set_name = serializers.CharField(source="content_set.name", read_only=True)
    columns = serializers.SerializerMethodField()
    parameters = serializers.SerializerMethodField()
    may_change = serializers.SerializerMethodField()

    class Meta:
        model = Sensor
        fields = (
            "id",
            "key",
            "name",
            "aliases",
            "description",
            "category",
            "content_set",
            "content_set_name",
            "columns",
            "parameters",
            "platforms",
            "cost",
            "timeout",
            "example",
            "language",
            "may_change",
        )
        read_only_fields = fields

    @extend_schema_field(SensorColumnSerializer(many=True))
    def get_columns(self, sensor: Sensor) -> Any:
        """List the columns of its rows."""
        return msgspec.to_builtins(definition_of(sensor).columns)

    @extend_schema_field(SensorParameterSerializer(many=True))
    def get_parameters(self, sensor: Sensor) -> Any:
        """List what it asks for."""
        return msgspec.to_builtins(definition_of(sensor).parameters)

    def get_may_change(self, sensor: Sensor) -> bool:
        """Tell whether the user may save a new version of it."""
        user = self.context["request"].user
        return bool(sensor.language) and may_use(user, WRITE, sensor.content_set_id)


class OwnSensorSerializer(serializers.Serializer[Any]):
    """A sensor of one's own. Its script prints rows, cells between `separator`s."""

    name = serializers.CharField(max_length=200)
    language = serializers.ChoiceField(Sensor.Language.choices)
    script = serializers.CharField(
        max_length=LONGEST_SCRIPT, trim_whitespace=False, style={"base_template": "textarea.html"}
    )
    columns = SensorColumnSerializer(many=True)
    content_set = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of a content set."
    )
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, default=""
    )
    category = serializers.CharField(required=False, max_length=64, default="Own")
    parameters = SensorParameterSerializer(many=True, required=False)
    platforms = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, max_length=8
    )
    cost = serializers.ChoiceField(
        [Cost.INSTANT.value, Cost.LIGHT.value], required=False, default=Cost.LIGHT.value
    )
    example = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    separator = serializers.CharField(
        required=False, max_length=8, trim_whitespace=False, default="|"
    )
    timeout = serializers.FloatField(
        required=False, min_value=0.1, max_value=LONGEST_TIMEOUT, default=30.0
    )
    output_limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_OUTPUT, default=1024 * 1024
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")


class SensorPlaceSerializer(serializers.Serializer[Any]):
    """Where a sensor is to lie."""

    content_set = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of a content set."
    )


class SensorTrialSerializer(OwnSensorSerializer):
    """A sensor to be tried on one endpoint, without saving it."""

    endpoint = serializers.UUIDField()
    values = serializers.DictField(
        child=serializers.CharField(max_length=4096, allow_blank=True),
        required=False,
        help_text="Parameters by their keys.",
    )


class SensorVersionSerializer(serializers.ModelSerializer[SensorVersion]):
    """One version of a sensor of one's own."""

    saved_by = serializers.CharField(source="saved_by.username", default=None, allow_null=True)

    class Meta:
        model = SensorVersion
        fields = ("number", "script", "separator", "output_limit", "saved_at", "saved_by", "note")
        read_only_fields = fields


def columns_from(sent: list[dict[str, Any]]) -> list[Column]:
    """Read columns. Raises `InvalidInput`."""
    return [_converted(each, Column, "columns") for each in sent]


def parameters_from(sent: list[dict[str, Any]]) -> list[Parameter]:
    """Read parameters. Raises `InvalidInput`."""
    return [_converted(each, Parameter, "parameters") for each in sent]


def _converted(sent: dict[str, Any], kind: Any, field: str) -> Any:
    try:
        return msgspec.convert(sent, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput("The sensor cannot be read.", errors={field: [str(error)]}) from error
