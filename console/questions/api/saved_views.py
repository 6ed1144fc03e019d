"""Saved questions over REST."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.access.content import may_use, usable_content_sets
from console.access.models import User
from console.core.api.views import ResourceViewSet
from console.core.exceptions import InvalidInput
from console.questions.api.base import checked, place_in_text, user_of
from console.questions.api.question_serializers import (
    ListedQuestionSerializer,
    QuestionSerializer,
    group_ids_field,
    lifetime_field,
)
from console.questions.api.worded import groups_to_ask, groups_with_ids
from console.questions.exceptions import QuestionUnreadable
from console.questions.models import SavedQuestion
from console.questions.saved import (
    LONGEST_INTERVAL,
    SHORTEST_INTERVAL,
    WRITE,
    SavedFields,
    ask_saved_question,
    change_saved_question,
    delete_saved_question,
    save_question,
    saved_questions_for,
)
from console.questions.selectors import visible_questions
from console.questions.services import ASK, DEFAULT_LIFETIME
from console.questions.standings import standings_of
from console.questions.wording import LONGEST_TEXT

VIEW: Final = "questions.view_savedquestion"
EXAMPLE = OpenApiExample(
    "Every hour",
    value={
        "name": "Who listens",
        "text": "Get Listening Ports from all machines",
        "content_set": 3,
        "interval": 3600,
    },
    request_only=True,
)


class SavedQuestionSerializer(serializers.ModelSerializer[SavedQuestion]):
    """A saved question. Of its groups only those are shown in which one may ask."""

    content_set_name = serializers.CharField(source="content_set.name", read_only=True)
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    groups = serializers.SerializerMethodField()
    may_change = serializers.SerializerMethodField()

    class Meta:
        model = SavedQuestion
        fields = (
            "id",
            "name",
            "description",
            "text",
            "content_set",
            "content_set_name",
            "groups",
            "owner",
            "created_at",
            "changed_at",
            "lifetime",
            "interval",
            "next_at",
            "may_change",
        )
        read_only_fields = fields

    def get_groups(self, saved: SavedQuestion) -> list[int]:
        """List the ids of its computer groups."""
        known = self.context["groups"]
        return [group.pk for group in saved.groups.all() if group.pk in known]

    def get_may_change(self, saved: SavedQuestion) -> bool:
        """Tell whether the user may change and delete it."""
        return may_use(self.context["user"], WRITE, saved.content_set_id)


class SavedFieldsSerializer(serializers.Serializer[Any]):
    """What a saved question consists of. Without `interval` it is asked by hand only."""

    name = serializers.CharField(max_length=255)
    text = serializers.CharField(max_length=LONGEST_TEXT)
    content_set = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of a content set."
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    groups = group_ids_field(required=False)
    lifetime = lifetime_field(required=False)
    interval = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=int(SHORTEST_INTERVAL.total_seconds()),
        max_value=int(LONGEST_INTERVAL.total_seconds()),
        help_text="It is asked every so many seconds, with the rights of its owner.",
    )


class SavedQuestionFilterSet(filters.FilterSet):
    """`search` looks into name, description and text."""

    search = filters.CharFilter(method="narrow_to_text", max_length=1000)
    content_set = filters.NumberFilter(
        field_name="content_set_id", min_value=1, max_value=2**63 - 1
    )
    scheduled = filters.BooleanFilter(field_name="interval", lookup_expr="isnull", exclude=True)

    class Meta:
        model = SavedQuestion
        fields: tuple[str, ...] = ()

    def narrow_to_text(self, saved: Any, _name: str, value: str) -> Any:
        """Keep those that hold this text."""
        return (
            saved.filter(name__icontains=value)
            | saved.filter(description__icontains=value)
            | saved.filter(text__icontains=value)
        )


class SavedQuestionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Questions kept in content sets, asked again by hand or by the clock."""

    queryset = SavedQuestion.objects.none()
    serializer_class = SavedQuestionSerializer
    filterset_class = SavedQuestionFilterSet
    lookup_value_converter = "int"
    page_order = ("name",)
    required_permissions: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("list", "retrieve", "history"), VIEW),
        # Which ones, their content set decides.
        **dict.fromkeys(("create", "partial_update", "destroy"), VIEW),
        "ask": ASK,
    }

    def get_queryset(self) -> Any:
        """Return those of the content sets that the user may read."""
        if not isinstance(self.request.user, User):
            return SavedQuestion.objects.none()
        saved = saved_questions_for(self.request.user)
        return saved.select_related("content_set", "owner").prefetch_related("groups")

    def get_serializer_context(self) -> dict[str, Any]:
        """Add who asks, and where they may."""
        context = dict(super().get_serializer_context())
        user = self.request.user if self.request is not None else None
        if isinstance(user, User):
            context["user"] = user
            context["groups"] = set(groups_to_ask(user).values_list("pk", flat=True))
        return context

    @extend_schema(
        request=SavedFieldsSerializer, responses={201: SavedQuestionSerializer}, examples=[EXAMPLE]
    )
    def create(self, request: Request) -> Response:
        """Keep a question."""
        sent = checked(SavedFieldsSerializer(data=request.data))
        saved = save_question(
            self._fields(sent), user=user_of(self), actor=self.actor(), now=timezone.now()
        )
        return self._answer(saved, status.HTTP_201_CREATED)

    @extend_schema(request=SavedFieldsSerializer, responses=SavedQuestionSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change it; what is left out stays. Whoever does becomes the owner."""
        saved: SavedQuestion = self.get_object()
        sent = checked(SavedFieldsSerializer(data=request.data, partial=True))
        changed = change_saved_question(
            saved,
            self._fields(sent, saved),
            user=user_of(self),
            actor=self.actor(),
            now=timezone.now(),
        )
        return self._answer(changed)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete it; what was asked and answered stays."""
        delete_saved_question(
            self.get_object(), user=user_of(self), actor=self.actor(), now=timezone.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: QuestionSerializer})
    @action(detail=True, methods=["post"])
    def ask(self, request: Request, pk: int) -> Response:
        """Ask it now, with one's own rights."""
        user = user_of(self)
        question = ask_saved_question(
            self.get_object(), user=user, actor=self.actor(), now=timezone.now()
        )
        shown = QuestionSerializer(question, context={"user": user}).data
        return Response(shown, status=status.HTTP_201_CREATED)

    @extend_schema(responses=ListedQuestionSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def history(self, request: Request, pk: int) -> Response:
        """List when it was asked, the newest first; by cursor."""
        self.page_order = ("-sequence",)
        user = user_of(self)
        asked = visible_questions(user).filter(saved=self.get_object())
        asked = asked.select_related("asked_by").prefetch_related("groups")
        page: list[Any] = list(self.paginate_queryset(asked.defer("request", "envelope")) or ())
        standings = standings_of(user, page)
        for question in page:
            question.standing = standings[question.pk]
        listed = ListedQuestionSerializer(page, many=True, context={"user": user})
        return self.get_paginated_response(listed.data)

    def handle_exception(self, exc: Exception) -> Response:
        """Add the place in the text to the problem of what is no question."""
        response = super().handle_exception(exc)
        if isinstance(exc, QuestionUnreadable) and isinstance(response.data, dict):
            response.data.update(place_in_text(exc))
        return response

    def _fields(self, sent: Mapping[str, Any], saved: SavedQuestion | None = None) -> SavedFields:
        user = user_of(self)
        named = {**(_stored(saved) if saved else _DEFAULTS), **sent}
        content_set = usable_content_sets(user).filter(pk=named["content_set"]).first()
        if content_set is None:
            unknown = "There is no such content set."
            raise InvalidInput(unknown, errors={"content_set": [unknown]})
        interval = named["interval"]
        if "groups" in sent:
            named["groups"] = groups_with_ids(user, sent["groups"])
        return SavedFields(
            name=named["name"],
            text=named["text"],
            description=named["description"],
            content_set=content_set,
            groups=named["groups"],
            lifetime=timedelta(seconds=named["lifetime"]),
            interval=None if interval is None else timedelta(seconds=interval),
        )

    def _answer(self, saved: SavedQuestion, code: int = status.HTTP_200_OK) -> Response:
        shown = SavedQuestionSerializer(saved, context=self.get_serializer_context()).data
        return Response(shown, status=code)


_DEFAULTS: Final[Mapping[str, Any]] = {
    "description": "",
    "groups": (),
    "lifetime": int(DEFAULT_LIFETIME.total_seconds()),
    "interval": None,
}


def _stored(saved: SavedQuestion) -> dict[str, Any]:
    return {
        "name": saved.name,
        "text": saved.text,
        "description": saved.description,
        "content_set": saved.content_set_id,
        "groups": tuple(saved.groups.all()),
        "lifetime": saved.lifetime,
        "interval": saved.interval,
    }
