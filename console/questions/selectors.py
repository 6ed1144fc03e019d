"""What a user may see of questions, and how far the endpoints are with them.

Everything here is cut to a reach: who sees a question sees the answers of the endpoints in reach,
and nothing tells how many others there are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from console.access.content import content_sets_of
from console.access.models import User
from console.core.exceptions import NotFound
from console.core.redis import client
from console.endpoints.models import ComputerGroup
from console.endpoints.presence import online_ids
from console.endpoints.reach import EVERYTHING, Reach, reach_of
from console.gateway.broadcasts import receivers_of
from console.questions.models import Question, QuestionTarget, Sensor
from console.questions.services import ASK

log: structlog.stdlib.BoundLogger = structlog.get_logger()

VIEW: Final = "questions.view_question"
ASK_CAPABILITY: Final = "question.ask"

State = QuestionTarget.State
_EVERYBODY_KNOWS: Final = (ComputerGroup.Kind.ALL, ComputerGroup.Kind.NONE)

PARTIAL: Final = "partial"
KINDS: Final = (
    "offline",
    "received",
    "sent",
    "too-old",
    "failed",
    PARTIAL,
    "revoked",
    "expired",
    "cancelled",
)
# What an agent says beside rows is which of its sensors failed.
_IN_PART: Final = Q(state=State.ANSWERED) & (~Q(reason="") | Q(cut__gt=0))
_READ_AT_ONCE: Final = 500

TOO_OLD: Final = "The agent is too old to answer questions: update it."
REVOKED: Final = "The endpoint was cut off."
NEVER_SEEN: Final = "The endpoint was never online."
OFFLINE: Final = "The endpoint is offline."
WORKING: Final = "It received the question and has not answered yet."
NOT_SENT: Final = "It is online, and the question is on its way."
LEFT_OUT: Final = "It had more rows than an answer holds: {count:,} were left out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a question is, counted over the endpoints in reach.

    `answered_in_part` of those that answered: some of the sensors failed there, or it had more rows
    than an answer holds; `rows_left_out` adds the latter up. `waiting_online` and
    `waiting_offline` are what WAITING is made of now; both are None when nobody can tell, because
    Redis does not answer.
    """

    asked: int
    answered: int
    answered_in_part: int
    rows_left_out: int
    not_matching: int
    failed: int
    expired: int
    cancelled: int
    waiting: int
    waiting_online: int | None
    waiting_offline: int | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """One endpoint without an answer, or with a part of one, and why. `kind` sorts the reasons.

    `kind` is one of `KINDS`, `reason` one sentence or more lines of them; `since` is when the
    endpoint was last heard, where that matters.
    """

    endpoint_id: UUID
    host_name: str
    kind: str
    reason: str
    since: datetime | None = None
    rows_left_out: int = 0


def visible_questions(user: User) -> QuerySet[Question]:
    """Return the questions that a user may see, newest first.

    Their own, and with `questions.view_question` those that asked an endpoint in reach and are for
    no computer group out of reach, which their words would name; of both only such whose sensors
    they may all use. What computer groups ask is not among them, and somebody's test of a sensor is
    only theirs.
    """
    if not user.is_active:
        return Question.objects.none()
    questions = Question.objects.exclude(source=Question.Source.GROUPS).order_by("-sequence")
    if user.is_superuser:
        return questions
    reach = reach_of(user, VIEW)
    targets = reach.endpoints(
        QuestionTarget.objects.filter(question=OuterRef("pk")), field="endpoint"
    )
    others = Q(Exists(targets)) & ~Q(source=Question.Source.TEST) if reach else Q(pk__in=[])
    if not reach.everything:
        others &= Q(~Exists(_groups_out_of(reach)))
    # By content set: the answers of a sensor that was retired meanwhile stay visible.
    forbidden = Sensor.objects.exclude(content_set__in=content_sets_of(user, "read_sensor"))
    named = Question.sensors.through.objects.filter(
        question=OuterRef("pk"), sensor__in=forbidden.values("pk")
    )
    return questions.filter(Q(asked_by=user) | others).exclude(Exists(named))


def question_for(user: User, question_id: UUID) -> Question:
    """Return a question that the user may see. Raises `NotFound`."""
    question = visible_questions(user).filter(pk=question_id).first()
    if question is None:
        raise NotFound("There is no such question.")
    return question


def viewing_reach(user: User, question: Question) -> Reach:
    """Tell of which endpoints a user sees the answers to a question.

    Who asked it sees whom they may ask or view now, others whom they may view.
    """
    if user.is_superuser and user.is_active:
        return EVERYTHING
    reach = reach_of(user, VIEW)
    if question.asked_by_id != user.pk:
        return reach
    asking = reach_of(user, ASK)
    return Reach(
        everything=reach.everything or asking.everything,
        group_ids=reach.group_ids | asking.group_ids,
    )


def reaches_all(question: Question, reach: Reach) -> bool:
    """Tell whether every asked endpoint is in reach: then the merged rows need no cutting."""
    if reach.everything:
        return True
    targets = QuestionTarget.objects.filter(question=question)
    return bool(reach) and reach.endpoints(targets, field="endpoint").count() == targets.count()


def may_cancel(user: User, question: Question) -> bool:
    """Tell whether a user may end a question: whoever asked it, and administrators."""
    return user.is_active and (user.is_superuser or question.asked_by_id == user.pk)


def progress(question: Question, reach: Reach, *, now: datetime) -> Progress:
    """Count how far the endpoints in reach are."""
    counts = _counts_of(question, reach)
    is_open = question.ended_at is None and question.expires_at > now
    online = _waiting_online(question, reach) if counts[State.WAITING] else 0
    return Progress(
        asked=sum(counts.values()),
        answered=counts[State.ANSWERED],
        **_partial_of(question, reach),
        not_matching=counts[State.NOT_MATCHING],
        failed=counts[State.FAILED],
        expired=counts[State.EXPIRED],
        cancelled=counts[State.CANCELLED],
        waiting=counts[State.WAITING],
        waiting_online=online,
        waiting_offline=None if online is None else counts[State.WAITING] - online,
        is_open=is_open,
    )


def unanswered_targets(question: Question, reach: Reach) -> QuerySet[QuestionTarget]:
    """Return the endpoints in reach that gave no answer to a question, or a part of one."""
    targets = QuestionTarget.objects.filter(
        ~Q(state__in=(State.ANSWERED, State.NOT_MATCHING)) | _IN_PART, question=question
    )
    return reach.endpoints(targets, field="endpoint")


def unanswered(
    question: Question, reach: Reach, *, after: str = "", limit: int = 500
) -> list[Unanswered]:
    """List endpoints in reach that gave no answer or a part of one, by host name, and why.

    `after` continues behind a former list: the host name and the id of its last endpoint, joined
    by a slash (`cursor_of`).
    """
    targets = unanswered_targets(question, reach).select_related("endpoint")
    if after:
        host_name, _, endpoint_id = after.rpartition("/")
        targets = targets.filter(
            Q(endpoint__host_name__gt=host_name)
            | Q(endpoint__host_name=host_name, endpoint__gt=_as_uuid(endpoint_id))
        )
    page = list(targets.order_by("endpoint__host_name", "endpoint")[:limit])
    waiting = [target.endpoint_id for target in page if target.state == State.WAITING]
    online, received = _seen_of(question, waiting)
    return [_explain(target, online, received) for target in page]


def all_unanswered(
    question: Question, reach: Reach, *, kind: str = "", after: str = ""
) -> Iterator[Unanswered]:
    """Yield what `unanswered` lists, page by page; with `kind` only those of one."""
    while page := unanswered(question, reach, after=after, limit=_READ_AT_ONCE):
        yield from (each for each in page if not kind or each.kind == kind)
        if len(page) < _READ_AT_ONCE:
            return
        after = cursor_of(page[-1])


def cursor_of(last: Unanswered) -> str:
    """Write where a list of unanswered endpoints ended."""
    return f"{last.host_name}/{last.endpoint_id}"


# ---------------------------------------------------------------------- inside


def _groups_out_of(reach: Reach) -> QuerySet[Any]:
    for_groups = Question.groups.through.objects.filter(question=OuterRef("pk"))
    return for_groups.exclude(
        Q(computergroup__in=reach.group_ids) | Q(computergroup__kind__in=_EVERYBODY_KNOWS)
    )


def _counts_of(question: Question, reach: Reach) -> dict[str, int]:
    counts = dict.fromkeys(State.values, 0)
    targets = reach.endpoints(QuestionTarget.objects.filter(question=question), field="endpoint")
    counts.update(targets.order_by().values_list("state").annotate(Count("pk")))
    return counts


def _partial_of(question: Question, reach: Reach) -> dict[str, int]:
    targets = QuestionTarget.objects.filter(_IN_PART, question=question)
    found = reach.endpoints(targets, field="endpoint").aggregate(
        answered_in_part=Count("pk"), rows_left_out=Coalesce(Sum("cut"), 0)
    )
    return {name: int(number) for name, number in found.items()}


def _waiting_online(question: Question, reach: Reach) -> int | None:
    targets = QuestionTarget.objects.filter(question=question, state=State.WAITING)
    waiting = reach.endpoints(targets, field="endpoint").values_list("endpoint_id", flat=True)
    try:
        with client() as connection:
            return len(online_ids(connection, waiting, now=time.time()))
    except redis.RedisError as error:
        log.warning("questions.presence_unknown", reason=str(error))
        return None


def _seen_of(question: Question, waiting: Sequence[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Tell which of these are online, and which got the question. Both empty without Redis."""
    if not waiting:
        return set(), set()
    try:
        with client() as connection:
            online = online_ids(connection, waiting, now=time.time())
        return online, receivers_of(question.pk)
    except redis.RedisError as error:
        log.warning("questions.presence_unknown", reason=str(error))
        return set(), set()


def _explain(target: QuestionTarget, online: set[UUID], received: set[UUID]) -> Unanswered:
    endpoint = target.endpoint
    kind, reason, since = target.state.lower(), target.reason, None
    if target.state == State.ANSWERED:
        left_out = [LEFT_OUT.format(count=target.cut)] if target.cut else []
        kind, reason = PARTIAL, "\n".join([*filter(None, [reason]), *left_out])
    elif endpoint.revoked_at is not None and target.state != State.FAILED:
        kind, reason, since = "revoked", REVOKED, endpoint.revoked_at
    elif target.state == State.WAITING:
        since = endpoint.last_seen_at
        if endpoint.pk in online:
            kind, reason = ("received", WORKING) if endpoint.pk in received else ("sent", NOT_SENT)
        elif endpoint.capabilities and ASK_CAPABILITY not in endpoint.capabilities:
            kind, reason = "too-old", TOO_OLD
        else:
            kind, reason = "offline", OFFLINE if since is not None else NEVER_SEEN
    elif target.state == State.FAILED and reason == TOO_OLD:
        kind = "too-old"
    elif target.state == State.EXPIRED:
        since = endpoint.last_seen_at
    return Unanswered(
        endpoint_id=endpoint.pk,
        host_name=endpoint.host_name,
        kind=kind,
        reason=reason,
        since=since,
        rows_left_out=target.cut if target.state == State.ANSWERED else 0,
    )


def _as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("There is no such page.") from error
