"""Answers over REST: by windows, by endpoint, who did not answer and why, what changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.exceptions import InvalidInput, NotFound
from console.questions import selectors
from console.questions.api.answer_parameters import (
    PageWantedSerializer,
    RowsWantedSerializer,
    as_cursor,
    next_address,
    place_of,
    read_rows_wanted,
)
from console.questions.api.answer_serializers import (
    ComparisonSerializer,
    ComparisonWantedSerializer,
    EndpointRowPageSerializer,
    GivenByPageSerializer,
    UnansweredPageSerializer,
    WindowSerializer,
)
from console.questions.api.base import QuestionResource, checked
from console.questions.comparison import compare
from console.questions.drill_down import (
    cursor_of,
    endpoints_of_row,
    row_cursor_of,
    rows_by_endpoint,
)
from console.questions.grid import columns_of, window
from console.questions.models import Question
from console.questions.selectors import unanswered, viewing_reach
from console.questions.standings import comparable_with, comparing_reach

WINDOW = OpenApiExample(
    "Two rows",
    value={
        "columns": [
            {
                "index": 0,
                "label": "Computer Name",
                "name": "Computer Name",
                "sensor": "Computer Name",
                "type": "text",
            }
        ],
        "offset": 0,
        "total": 2,
        "next": None,
        "rows": [
            {"id": 7, "values": ["web-1"], "count": 1},
            {"id": 8, "values": ["web-2"], "count": 1},
        ],
    },
    response_only=True,
)


class AnswerViewSet(QuestionResource):
    """The answers of the endpoints in reach to one question."""

    queryset = Question.objects.none()
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[RowsWantedSerializer],
        responses=OpenApiResponse(WindowSerializer, examples=[WINDOW]),
    )
    def rows(self, request: Request, pk: UUID) -> Response:
        """Show some merged rows, each with how often it was given.

        Go on with `next`, or with any `offset`. While answers arrive, rows may move.
        """
        question = self.question(pk)
        sent = checked(RowsWantedSerializer(data=request.query_params))
        columns = columns_of(question)
        wanted = read_rows_wanted(sent, columns).grid_request()
        reach = viewing_reach(self.user(), question)
        found = window(question, reach, wanted, offset=sent["offset"], limit=sent["limit"])
        end = found.offset + len(found.rows)
        following = next_address(request, offset=end) if found.rows and end < found.total else None
        return Response(
            WindowSerializer(
                {
                    "columns": columns,
                    "offset": found.offset,
                    "total": found.total,
                    "next": following,
                    "rows": found.rows,
                }
            ).data
        )

    @extend_schema(
        parameters=[
            PageWantedSerializer,
            OpenApiParameter("endpoint", OpenApiTypes.UUID, description="Only of this endpoint."),
        ],
        responses=EndpointRowPageSerializer,
    )
    def endpoint_rows(self, request: Request, pk: UUID) -> Response:
        """Show rows that are not merged, by host name."""
        question = self.question(pk)
        sent = checked(PageWantedSerializer(data=request.query_params))
        rows = rows_by_endpoint(
            question,
            viewing_reach(self.user(), question),
            endpoint_id=_endpoint_of(request),
            after=place_of(sent["cursor"]),
            limit=sent["limit"],
        )
        following = _following(request, rows, sent["limit"], row_cursor_of)
        page = {"columns": columns_of(question), "next": following, "results": rows}
        return Response(EndpointRowPageSerializer(page).data)

    @extend_schema(
        parameters=[
            PageWantedSerializer,
            OpenApiParameter(
                "group_by", str, description="As for the rows: all that a grouped row joined."
            ),
        ],
        responses=GivenByPageSerializer,
    )
    def row_endpoints(self, request: Request, pk: UUID, row_id: int) -> Response:
        """List the endpoints that gave a row, by host name."""
        question = self.question(pk)
        sent = checked(PageWantedSerializer(data=request.query_params))
        grouping = {"search": "", "sort": "", "group_by": request.query_params.get("group_by", "")}
        given_by = endpoints_of_row(
            question,
            viewing_reach(self.user(), question),
            row_id,
            read_rows_wanted(grouping, columns_of(question)).grid_request(),
            after=place_of(sent["cursor"]),
            limit=sent["limit"],
        )
        following = _following(request, given_by, sent["limit"], cursor_of)
        return Response(GivenByPageSerializer({"next": following, "results": given_by}).data)

    @extend_schema(parameters=[PageWantedSerializer], responses=UnansweredPageSerializer)
    def unanswered(self, request: Request, pk: UUID) -> Response:
        """List the endpoints that gave no answer or a part of one, by host name, and why."""
        question = self.question(pk)
        sent = checked(PageWantedSerializer(data=request.query_params))
        reach = viewing_reach(self.user(), question)
        silent = unanswered(question, reach, after=place_of(sent["cursor"]), limit=sent["limit"])
        following = _following(request, silent, sent["limit"], selectors.cursor_of)
        return Response(UnansweredPageSerializer({"next": following, "results": silent}).data)

    @extend_schema(parameters=[ComparisonWantedSerializer], responses=ComparisonSerializer)
    def comparison(self, request: Request, pk: UUID) -> Response:
        """Tell which rows changed since an earlier answer to the same question.

        Only endpoints that answered both times count.
        """
        question = self.question(pk)
        sent = checked(ComparisonWantedSerializer(data=request.query_params))
        earlier = comparable_with(self.user(), question)
        other = (earlier.filter(pk=sent["with"]) if "with" in sent else earlier).first()
        if other is None:
            raise InvalidInput("There is no such earlier answer to the same question.")
        found = compare(
            other,
            question,
            comparing_reach(self.user(), question, other),
            offset=sent["offset"],
            limit=sent["limit"],
        )
        return Response(ComparisonSerializer(found).data)


def _following(request: Request, page: list[Any], limit: int, cursor: Any) -> str | None:
    if len(page) < limit:
        return None
    return next_address(request, cursor=as_cursor(cursor(page[-1])))


def _endpoint_of(request: Request) -> UUID | None:
    named = request.query_params.get("endpoint", "")
    if not named:
        return None
    try:
        return UUID(named)
    except ValueError as error:
        raise NotFound("There is no such endpoint.") from error
