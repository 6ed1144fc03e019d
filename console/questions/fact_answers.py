"""Keep as facts of the endpoints what they answered for the rules of computer groups.

Runs inside the ingester's transaction: a fact and the membership that follows from it are there
with the answer, or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from console.endpoints.facts import Fact, record_facts
from console.questions.models import Answer, AnswerRow, QuestionTarget

_READ_AT_ONCE: Final = 500


def keep_facts(question_id: UUID, call: str, endpoint_ids: Sequence[UUID]) -> None:
    """Take what these endpoints answered to a question about one call (its canonical text).

    An endpoint whose sensor failed keeps the fact that it had.
    """
    for start in range(0, len(endpoint_ids), _READ_AT_ONCE):
        answered = _answered(question_id, endpoint_ids[start : start + _READ_AT_ONCE])
        rows = _rows_of(question_id, list(answered))
        record_facts(
            [Fact(endpoint_id, call, rows[endpoint_id], at) for endpoint_id, at in answered.items()]
        )


def _answered(question_id: UUID, endpoint_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    targets = QuestionTarget.objects.filter(
        question=question_id, endpoint__in=endpoint_ids, state=QuestionTarget.State.ANSWERED
    )
    return {
        endpoint_id: at
        for endpoint_id, at in targets.values_list("endpoint_id", "answered_at")
        if at is not None
    }


def _rows_of(question_id: UUID, endpoint_ids: Sequence[UUID]) -> defaultdict[UUID, list[list[str]]]:
    answers = list(
        Answer.objects.filter(question=question_id, endpoint__in=endpoint_ids)
        .order_by("endpoint", "digest")
        .values_list("endpoint_id", "digest", "count")
    )
    digests = {digest for _, digest, _ in answers}
    rows = AnswerRow.objects.filter(question=question_id, digest__in=digests)
    values = dict(rows.values_list("digest", "values"))
    found: defaultdict[UUID, list[list[str]]] = defaultdict(list)
    for endpoint_id, digest, count in answers:
        found[endpoint_id] += [values[digest]] * count
    return found
