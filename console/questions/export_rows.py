"""The rows of a file: merged ones, or those of each endpoint. A million of them take little memory.

Endpoints may answer a question while it is read: a file holds each row as it was when it came by.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from console.core.exceptions import InvalidInput
from console.endpoints.reach import Reach
from console.questions.export_view import ALL, ExportView
from console.questions.grid import GridRow, columns_of, count_rows, iterate
from console.questions.models import Answer, AnswerRow, Question, QuestionTarget
from console.questions.selectors import all_unanswered, unanswered_targets
from sensors.definitions import ValueType

_ROWS_AT_ONCE: Final = 1000
_ENDPOINTS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column of a file; its label is its own within the file."""

    label: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class FileTable:
    """What is written: columns, and rows of as many texts."""

    columns: tuple[FileColumn, ...]
    rows: Iterator[tuple[str, ...]]


UNANSWERED: Final = (
    FileColumn("Endpoint", ValueType.TEXT),
    FileColumn("Endpoint ID", ValueType.TEXT),
    FileColumn("State", ValueType.TEXT),
    FileColumn("Why", ValueType.TEXT),
    FileColumn("Rows left out", ValueType.INTEGER),
    FileColumn("Since", ValueType.INSTANT),
)


def table_of(question: Question, reach: Reach, view: ExportView) -> FileTable:
    """Return what a user with this reach gets. Raises as `grid.window`, at the first row."""
    if view.unanswered:
        return FileTable(UNANSWERED, _unanswered(question, reach, view))
    shown = list(view.columns or view.group_by or range(len(question.columns)))
    labels = [(column.label, column.type) for column in columns_of(question)]
    picked = [labels[index] for index in shown]
    counted = ("Count", ValueType.INTEGER)
    if view.merged:
        return FileTable(
            _distinct([*picked, counted]),
            _merged(iterate(question, reach, view.grid_request()), shown),
        )
    given_by = [("Endpoint", ValueType.TEXT), ("Endpoint ID", ValueType.TEXT)]
    return FileTable(
        _distinct([*given_by, *picked, counted]), _by_endpoint(question, reach, view, shown)
    )


def count_of(question: Question, reach: Reach, view: ExportView) -> int:
    """Count the rows of a file; of endpoints, when only some are wanted, all of them: at most.

    Raises `InvalidInput` for a filter that does not fit.
    """
    if view.unanswered:
        return unanswered_targets(question, reach).count()
    merged = count_rows(question, reach, view.grid_request())
    if view.merged:
        return merged
    return reach.endpoints(Answer.objects.filter(question=question), field="endpoint").count()


def _distinct(columns: Sequence[tuple[str, ValueType]]) -> tuple[FileColumn, ...]:
    # A question may have a column that is called like one of ours.
    taken: set[str] = set()
    made = []
    for name, kind in columns:
        label, number = name, 1
        while label in taken:
            number += 1
            label = f"{name} ({number})"
        taken.add(label)
        made.append(FileColumn(label, kind))
    return tuple(made)


def _unanswered(question: Question, reach: Reach, view: ExportView) -> Iterator[tuple[str, ...]]:
    kind = "" if view.unanswered == ALL else view.unanswered
    for each in all_unanswered(question, reach, kind=kind):
        since = each.since.isoformat(" ", "milliseconds") if each.since else ""
        left_out = str(each.rows_left_out)
        yield (each.host_name, str(each.endpoint_id), each.kind, each.reason, left_out, since)


def _merged(rows: Iterator[GridRow], shown: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield (*(row.values[index] for index in shown), str(row.count))


def _by_endpoint(
    question: Question, reach: Reach, view: ExportView, shown: Sequence[int]
) -> Iterator[tuple[str, ...]]:
    wanted = _Wanted(question, reach, view) if view.filters or view.search else None
    for endpoints in _endpoints(question, reach):
        found = Answer.objects.filter(question=question, endpoint__in=list(endpoints))
        # Asked again here, and not only for the list: who left a group meanwhile has left.
        answers = (
            reach.endpoints(found, field="endpoint")
            .order_by("endpoint__host_name", "endpoint", "digest")
            .values_list("endpoint_id", "digest", "count")
            .iterator(chunk_size=_ROWS_AT_ONCE)
        )
        for batch in _batches(
            answer for answer in answers if wanted is None or answer[1] in wanted
        ):
            values = dict(
                AnswerRow.objects.filter(
                    question=question, digest__in={digest for _, digest, _ in batch}
                ).values_list("digest", "values")
            )
            for endpoint_id, digest, count in batch:
                # Pruned meanwhile.
                if digest in values:
                    cells = (values[digest][index] for index in shown)
                    yield (endpoints[endpoint_id], str(endpoint_id), *cells, str(count))


def _endpoints(question: Question, reach: Reach) -> Iterator[dict[UUID, str]]:
    targets = QuestionTarget.objects.filter(question=question, parts_seen__gt=0)
    found = list(
        reach.endpoints(targets, field="endpoint")
        .order_by("endpoint__host_name", "endpoint")
        .values_list("endpoint_id", "endpoint__host_name")
    )
    for start in range(0, len(found), _ENDPOINTS_AT_ONCE):
        yield dict(found[start : start + _ENDPOINTS_AT_ONCE])


def _batches(answers: Iterator[tuple[UUID, int, int]]) -> Iterator[list[tuple[UUID, int, int]]]:
    batch: list[tuple[UUID, int, int]] = []
    for answer in answers:
        batch.append(answer)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class _Wanted:
    """The digests of the rows that a filter leaves, eight bytes each."""

    def __init__(self, question: Question, reach: Reach, view: ExportView) -> None:
        if view.group_by:
            raise InvalidInput("Rows of endpoints are not grouped.")
        digests: array[int] = array("q")
        ids: list[int] = []
        for row in iterate(question, reach, view.grid_request()):
            ids.append(row.id)
            if len(ids) == _ROWS_AT_ONCE:
                digests.extend(_digests(ids))
                ids = []
        digests.extend(_digests(ids))
        self._digests = array("q", sorted(digests))

    def __contains__(self, digest: int) -> bool:
        place = bisect_left(self._digests, digest)
        return place < len(self._digests) and self._digests[place] == digest


def _digests(ids: Sequence[int]) -> Iterator[int]:
    yield from AnswerRow.objects.filter(pk__in=ids).values_list("digest", flat=True)
