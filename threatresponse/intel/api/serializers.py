"""How intel documents look in the API, and what a client may send."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from threatresponse.intel.definitions import LONGEST_DEFINITION, LONGEST_DESCRIPTION, LONGEST_NAME
from threatresponse.intel.models import IntelDocument


class IntelSerializer(serializers.ModelSerializer[IntelDocument]):
    """An intel document."""

    class Meta:
        model = IntelDocument
        fields = (
            "id",
            "type",
            "name",
            "description",
            "platforms",
            "techniques",
            "definition",
            "revision",
            "created_at",
            "created_by_name",
            "changed_at",
            "changed_by_name",
            "is_deployed",
            "deployed_revision",
            "deployed_at",
        )
        read_only_fields = fields


class DefinitionSerializer(serializers.Serializer[Any]):
    """A rule's text and where it is meant to run, as an editor checks it."""

    definition = serializers.CharField(
        max_length=LONGEST_DEFINITION, trim_whitespace=False, allow_blank=True
    )
    platforms = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, max_length=16
    )


class SignalSerializer(serializers.Serializer[Any]):
    """What an author sends. What is missing in a change stays as it is."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    type = serializers.ChoiceField(IntelDocument.Type.choices, default=IntelDocument.Type.SIGNAL)
    platforms = serializers.ListField(child=serializers.CharField(max_length=16), max_length=16)
    definition = serializers.CharField(max_length=LONGEST_DEFINITION, trim_whitespace=False)
    techniques = serializers.ListField(
        child=serializers.CharField(max_length=32), required=False, max_length=256
    )
    description = serializers.CharField(
        max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True, trim_whitespace=False
    )


class VerdictSerializer(serializers.Serializer[Any]):
    """Whether a text is a usable rule, and how endpoints evaluate it; if not, where and why."""

    valid = serializers.BooleanField()
    terms = serializers.IntegerField(required=False)
    term_limit = serializers.IntegerField(required=False)
    kinds = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="The kinds of event that it is evaluated on.",
    )
    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Where it can never match, because nothing records what it asks for.",
    )
    line = serializers.IntegerField(required=False)
    column = serializers.IntegerField(required=False)
    reason = serializers.CharField(required=False)
    expected = serializers.ListField(child=serializers.CharField(), required=False)
