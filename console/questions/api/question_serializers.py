"""How questions and their progress look in the API, and how one is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.questions.grid import columns_of
from console.questions.models import Question
from console.questions.narrowing import groups_seen
from console.questions.services import DEFAULT_LIFETIME, LONGEST_LIFETIME, SHORTEST_LIFETIME
from console.questions.wording import LONGEST_TEXT

FORM_HELP = (
    'The JSON form of a question, `{"selections": [{"sensor": "Running Processes", "parameters": '
    '{}, "only": null}], "filter": null, "group": null}`, in the place of `text`.'
)


def lifetime_field(**options: Any) -> serializers.IntegerField:
    """Make the field of how long a question stays open, in seconds."""
    return serializers.IntegerField(
        min_value=int(SHORTEST_LIFETIME / timedelta(seconds=1)),
        max_value=int(LONGEST_LIFETIME / timedelta(seconds=1)),
        help_text="For how many seconds endpoints that come online later are asked, too.",
        **options,
    )


def group_ids_field(**options: Any) -> serializers.ListField:
    """Make the field of computer groups by their ids."""
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=1000,
        help_text="Ids of computer groups that you may ask; none: all of them.",
        **options,
    )


class WordedSerializer(serializers.Serializer[Any]):
    """A question in words, or in the form of the builder: one of both."""

    text = serializers.CharField(
        required=False, max_length=LONGEST_TEXT, trim_whitespace=False, allow_blank=True
    )
    question = serializers.JSONField(required=False, help_text=FORM_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for exactly one of both."""
        if ("text" in attrs) == ("question" in attrs):
            raise serializers.ValidationError("Send either text or question.")
        return attrs


class LikeSerializer(serializers.Serializer[Any]):
    """To whom a question goes: as another one, and of its endpoints only some."""

    question = serializers.UUIDField(
        help_text="Its computer groups, and its endpoints where those were chosen."
    )
    row = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="Only the endpoints that gave this row.",
    )
    group_by = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=1000),
        required=False,
        max_length=64,
        help_text="Columns by number: rows that are equal to `row` there count, too.",
    )
    unanswered = serializers.BooleanField(
        required=False, help_text="Only the endpoints that did not answer in full."
    )


class AskSerializer(WordedSerializer):
    """A question to ask; `saved` asks a saved one, and nothing else is sent beside it."""

    like = LikeSerializer(required=False)

    groups = group_ids_field(required=False)
    group_names = serializers.ListField(
        child=serializers.CharField(max_length=255),
        required=False,
        max_length=1000,
        help_text="Computer groups by name, in the place of their ids.",
    )
    lifetime = lifetime_field(required=False, default=int(DEFAULT_LIFETIME / timedelta(seconds=1)))
    saved = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="The id of a saved question."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A saved question brings its own words and groups."""
        if len({"like", "groups", "group_names"} & attrs.keys()) > 1:
            raise serializers.ValidationError("Send one of groups, group_names and like.")
        if "saved" not in attrs:
            return super().validate(attrs)
        if {"text", "question", "groups", "group_names", "like"} & attrs.keys():
            raise serializers.ValidationError("A saved question is asked as it is.")
        return attrs


class CompleteWantedSerializer(serializers.Serializer[Any]):
    """An unfinished text, and where the cursor stands in it, in characters."""

    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False, allow_blank=True)
    position = serializers.IntegerField(required=False, min_value=0, max_value=LONGEST_TEXT)


class QuestionChoiceSerializer(serializers.Serializer[Any]):
    """One way to go on."""

    text = serializers.CharField()
    kind = serializers.CharField()
    detail = serializers.CharField()


class QuestionCompletionSerializer(serializers.Serializer[Any]):
    """What may replace the text from `start` to `end`."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    choices = QuestionChoiceSerializer(many=True)


class ColumnSerializer(serializers.Serializer[Any]):
    """One column of an answer. Values are texts; `type` says what they mean."""

    index = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]  # how DRF declares a field
    name = serializers.CharField()
    sensor = serializers.CharField()
    type = serializers.CharField()


class CheckedSerializer(serializers.Serializer[Any]):
    """Whether it is a question: then its canonical text and columns, else where it fails and why.

    `line` and `column` count from 1, `length` is in characters; for the form, `path` leads there.
    """

    valid = serializers.BooleanField()
    text = serializers.CharField(required=False)
    question = serializers.JSONField(required=False)
    columns = ColumnSerializer(many=True, required=False)
    group = serializers.CharField(required=False, allow_null=True)
    reason = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False)
    column = serializers.IntegerField(required=False)
    length = serializers.IntegerField(required=False)
    path = serializers.CharField(required=False)
    expected = serializers.ListField(child=serializers.CharField(), required=False)


class GroupsSeenSerializer(serializers.Serializer[Any]):
    """The computer groups that a question is for; neither names nor others: all."""

    names = serializers.ListField(child=serializers.CharField())
    others = serializers.BooleanField(help_text="It is for groups out of your reach, too.")


class QuestionSerializer(serializers.ModelSerializer[Question]):
    """A question that was asked. How many endpoints answered stands in its `progress`.

    It takes `user` from its context: names of groups are shown to who reaches them.
    """

    asked_by = serializers.CharField(source="asked_by.username", default=None, allow_null=True)
    columns = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField()
    only_chosen = serializers.BooleanField(
        read_only=True, help_text="For endpoints that were chosen when it was asked; none joins."
    )

    class Meta:
        model = Question
        fields: tuple[str, ...] = (
            "id",
            "text",
            "columns",
            "source",
            "saved",
            "groups",
            "only_chosen",
            "asked_by",
            "asked_at",
            "expires_at",
            "ended_at",
            "cancelled_at",
            "cancelled_by",
        )
        read_only_fields = fields

    @extend_schema_field(ColumnSerializer(many=True))
    def get_columns(self, question: Question) -> Any:
        """List its columns."""
        return ColumnSerializer(columns_of(question), many=True).data

    @extend_schema_field(GroupsSeenSerializer)
    def get_groups(self, question: Question) -> Any:
        """Name the computer groups that it is for."""
        seen = groups_seen(self.context["user"], question.groups.all())
        return {"names": list(seen.names), "others": seen.others}


class ProgressSerializer(serializers.Serializer[Any]):
    """How far the endpoints in reach are; null where nobody can tell."""

    asked = serializers.IntegerField()
    answered = serializers.IntegerField()
    answered_in_part = serializers.IntegerField(
        help_text="Of those that answered: where a sensor failed, or rows were left out."
    )
    rows_left_out = serializers.IntegerField()
    not_matching = serializers.IntegerField()
    failed = serializers.IntegerField()
    expired = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    waiting = serializers.IntegerField()
    waiting_online = serializers.IntegerField(allow_null=True)
    waiting_offline = serializers.IntegerField(allow_null=True)
    is_open = serializers.BooleanField()


class StandingSerializer(serializers.Serializer[Any]):
    """How many endpoints in reach were asked, and what became of it."""

    asked = serializers.IntegerField()
    answered = serializers.IntegerField()
    not_matching = serializers.IntegerField()
    failed = serializers.IntegerField()
    open = serializers.IntegerField()


class ListedQuestionSerializer(QuestionSerializer):
    """One question of a list."""

    standing = StandingSerializer(read_only=True)

    class Meta(QuestionSerializer.Meta):
        fields = (*QuestionSerializer.Meta.fields, "standing")
        read_only_fields = fields


class QuestionDetailSerializer(QuestionSerializer):
    """One question with its progress and what one may do with it."""

    progress = ProgressSerializer(read_only=True)
    may_cancel = serializers.BooleanField(read_only=True)

    class Meta(QuestionSerializer.Meta):
        fields = (*QuestionSerializer.Meta.fields, "progress", "may_cancel")
        read_only_fields = fields
