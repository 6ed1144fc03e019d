"""How live sessions look in the API, and what a client may send."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from directconnect.models import Session
from directconnect.searches import MOST_ROWS
from directconnect.tab_messages import LONGEST_EXPRESSION
from protocol.events import KINDS


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A live session, without its ticket."""

    endpoint_name = serializers.CharField(source="endpoint.host_name", read_only=True)
    opened_by_name = serializers.CharField(source="opened_by.username", read_only=True)

    class Meta:
        model = Session
        fields = (
            "id",
            "endpoint",
            "endpoint_name",
            "opened_by_name",
            "state",
            "requested_at",
            "connected_at",
            "last_message_at",
            "closed_at",
            "close_reason",
        )
        read_only_fields = fields


class OpenSerializer(serializers.Serializer[Any]):
    """The endpoint to look at."""

    endpoint = serializers.UUIDField()


class PageWantedSerializer(serializers.Serializer[Any]):
    """Which events: `search` in the Signal language (empty: all), newest first."""

    search = serializers.CharField(
        max_length=LONGEST_EXPRESSION,
        default="",
        required=False,
        allow_blank=True,
        trim_whitespace=False,
    )
    kind = serializers.ListField(
        child=serializers.ChoiceField(KINDS),
        default=list,
        required=False,
        help_text="Only events of these kinds; may be repeated. None: all.",
    )
    offset = serializers.IntegerField(min_value=0, max_value=2**53, default=0, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_ROWS, default=100, required=False)


class EventPageSerializer(serializers.Serializer[Any]):
    """How many events match, whether all stored ones were searched, and a page of them."""

    total = serializers.IntegerField()
    complete = serializers.BooleanField()
    results = serializers.ListField(child=serializers.DictField())
