"""Questions over REST: read, check, ask, follow, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.exceptions import NotAllowed, NotFound
from console.questions.api.base import QuestionResource, checked
from console.questions.api.question_serializers import (
    AskSerializer,
    CheckedSerializer,
    CompleteWantedSerializer,
    ListedQuestionSerializer,
    QuestionCompletionSerializer,
    QuestionDetailSerializer,
    WordedSerializer,
)
from console.questions.api.worded import Reader, groups_named, groups_to_ask, groups_with_ids
from console.questions.models import Question
from console.questions.narrowing import Narrowing, narrowed_terms
from console.questions.saved import ask_saved_question, saved_questions_for
from console.questions.selectors import may_cancel, progress, viewing_reach, visible_questions
from console.questions.services import Terms, ask, cancel
from console.questions.standings import standings_of
from sensors.language import complete

ASKING = OpenApiExample(
    "In words",
    value={"text": "Get Computer Name and IP Address from all machines", "lifetime": 600},
    request_only=True,
)
BUILT = OpenApiExample(
    "Built",
    value={
        "question": {
            "selections": [{"sensor": "Computer Name", "parameters": {}, "only": None}],
            "filter": {
                "sensor": "Is Linux",
                "parameters": {},
                "column": "",
                "operator": "is",
                "value": "True",
            },
            "group": None,
        }
    },
    request_only=True,
)
UNREADABLE = OpenApiExample(
    "Not a question",
    value={
        "valid": False,
        "reason": "“Computer Nam” is no sensor",
        "line": 1,
        "column": 5,
        "length": 12,
        "expected": ["Computer Name"],
    },
    response_only=True,
)


class QuestionFilterSet(filters.FilterSet):
    """`search` looks into the text; `open` leaves those that still wait, or those that do not."""

    search = filters.CharFilter(field_name="text", lookup_expr="icontains", max_length=1000)
    source = filters.MultipleChoiceFilter(choices=Question.Source.choices)
    saved = filters.NumberFilter(field_name="saved_id", min_value=1, max_value=2**63 - 1)
    mine = filters.BooleanFilter(method="narrow_to_mine")
    open = filters.BooleanFilter(field_name="ended_at", lookup_expr="isnull")

    class Meta:
        model = Question
        fields: tuple[str, ...] = ()

    def narrow_to_mine(
        self, questions: QuerySet[Question], _name: str, value: bool
    ) -> QuerySet[Question]:
        """Keep what the user asked, or what others did."""
        mine = {"asked_by": self.request.user.pk if self.request else None}
        return questions.filter(**mine) if value else questions.exclude(**mine)


class QuestionViewSet(QuestionResource):
    """Questions to endpoints: one's own, and with *Question Read* those of others.

    Whatever is shown or counted is of the endpoints in reach of one's roles.
    """

    queryset = Question.objects.none()
    serializer_class = ListedQuestionSerializer
    filterset_class = QuestionFilterSet
    page_order = ("-sequence",)
    asking_actions: ClassVar[frozenset[str]] = frozenset(
        {"create", "check_question", "complete_question", "cancel"}
    )
    cut_actions: ClassVar[frozenset[str]] = frozenset({"list"})

    def list(self, request: Request) -> Response:
        """List questions, the newest first."""
        visible = visible_questions(self.user()).defer("request", "envelope")
        found = self.filter_queryset(visible.select_related("asked_by").prefetch_related("groups"))
        page: list[Any] = list(self.paginate_queryset(found) or ())
        standings = standings_of(self.user(), page)
        for question in page:
            question.standing = standings[question.pk]
        listed = ListedQuestionSerializer(page, many=True, context={"user": self.user()})
        return self.get_paginated_response(listed.data)

    @extend_schema(
        request=AskSerializer,
        responses={201: QuestionDetailSerializer},
        examples=[ASKING, BUILT],
    )
    def create(self, request: Request) -> Response:
        """Ask. A text that is no question is answered with its line, column and length."""
        sent = checked(AskSerializer(data=request.data))
        user, now = self.user(), timezone.now()
        if "saved" in sent:
            saved = saved_questions_for(user).filter(pk=sent["saved"]).first()
            if saved is None:
                raise NotFound("There is no such saved question.")
            question = ask_saved_question(saved, user=user, actor=self.actor(), now=now)
        else:
            terms = Terms(
                lifetime=timedelta(seconds=sent["lifetime"]),
                groups=(
                    groups_named(user, sent["group_names"])
                    if "group_names" in sent
                    else groups_with_ids(user, sent.get("groups", ()))
                ),
            )
            if "like" in sent:
                terms = narrowed_terms(terms, Narrowing(**_chosen(sent["like"])), user=user)
            text = Reader.of(user).text_of(sent)
            question = ask(text, user=user, actor=self.actor(), now=now, terms=terms)
        return Response(self._detail(question), status=status.HTTP_201_CREATED)

    @extend_schema(responses=QuestionDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one question and how far its endpoints are."""
        return Response(self._detail(self.question(pk)))

    @extend_schema(
        request=WordedSerializer,
        responses=OpenApiResponse(CheckedSerializer, examples=[UNREADABLE]),
        examples=[ASKING, BUILT],
    )
    @action(detail=False, methods=["post"], url_path="check", pagination_class=None)
    def check_question(self, request: Request) -> Response:
        """Tell whether something is a question, what it would show, and if not where it fails."""
        sent = checked(WordedSerializer(data=request.data))
        return Response(Reader.of(self.user()).check(sent))

    @extend_schema(
        request=CompleteWantedSerializer,
        responses=QuestionCompletionSerializer,
        examples=[OpenApiExample("Unfinished", value={"text": "Get Comp", "position": 8})],
    )
    @action(detail=False, methods=["post"], url_path="complete", pagination_class=None)
    def complete_question(self, request: Request) -> Response:
        """List what may stand at the cursor of an unfinished question."""
        sent = checked(CompleteWantedSerializer(data=request.data))
        user = self.user()
        found = complete(
            sent["text"],
            sent.get("position", len(sent["text"])),
            Reader.of(user).index,
            groups=groups_to_ask(user).values_list("name", flat=True),
        )
        return Response(msgspec.to_builtins(found))

    @extend_schema(request=None, responses=QuestionDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """End a question before its time: whoever asked it, or an administrator."""
        question = self.question(pk)
        if not may_cancel(self.user(), question):
            raise NotAllowed("Only whoever asked a question can cancel it.")
        cancel(question, actor=self.actor(), now=timezone.now())
        question.refresh_from_db()
        return Response(self._detail(question))

    def _detail(self, question: Question) -> Mapping[str, Any]:
        shown: Any = question
        reach = viewing_reach(self.user(), question)
        shown.progress = asdict(progress(question, reach, now=timezone.now()))
        shown.may_cancel = may_cancel(self.user(), question)
        return QuestionDetailSerializer(shown, context={"user": self.user()}).data


def _chosen(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {**sent, "group_by": tuple(sent.get("group_by", ()))}
