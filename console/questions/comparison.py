"""What changed between two answers to the same question: rows, and which endpoint gave them.

Rows are compared by their digests, so that nothing but numbers is read until the page is known.
Only endpoints that answered both times count: who is offline has not changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from console.core.exceptions import InvalidInput
from console.endpoints.models import Endpoint
from console.endpoints.reach import Reach
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget

LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row and how often endpoints that answered both times gave it before and after.

    `before` 0: it appeared; `after` 0: it vanished.
    """

    values: tuple[str, ...]
    before: int
    after: int

    @property
    def kind(self) -> str:
        """Say `appeared`, `vanished` or `count-changed`."""
        if not self.before:
            return "appeared"
        return "count-changed" if self.after else "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """What one endpoint says now and did not say before, and the other way round."""

    endpoint_id: UUID
    host_name: str
    appeared: list[tuple[str, ...]]
    vanished: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of it. `total` counts the rows that changed, of which `rows` are the first."""

    earlier: Question
    later: Question
    compared_endpoints: int
    total: int
    rows: list[RowChange]


def compare(
    earlier: Question, later: Question, reach: Reach, *, offset: int = 0, limit: int = 100
) -> Comparison:
    """Tell which rows appeared or vanished, then which changed their count, the greatest first.

    Raises `InvalidInput` for questions with other columns.
    """
    _check(earlier, later, limit)
    both = _answered_both(earlier, later, reach)
    before, after = (_counts(question, both) for question in (earlier, later))
    changed = [
        (digest, before.get(digest, 0), after.get(digest, 0))
        for digest in before.keys() | after.keys()
        if before.get(digest, 0) != after.get(digest, 0)
    ]
    # What was never there before matters more than what there is more of.
    changed.sort(key=lambda each: (bool(each[1] and each[2]), -abs(each[2] - each[1]), each[0]))
    page = changed[offset : offset + limit]
    values = _values(earlier, later, [digest for digest, *_ in page])
    return Comparison(
        earlier=earlier,
        later=later,
        compared_endpoints=both.count(),
        total=len(changed),
        rows=[RowChange(values=values[digest], before=was, after=now) for digest, was, now in page],
    )


def changed_endpoints(
    earlier: Question, later: Question, reach: Reach, *, after: str = "", limit: int = 100
) -> list[EndpointChange]:
    """List endpoints that answered otherwise than before, by host name, with their rows.

    `after` is the id of the last endpoint of a former list. Raises as `compare`.
    """
    _check(earlier, later, limit)
    was, now = (Answer.objects.filter(question=question) for question in (earlier, later))
    same = Answer.objects.filter(endpoint=OuterRef("endpoint"), digest=OuterRef("digest"))
    vanished = was.exclude(Exists(same.filter(question=later)))
    appeared = now.exclude(Exists(same.filter(question=earlier)))
    both = _answered_both(earlier, later, reach)
    endpoints = (
        Endpoint.objects.filter(pk__in=both)
        .filter(Q(pk__in=vanished.values("endpoint")) | Q(pk__in=appeared.values("endpoint")))
        .order_by("host_name", "pk")
    )
    if after:
        last = Endpoint.objects.filter(pk=after).values_list("host_name", flat=True).first()
        endpoints = endpoints.filter(
            Q(host_name__gt=last or "") | Q(host_name=last or "", pk__gt=after)
        )
    page = dict(endpoints.values_list("pk", "host_name")[:limit])
    gone, come = (
        list(each.filter(endpoint__in=page).values_list("endpoint_id", "digest"))
        for each in (vanished, appeared)
    )
    values = _values(earlier, later, [digest for _, digest in (*gone, *come)])
    return [
        EndpointChange(
            endpoint_id=endpoint_id,
            host_name=host_name,
            appeared=[values[digest] for who, digest in come if who == endpoint_id],
            vanished=[values[digest] for who, digest in gone if who == endpoint_id],
        )
        for endpoint_id, host_name in page.items()
    ]


def _answered_both(
    earlier: Question, later: Question, reach: Reach
) -> QuerySet[QuestionTarget, UUID]:
    said = (QuestionTarget.State.ANSWERED, QuestionTarget.State.NOT_MATCHING)
    before = QuestionTarget.objects.filter(
        question=earlier, endpoint=OuterRef("endpoint"), state__in=said
    )
    targets = QuestionTarget.objects.filter(Exists(before), question=later, state__in=said)
    return reach.endpoints(targets, field="endpoint").values_list("endpoint_id", flat=True)


def _counts(question: Question, endpoints: QuerySet[QuestionTarget, UUID]) -> dict[int, int]:
    answers = Answer.objects.filter(question=question, endpoint__in=endpoints)
    return dict(answers.order_by().values_list("digest").annotate(Sum("count")))


def _values(
    earlier: Question, later: Question, digests: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    rows = AnswerRow.objects.filter(question__in=(earlier, later), digest__in=set(digests))
    return {digest: tuple(values) for digest, values in rows.values_list("digest", "values")}


def _check(earlier: Question, later: Question, limit: int) -> None:
    if earlier.columns != later.columns:
        raise InvalidInput("These questions have different columns.")
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"A page has at most {LARGEST_PAGE} rows.")
