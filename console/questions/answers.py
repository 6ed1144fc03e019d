"""Store what endpoints answered: rows, who gave them, and how far each endpoint is.

The ingester calls `record_answers` inside its transaction, and again with the same messages after
a crash: each part of an answer is stored once (a bit of `parts_seen`), and counters move in the
same transaction. Whatever a question did not ask for is refused: counted at the question, logged
once, acknowledged, never stored. Values are text and stay text: whoever shows them escapes them.

A row is known by 64 bits of BLAKE2b of its values. That two different rows of one question share
them by chance is out of the question (a million rows: one in 37 million); an endpoint that
searched for 2^32 tries finds two rows of *its own* that count as one, and never one of another's.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.db.models import F

from console.core.commits import after_commit
from console.core.live_topics import publish
from console.core.storable import storable_json, storable_text
from console.endpoints.reported import counted
from console.gateway.broadcasts import leave_broadcasts
from console.modules import Received
from console.questions.answer_tables import (
    Given,
    Target,
    forget_answers,
    read_targets,
    write_given,
    write_targets,
)
from console.questions.fact_answers import keep_facts
from console.questions.models import Question, QuestionTarget
from protocol.messages import QuestionAnswered
from protocol.questions import (
    ANSWERED,
    FAILED,
    NOT_MATCHING,
    PART_BYTES,
    PARTS_AT_MOST,
    ROWS_AT_MOST,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOPIC: Final = "questions"

State = QuestionTarget.State
_STATES: Final = {
    ANSWERED: State.ANSWERED,
    NOT_MATCHING: State.NOT_MATCHING,
    FAILED: State.FAILED,
}
_COUNTERS: Final = {
    State.ANSWERED: "answered",
    State.NOT_MATCHING: "not_matching",
    State.FAILED: "failed",
}
_REASON_LENGTH: Final = 2000
_LARGEST_INTEGER: Final = 2**31 - 1
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_CACHED_CHARACTERS: Final = 512

# Which refusals this program has logged.
_logged: Final[set[tuple[UUID, str]]] = set()
_LOGGED_AT_MOST: Final = 4096

UNKNOWN: Final = "no such question"
NOT_ASKED: Final = "the endpoint was not asked"
LATE: Final = "the question had ended"
WRONG_PARTS: Final = "impossible part numbers"
WRONG_OUTCOME: Final = "an unknown outcome, or rows beside a failure"
WRONG_WIDTH: Final = "rows with another number of columns than the question has"
TOO_LONG: Final = "rows that are too long"
TOO_MANY: Final = f"more than {ROWS_AT_MOST} rows"
# These are the endpoint's own fault, and the analyst sees it at the endpoint.
_SHOWN: Final = {WRONG_PARTS, WRONG_OUTCOME, WRONG_WIDTH, TOO_LONG, TOO_MANY}


@dataclass(slots=True)
class _Asked:
    """A question while a batch of its answers is looked at."""

    question_id: UUID
    width: int
    expires_at: int
    targets: dict[UUID, Target]
    given: Given = field(default_factory=Given)
    ended: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    finished: list[UUID] = field(default_factory=list)


def record_answers(batch: Sequence[Received]) -> None:
    """Store `QuestionAnswered` messages inside the caller's transaction; told twice, stored once.

    An answer belongs to the endpoint whose connection brought it, whatever it says. Live pages and
    gateways hear of it after the commit.
    """
    received: defaultdict[UUID, list[Received]] = defaultdict(list)
    for each in batch:
        received[each[1].question_id].append(each)
    questions = Question.objects.defer("request", "envelope").in_bulk(list(received))
    answered: dict[UUID, list[UUID]] = {}
    # In this order everywhere: two ingesters must not wait for each other's questions in a circle.
    for question_id in sorted(received):
        question = questions.get(question_id)
        if question is None:
            _log_refused(question_id, Counter({UNKNOWN: len(received[question_id])}))
            continue
        endpoint_ids = list(dict.fromkeys(endpoint_id for endpoint_id, *_ in received[question_id]))
        asked = _Asked(
            question_id,
            width=len(question.columns),
            expires_at=_microseconds(question.expires_at),
            targets=read_targets(question_id, endpoint_ids),
        )
        _look_at(asked, received[question_id])
        _store(asked)
        if question.source == Question.Source.GROUPS:
            keep_facts(question_id, question.text, asked.finished)
            # Nobody reads who gave what: a rule about installed applications would leave millions.
            forget_answers(question_id, asked.finished)
        answered[question_id] = asked.finished
    if answered:
        publish(TOPIC, [{"id": str(question_id)} for question_id in answered])
        after_commit(leave_broadcasts, answered)


def _look_at(asked: _Asked, received: Iterable[Received]) -> None:
    for endpoint_id, message, received_at in received:
        target = asked.targets.get(endpoint_id)
        if target is None:
            asked.refused[NOT_ASKED] += 1
        elif not _is_stored(target, message):
            refusal = _judge(asked, target, message, received_at)
            if refusal:
                asked.refused[refusal] += 1
                if refusal in _SHOWN:
                    reason = f"Its answer was refused: {refusal}."
                    _finish(asked, target, State.FAILED, reason, received_at)
            else:
                _accept(asked, target, message, received_at)


def _is_stored(target: Target, message: QuestionAnswered) -> bool:
    """Tell whether this part came before; it comes again whenever an acknowledgement was lost."""
    if target.state in (State.ANSWERED, State.NOT_MATCHING, State.FAILED):
        return True
    return 0 <= message.part < PARTS_AT_MOST and bool(target.parts_seen >> message.part & 1)


def _judge(asked: _Asked, target: Target, message: QuestionAnswered, received_at: int) -> str:
    """Say why an answer must not be stored; nothing when it may be."""
    if received_at > asked.expires_at or target.state == State.CANCELLED:
        return LATE
    if not 1 <= message.parts <= PARTS_AT_MOST or not 0 <= message.part < message.parts:
        return WRONG_PARTS
    if message.outcome not in _STATES or (message.rows and message.outcome != ANSWERED):
        return WRONG_OUTCOME
    return _judge_rows(asked, target, message)


def _judge_rows(asked: _Asked, target: Target, message: QuestionAnswered) -> str:
    if any(len(row) != asked.width for row in message.rows):
        return WRONG_WIDTH
    if target.rows + len(message.rows) > ROWS_AT_MOST:
        return TOO_MANY
    # Of an honest agent a whole part is shorter than this.
    if sum(len(value) for row in message.rows for value in row) > PART_BYTES:
        return TOO_LONG
    return ""


def _accept(asked: _Asked, target: Target, message: QuestionAnswered, received_at: int) -> None:
    target.is_changed = True
    target.parts_seen |= 1 << message.part
    target.rows += len(message.rows)
    target.cut = min(target.cut + counted(message.cut), _LARGEST_INTEGER)
    target.took = max(target.took, counted(message.took))
    _collect(asked.given, target.endpoint_id, message)
    reason = _reason(message) if message.failures else ""
    if reason and reason not in target.reason:
        target.reason = f"{target.reason}\n{reason}".strip()[:_REASON_LENGTH]
    if target.parts_seen == (1 << message.parts) - 1:
        _finish(asked, target, _STATES[message.outcome], target.reason, received_at)


def _collect(given: Given, endpoint_id: UUID, message: QuestionAnswered) -> None:
    given.may_repeat |= message.parts > 1
    digests = []
    for row in message.rows:
        encoded, digest = digest_of(tuple(row))
        given.rows[digest] = encoded
        digests.append(digest)
    given.times.update(digests)
    times = Counter(digests)
    given.answers += [(endpoint_id, digest, count) for digest, count in times.items()]


def _finish(
    asked: _Asked, target: Target, state: QuestionTarget.State, reason: str, received_at: int
) -> None:
    target.is_changed = True
    target.state = state
    target.reason = reason
    target.answered_at = _EPOCH + timedelta(milliseconds=received_at // 1000)
    asked.ended[_COUNTERS[state]] += 1
    asked.finished.append(target.endpoint_id)


def _store(asked: _Asked) -> None:
    write_given(asked.question_id, asked.given)
    write_targets(asked.targets.values())
    changes: dict[str, Any] = {name: F(name) + count for name, count in asked.ended.items()}
    if asked.refused:
        changes["refused"] = F("refused") + asked.refused.total()
        _log_refused(asked.question_id, asked.refused)
    if changes:
        Question.objects.filter(pk=asked.question_id).update(**changes)


def digest_of(row: tuple[str, ...]) -> tuple[bytes, int]:
    """Return a row as the JSON that is stored, and the number by which it is known."""
    # Rows that many give are short; long ones would fill the memory.
    return _digest_once(row) if sum(map(len, row)) <= _CACHED_CHARACTERS else _digest(row)


def _digest(row: tuple[str, ...]) -> tuple[bytes, int]:
    encoded = msgspec.json.encode(row)
    # PostgreSQL stores no NUL, and the text is the endpoint's.
    if b"\\u0000" in encoded:
        encoded = msgspec.json.encode(storable_json(list(row)))
    digest = hashlib.blake2b(encoded, digest_size=8).digest()
    return encoded, int.from_bytes(digest, "big", signed=True)


_digest_once: Final = lru_cache(maxsize=8192)(_digest)


def _reason(message: QuestionAnswered) -> str:
    sentences = (
        f"{failure.name}: {failure.reason}" if failure.name else failure.reason
        for failure in message.failures
    )
    return storable_text("\n".join(sentences), _REASON_LENGTH)


def _log_refused(question_id: UUID, refused: Counter[str]) -> None:
    """Log each reason once for a question: an endpoint must not be able to fill the disk."""
    for reason, count in refused.items():
        if (question_id, reason) not in _logged:
            if len(_logged) >= _LOGGED_AT_MOST:
                _logged.clear()
            _logged.add((question_id, reason))
            log.warning(
                "questions.answer_refused", question=str(question_id), reason=reason, count=count
            )


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
