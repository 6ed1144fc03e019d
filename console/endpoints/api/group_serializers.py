"""How computer groups and labels look in the API, and what a client may send."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from console.endpoints.groups import LONGEST_RULE
from console.endpoints.labels import COLOURS
from console.endpoints.models import ComputerGroup, Label

# Endpoints that one request may name.
MOST_AT_ONCE: Final = 10_000


class GroupSerializer(serializers.ModelSerializer[ComputerGroup]):
    """One computer group. `members` counts those in reach.

    While `evaluated_at` is null, they are being found.
    """

    members = serializers.IntegerField(source="reached_count", read_only=True)
    roles = serializers.SerializerMethodField()

    class Meta:
        model = ComputerGroup
        fields = (
            "id",
            "name",
            "kind",
            "description",
            "rule",
            "members",
            "roles",
            "evaluated_at",
            "created_at",
        )
        read_only_fields = fields

    def get_roles(self, group: ComputerGroup) -> list[str]:
        """Name the roles that reach it, as far as the user may know them."""
        roles: dict[int, list[str]] = self.context.get("roles", {})
        return roles.get(group.pk, [])


class GroupDraftSerializer(serializers.Serializer[Any]):
    """What a group is to be. A filter group has a rule, a manual one the ids of its members."""

    name = serializers.CharField(max_length=128)
    kind = serializers.ChoiceField(
        [ComputerGroup.Kind.FILTER, ComputerGroup.Kind.MANUAL], default=ComputerGroup.Kind.FILTER
    )
    description = serializers.CharField(default="", allow_blank=True, max_length=4096)
    rule = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_RULE)
    members = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=MOST_AT_ONCE
    )


class RuleSerializer(serializers.Serializer[Any]):
    """A rule to try: its text, or the form in which it was clicked together."""

    rule = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_RULE)
    form = serializers.JSONField(required=False, allow_null=True, default=None)
    group = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="The group whose rule it would be."
    )


class MemberSerializer(serializers.Serializer[Any]):
    """One endpoint of a group."""

    id = serializers.UUIDField()
    host_name = serializers.CharField()


class TrialSerializer(serializers.Serializer[Any]):
    """A rule in both forms, how many endpoints it is true of, and the first of them by name."""

    rule = serializers.CharField()
    form = serializers.JSONField()
    count = serializers.IntegerField()
    members = MemberSerializer(many=True)


class PositionSerializer(serializers.Serializer[Any]):
    """An unfinished rule, and where the cursor stands in it."""

    rule = serializers.CharField(allow_blank=True, max_length=LONGEST_RULE, trim_whitespace=False)
    position = serializers.IntegerField(min_value=0)


class ChoiceSerializer(serializers.Serializer[Any]):
    """One way to go on."""

    text = serializers.CharField()
    kind = serializers.CharField()
    detail = serializers.CharField()


class CompletionSerializer(serializers.Serializer[Any]):
    """What may stand between `start` and `end`."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    choices = ChoiceSerializer(many=True)


class ReasonSerializer(serializers.Serializer[Any]):
    """One part of a rule. `holds` is null where the endpoint never told what is asked.

    `found` stays empty where `is_withheld`: the sensor is in a content set that you may not read.
    """

    kind = serializers.ChoiceField(["all", "any", "not", "compare", "sentence"])
    text = serializers.CharField()
    holds = serializers.BooleanField(allow_null=True)
    found = serializers.ListField(child=serializers.CharField())
    more = serializers.IntegerField()
    is_withheld = serializers.BooleanField()
    parts = serializers.ListField(child=serializers.DictField())


class ExplainWantedSerializer(serializers.Serializer[Any]):
    """The endpoint about which is asked."""

    endpoint = serializers.UUIDField()


class LabelSerializer(serializers.ModelSerializer[Label]):
    """One label. `endpoints` counts those in reach."""

    endpoints = serializers.IntegerField(source="endpoint_count", read_only=True)

    class Meta:
        model = Label
        fields = ("id", "name", "colour", "endpoints")
        read_only_fields = fields


class LabelDraftSerializer(serializers.Serializer[Any]):
    """What a label is to be."""

    name = serializers.CharField(max_length=64)
    colour = serializers.ChoiceField(COLOURS, default="")


class PlacementSerializer(serializers.Serializer[Any]):
    """On which endpoints labels are put, and taken off; labels by name."""

    endpoints = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=MOST_AT_ONCE
    )
    put = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    take = serializers.ListField(child=serializers.CharField(max_length=64), default=list)


class ChangedSerializer(serializers.Serializer[Any]):
    """How many endpoints had it otherwise."""

    changed = serializers.IntegerField()
