"""What the page of a question fetches: progress, windows of the grid, who gave a row, who did not.

Every view finds the question first, so that whoever may not see it learns nothing, and cuts what
it shows to the reach in which the user sees its answers.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.core.exceptions import InvalidInput
from console.endpoints.reach import Reach
from console.questions import grid
from console.questions.browser_json import body_of, json_view, user_of
from console.questions.comparison import changed_endpoints, compare
from console.questions.drill_down import (
    cursor_of,
    endpoints_of_row,
    row_cursor_of,
    row_in_reach,
    rows_by_endpoint,
)
from console.questions.further import ask_about_row
from console.questions.grid_sql import ColumnFilter, SortBy
from console.questions.models import Question
from console.questions.selectors import (
    Unanswered,
    all_unanswered,
    progress,
    question_for,
    viewing_reach,
)
from console.questions.selectors import cursor_of as unanswered_cursor_of
from console.questions.standings import comparable_with, comparing_reach

ENDPOINTS_AT_ONCE: Final = 100
ROWS_AT_ONCE: Final = 200
UNANSWERED_AT_ONCE: Final = 200
CHARTED: Final = 20
# What stands behind the charted values is added up as long as it is not too much to read.
_ADDED_UP: Final = 20_000


class _View(msgspec.Struct):
    """What of the grid is shown; the same that exports take."""

    filters: list[_Filter] = []
    search: str = ""
    sort: list[_Sort] = []
    group_by: list[int] = []

    def request(self) -> grid.GridRequest:
        return grid.GridRequest(
            filters=tuple(
                ColumnFilter(column=each.column, operator=each.operator, value=each.value)
                for each in self.filters
            ),
            search=self.search,
            sort=tuple(
                SortBy(column=each.column, descending=each.descending) for each in self.sort
            ),
            group_by=tuple(self.group_by),
        )


class _Filter(msgspec.Struct):
    column: int
    operator: str
    value: str = ""


class _Sort(msgspec.Struct):
    column: int | None = None
    descending: bool = False


class _WindowOf(_View):
    offset: int = 0
    limit: int = 100


class _ChartOf(_View):
    column: int = 0


class _RowOf(msgspec.Struct):
    row: int
    group_by: list[int] = []
    after: str = ""


class _FurtherOf(msgspec.Struct):
    row: int
    columns: list[int]


_window: Final = msgspec.json.Decoder(_WindowOf)
_chart: Final = msgspec.json.Decoder(_ChartOf)
_row: Final = msgspec.json.Decoder(_RowOf)
_further: Final = msgspec.json.Decoder(_FurtherOf)


def seen_by(request: HttpRequest, question_id: UUID) -> tuple[Question, Reach]:
    """Return a question, and the reach in which this user sees its answers. Raises `NotFound`."""
    question = question_for(user_of(request), question_id)
    return question, viewing_reach(user_of(request), question)


@require_safe
@json_view()
def show_progress(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Tell how far a question is."""
    question, reach = seen_by(request, question_id)
    return progress_json(question, reach, now=timezone.now())


@require_POST
@json_view()
def show_window(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Show some rows of the grid."""
    question, reach = seen_by(request, question_id)
    wanted = body_of(request, _window)
    found = grid.window(question, reach, wanted.request(), offset=wanted.offset, limit=wanted.limit)
    rows = [[row.id, row.count, row.values] for row in found.rows]
    return {"offset": found.offset, "total": found.total, "rows": rows}


@require_POST
@json_view()
def show_chart(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Count the values of one column: the most frequent ones, and the others added up.

    `others` is None when there are too many to be read.
    """
    question, reach = seen_by(request, question_id)
    wanted = body_of(request, _chart)
    wanted.sort, wanted.group_by = [], [wanted.column]
    first = grid.window(question, reach, wanted.request(), limit=CHARTED)
    return {
        "values": [[row.values[wanted.column], row.count] for row in first.rows],
        "total_values": first.total,
        "others": _added_up(question, reach, wanted.request(), first.total),
    }


@require_POST
@json_view()
def show_givers(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """List the endpoints that gave a row."""
    question, reach = seen_by(request, question_id)
    wanted = body_of(request, _row)
    asked = grid.GridRequest(group_by=tuple(wanted.group_by))
    page = endpoints_of_row(
        question, reach, wanted.row, asked, after=wanted.after, limit=ENDPOINTS_AT_ONCE
    )
    return {
        "endpoints": [[str(each.endpoint_id), each.host_name, each.count] for each in page],
        "next": cursor_of(page[-1]) if len(page) == ENDPOINTS_AT_ONCE else "",
    }


@require_safe
@json_view()
def show_endpoint_rows(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """List rows that are not merged, endpoint by endpoint; `named` leaves endpoints by name."""
    question, reach = seen_by(request, question_id)
    named, after = request.GET.get("named", "").strip(), request.GET.get("after", "")
    page = rows_by_endpoint(question, reach, named=named, after=after, limit=ROWS_AT_ONCE)
    return {
        "rows": [[str(row.endpoint_id), row.host_name, row.count, row.values] for row in page],
        "next": row_cursor_of(page[-1]) if len(page) == ROWS_AT_ONCE else "",
    }


@require_safe
@json_view()
def show_unanswered(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """List endpoints that did not answer in full, and why; `kind` leaves one sort of reasons."""
    question, reach = seen_by(request, question_id)
    kind, after = request.GET.get("kind", ""), request.GET.get("after", "")
    page: list[Unanswered] = []
    following = ""
    for each in all_unanswered(question, reach, kind=kind, after=after):
        if len(page) == UNANSWERED_AT_ONCE:
            following = unanswered_cursor_of(page[-1])
            break
        page.append(each)
    return {"endpoints": [_unanswered_json(each) for each in page], "next": following}


@require_POST
@json_view()
def write_further(request: HttpRequest, question_id: UUID) -> dict[str, Any]:
    """Write a question about the endpoints that gave a row: the drill-down."""
    question, reach = seen_by(request, question_id)
    wanted = body_of(request, _further)
    row = row_in_reach(question, reach, wanted.row)
    columns = [each for each in wanted.columns if 0 <= each < len(row.values)]
    return {"text": ask_about_row(question, row.values, columns, user=user_of(request))}


@require_safe
@json_view()
def show_changes(request: HttpRequest, question_id: UUID, earlier_id: UUID) -> dict[str, Any]:
    """Tell which rows changed since an earlier answer to the same question."""
    question, earlier, reach = _compared(request, question_id, earlier_id)
    offset = _number(request.GET.get("offset", "0"))
    found = compare(earlier, question, reach, offset=offset, limit=ROWS_AT_ONCE)
    return {
        "endpoints": found.compared_endpoints,
        "total": found.total,
        "rows": [[row.kind, row.before, row.after, row.values] for row in found.rows],
    }


@require_safe
@json_view()
def show_changed_endpoints(
    request: HttpRequest, question_id: UUID, earlier_id: UUID
) -> dict[str, Any]:
    """Tell which endpoints answer otherwise than before."""
    question, earlier, reach = _compared(request, question_id, earlier_id)
    after = request.GET.get("after", "")
    if after:
        after = str(_id(after))
    page = changed_endpoints(earlier, question, reach, after=after, limit=ENDPOINTS_AT_ONCE)
    return {
        "endpoints": [
            [str(each.endpoint_id), each.host_name, each.appeared, each.vanished] for each in page
        ],
        "next": str(page[-1].endpoint_id) if len(page) == ENDPOINTS_AT_ONCE else "",
    }


def progress_json(question: Question, reach: Reach, *, now: datetime) -> dict[str, Any]:
    """Describe how far a question is."""
    standing = progress(question, reach, now=now)
    return {
        **{name: getattr(standing, name) for name in standing.__slots__},
        "seconds_left": max(0, math.ceil((question.expires_at - now).total_seconds())),
        "cancelled_by": question.cancelled_by,
        "refused": question.refused if reach.everything else 0,
    }


# ---------------------------------------------------------------------- inside


def _compared(
    request: HttpRequest, question_id: UUID, earlier_id: UUID
) -> tuple[Question, Question, Reach]:
    question, _ = seen_by(request, question_id)
    earlier = comparable_with(user_of(request), question).filter(pk=earlier_id).first()
    if earlier is None:
        raise InvalidInput("There is no such earlier answer to the same question.")
    return question, earlier, comparing_reach(user_of(request), question, earlier)


def _unanswered_json(each: Unanswered) -> dict[str, Any]:
    return {
        "id": str(each.endpoint_id),
        "host_name": each.host_name,
        "kind": each.kind,
        "reason": each.reason,
        "since": each.since.isoformat() if each.since else None,
    }


def _added_up(
    question: Question, reach: Reach, request: grid.GridRequest, total: int
) -> int | None:
    if total > _ADDED_UP:
        return None
    return sum(
        row.count
        for start in range(CHARTED, total, grid.LARGEST_WINDOW)
        for row in grid.window(
            question, reach, request, offset=start, limit=grid.LARGEST_WINDOW
        ).rows
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput("This is not a number.")
    return int(text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput("This is not an id.") from error
