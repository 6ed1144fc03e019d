"""From a merged row to the endpoints that gave it, and from an endpoint to its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from console.core.exceptions import InvalidInput, NotFound
from console.core.storable import storable_text
from console.endpoints.models import Endpoint
from console.endpoints.reach import Reach
from console.questions.grid import GridRequest
from console.questions.models import Answer, AnswerRow, Question

LARGEST_PAGE: Final = 1000
LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBy:
    """One endpoint and how often it gave the row."""

    endpoint_id: UUID
    host_name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """One row of one endpoint."""

    endpoint_id: UUID
    host_name: str
    digest: int
    values: tuple[str, ...]
    count: int


def row_in_reach(question: Question, reach: Reach, row_id: int) -> AnswerRow:
    """Return a row of a question that an endpoint in reach gave. Raises `NotFound`.

    Numbers of rows follow each other: one out of reach is refused as one that is not there.
    """
    row = AnswerRow.objects.filter(pk=row_id, question=question).first()
    if row is None or not _in_reach(question, reach).filter(digest=row.digest).exists():
        raise NotFound("There is no such row.")
    return row


def endpoints_of_row(
    question: Question,
    reach: Reach,
    row_id: int,
    request: GridRequest | None = None,
    *,
    after: str = "",
    limit: int = 100,
) -> list[GivenBy]:
    """List the endpoints in reach that gave a row of the grid, by host name.

    With the `group_by` of the grid's request, of all rows that it joined. `after` continues
    behind a former list (`cursor_of`). Raises `NotFound` as `row_in_reach`.
    """
    _check_limit(limit)
    row = row_in_reach(question, reach, row_id)
    answers = _in_reach(question, reach).filter(digest__in=_digests(row, request))
    given = (
        Endpoint.objects.filter(pk__in=answers.values("endpoint"))
        .order_by("host_name", "pk")
        .values_list("pk", "host_name")
    )
    page = dict(_after(given, after, host_name="host_name", endpoint="pk")[:limit])
    counts = dict(
        answers.filter(endpoint__in=page).order_by().values_list("endpoint").annotate(Sum("count"))
    )
    return [
        GivenBy(endpoint_id=endpoint_id, host_name=host_name, count=counts[endpoint_id])
        for endpoint_id, host_name in page.items()
    ]


def endpoints_giving(
    question: Question, reach: Reach, row_id: int, request: GridRequest | None = None
) -> QuerySet[Answer, Any]:
    """Select the endpoints in reach that gave a row, as `endpoints_of_row` lists them."""
    row = row_in_reach(question, reach, row_id)
    answers = _in_reach(question, reach).filter(digest__in=_digests(row, request))
    return answers.values("endpoint")


def rows_by_endpoint(
    question: Question,
    reach: Reach,
    *,
    endpoint_id: UUID | None = None,
    named: str = "",
    after: str = "",
    limit: int = 100,
) -> list[EndpointRow]:
    """List rows that are not merged, with the endpoint in front: all in reach, or of one endpoint.

    With `named` of those whose host names contain it. By host name; `after` continues behind a
    former list (`row_cursor_of`).
    """
    _check_limit(limit)
    answers = _in_reach(question, reach)
    if endpoint_id is not None:
        answers = answers.filter(endpoint=endpoint_id)
    if named:
        answers = answers.filter(endpoint__host_name__icontains=storable_text(named, LONGEST_NAME))
    answers = answers.order_by("endpoint__host_name", "endpoint", "digest")
    place, _, digest = after.rpartition("/") if after else ("", "", "")
    if after:
        host_name, _, last = place.rpartition("/")
        at, number = _as_uuid(last), _as_number(digest)
        answers = answers.filter(
            Q(endpoint__host_name__gt=host_name)
            | Q(endpoint__host_name=host_name, endpoint__gt=at)
            | Q(endpoint__host_name=host_name, endpoint=at, digest__gt=number)
        )
    page = list(
        answers.values_list("endpoint_id", "endpoint__host_name", "digest", "count")[:limit]
    )
    rows = AnswerRow.objects.filter(question=question, digest__in={each[2] for each in page})
    values = dict(rows.values_list("digest", "values"))
    return [
        EndpointRow(
            endpoint_id=given_by,
            host_name=host_name,
            digest=number,
            values=tuple(values[number]),
            count=count,
        )
        for given_by, host_name, number, count in page
    ]


def cursor_of(last: GivenBy) -> str:
    """Write where a list of endpoints ended."""
    return f"{last.host_name}/{last.endpoint_id}"


def row_cursor_of(last: EndpointRow) -> str:
    """Write where a list of rows ended."""
    return f"{last.host_name}/{last.endpoint_id}/{last.digest}"


def _in_reach(question: Question, reach: Reach) -> QuerySet[Answer]:
    return reach.endpoints(Answer.objects.filter(question=question), field="endpoint")


def _digests(row: AnswerRow, request: GridRequest | None) -> QuerySet[AnswerRow, int]:
    alike = AnswerRow.objects.filter(question=row.question_id)
    if request is None or not request.group_by:
        return alike.filter(pk=row.pk).values_list("digest", flat=True)
    if any(not 0 <= column < len(row.values) for column in request.group_by):
        raise InvalidInput("There is no such column.", errors={"column": ["no such column"]})
    for column in request.group_by:
        alike = alike.filter(**{f"values__{column}": row.values[column]})
    return alike.values_list("digest", flat=True)


def _after(
    rows: QuerySet[Endpoint, tuple[UUID, str]], after: str, *, host_name: str, endpoint: str
) -> QuerySet[Endpoint, tuple[UUID, str]]:
    if not after:
        return rows
    name, _, endpoint_id = after.rpartition("/")
    return rows.filter(
        Q(**{f"{host_name}__gt": name})
        | Q(**{host_name: name, f"{endpoint}__gt": _as_uuid(endpoint_id)})
    )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"A page has at most {LARGEST_PAGE} rows.")


def _as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("There is no such page.") from error


def _as_number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise NotFound("There is no such page.") from error
