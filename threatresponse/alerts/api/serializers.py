"""How alerts look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from threatresponse.alerts.models import Alert
from threatresponse.alerts.services import MOST_AT_ONCE


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert with its evidence. Text in it is an endpoint's word: escape it when you show it."""

    endpoint_name = serializers.CharField(source="endpoint.host_name", read_only=True)

    class Meta:
        model = Alert
        fields = (
            "id",
            "endpoint",
            "endpoint_name",
            "intel",
            "intel_name",
            "intel_revision",
            "techniques",
            "state",
            "happened_at",
            "received_at",
            "process_path",
            "user_name",
            "matched",
            "event",
        )
        read_only_fields = fields


class StateSerializer(serializers.Serializer[Any]):
    """The state that an alert is to have."""

    state = serializers.ChoiceField(Alert.State.choices)


class BulkStateSerializer(StateSerializer):
    """The state that several alerts are to have."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=MOST_AT_ONCE
    )


class ChangedSerializer(serializers.Serializer[Any]):
    """How many alerts had another state."""

    changed = serializers.IntegerField()
