"""How answers look in the API: merged rows, rows of endpoints, who did not answer, what changed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.questions.api.question_serializers import ColumnSerializer
from console.questions.selectors import KINDS

VALUES_HELP = "Texts, one for each column. An endpoint's word: escape it when you show it."


def _values() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), help_text=VALUES_HELP)


class GridRowSerializer(serializers.Serializer[Any]):
    """One merged row, and how often it was given."""

    id = serializers.IntegerField()
    values = _values()
    count = serializers.IntegerField()


class WindowSerializer(serializers.Serializer[Any]):
    """Some rows of the grid, and how many there are in all."""

    columns = ColumnSerializer(many=True)
    offset = serializers.IntegerField()
    total = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    rows = GridRowSerializer(many=True)


class EndpointRowSerializer(serializers.Serializer[Any]):
    """One row of one endpoint."""

    endpoint = serializers.UUIDField(source="endpoint_id")
    host_name = serializers.CharField()
    values = _values()
    count = serializers.IntegerField()


class GivenBySerializer(serializers.Serializer[Any]):
    """An endpoint that gave a row, and how often."""

    endpoint = serializers.UUIDField(source="endpoint_id")
    host_name = serializers.CharField()
    count = serializers.IntegerField()


class UnansweredSerializer(serializers.Serializer[Any]):
    """An endpoint without an answer, or with a part of one (`partial`), and why."""

    endpoint = serializers.UUIDField(source="endpoint_id")
    host_name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    reason = serializers.CharField()
    since = serializers.DateTimeField(
        allow_null=True, help_text="When the endpoint was last heard, where that matters."
    )
    rows_left_out = serializers.IntegerField(help_text="How many rows its answer did not hold.")


class _PageSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True, help_text="The address of the next page.")


class EndpointRowPageSerializer(_PageSerializer):
    """A page of rows by host name."""

    columns = ColumnSerializer(many=True)
    results = EndpointRowSerializer(many=True)


class GivenByPageSerializer(_PageSerializer):
    """A page of endpoints by host name."""

    results = GivenBySerializer(many=True)


class UnansweredPageSerializer(_PageSerializer):
    """A page of endpoints by host name."""

    results = UnansweredSerializer(many=True)


class ComparisonWantedSerializer(serializers.Serializer[Any]):
    """With which question one is compared; without it, with the one before of the same saved."""

    with_question = serializers.UUIDField(required=False)
    offset = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**40)
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=1000)

    def get_fields(self) -> dict[str, Any]:
        """Call it `with`, which no attribute can be called."""
        fields = super().get_fields()
        wanted = fields.pop("with_question")
        return {"with": wanted, **fields}


class RowChangeSerializer(serializers.Serializer[Any]):
    """One row, and how often it was given before and after."""

    kind = serializers.ChoiceField(("appeared", "vanished", "count-changed"))
    values = _values()
    before = serializers.IntegerField()
    after = serializers.IntegerField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """What changed between two answers of endpoints that answered both."""

    earlier = serializers.UUIDField(source="earlier.pk")
    later = serializers.UUIDField(source="later.pk")
    compared_endpoints = serializers.IntegerField()
    total = serializers.IntegerField()
    rows = RowChangeSerializer(many=True)
