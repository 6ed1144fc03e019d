"""Ask, cancel and end questions.

A question is one row, one sealed envelope and a row for each endpoint that is asked, in one
transaction; gateways hear of it after the commit. The rows are the truth: what gateways read is a
copy in Redis, which `restore_questions` writes again whenever Redis lost it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet

from console.access.models import User
from console.audit.services import record_audit_event
from console.certificates.signing import sealer_for
from console.core.actor import Actor
from console.core.commits import after_commit
from console.core.exceptions import InvalidInput, NotAllowed
from console.core.live_topics import publish
from console.endpoints.models import ComputerGroup
from console.endpoints.reach import EVERYTHING, NOTHING, Reach, reach_of
from console.gateway.broadcasts import (
    Broadcast,
    lost_broadcasts,
    open_broadcast,
    receivers_of,
    withdraw_broadcasts,
)
from console.questions.answers import TOPIC
from console.questions.exceptions import (
    NobodyToAsk,
    QuestionEnded,
    QuestionUnreadable,
    TooManyQuestions,
)
from console.questions.models import Question, QuestionTarget, SavedQuestion
from console.questions.targets import Scope, add_joiners, add_targets, waiting_endpoints
from console.questions.wording import Wording, word_question
from protocol import codec
from protocol.signing import FLEET

ASK: Final = "questions.ask_question"
DEFAULT_LIFETIME: Final = timedelta(minutes=10)
SHORTEST_LIFETIME: Final = timedelta(seconds=10)
LONGEST_LIFETIME: Final = timedelta(days=7)
# What arrived in time may still wait for the ingester when a question's time is over.
GRACE: Final = timedelta(seconds=30)

# Questions whose time is not over, cancelled ones included: as long, endpoints remember them, and
# no more than `protocol.limits.FLEET_WINDOW`.
OPEN_OF_ONE_USER: Final = 500
OPEN_TOGETHER: Final = 3500

RECEIVED: Final = "It received the question and did not answer in time."
NEVER_RECEIVED: Final = "It was not online while the question was open."

State = QuestionTarget.State
_ASKED_AT_ONCE: Final = 500
_SEQUENCE_TRIES: Final = 20
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long a question stays open, whom it is for, and on what occasion.

    `groups` (none: all), and of those only `endpoints`, a statement that selects their ids.
    """

    lifetime: timedelta = DEFAULT_LIFETIME
    groups: tuple[ComputerGroup, ...] = ()
    source: Question.Source = Question.Source.USER
    saved: SavedQuestion | None = None
    endpoints: QuerySet[Any, Any] | None = None


def ask(
    text: str, *, user: User, actor: Actor, now: datetime, terms: Terms | None = None
) -> Question:
    """Ask all endpoints in the groups of `terms` that the user may ask.

    A group in the text takes the place of those. It ends `terms.lifetime` after `now`; until then
    endpoints that come online, enrol or join one of the groups are asked, too. Raises
    `QuestionUnreadable`, `ScriptNotOurs`, `InvalidInput` for the lifetime, `NotAllowed` when the
    user may ask nobody, `TooManyQuestions`, and `NobodyToAsk`.
    """
    terms = terms or Terms()
    reach = reach_of(user, ASK)
    if not reach:
        raise NotAllowed("Your roles let you ask no computer group.")
    wording = word_question(text, user=user)
    groups = terms.groups if wording.group is None else (_group_named(wording.group, reach),)
    scope = Scope(reach=reach, groups=groups, endpoint_ids=terms.endpoints)
    return pose(wording, scope, terms, asked_by=user, actor=actor, now=now)


@transaction.atomic
def pose(
    wording: Wording,
    scope: Scope,
    terms: Terms,
    *,
    asked_by: User | None,
    actor: Actor,
    now: datetime,
) -> Question:
    """Ask whom `scope` reaches what `wording` says. The asker's rights were looked at before.

    Raises `InvalidInput` for the lifetime, `TooManyQuestions`, and `NobodyToAsk` unless it is a
    schedule's or the console's own question, which waits for whoever joins.
    """
    if not SHORTEST_LIFETIME <= terms.lifetime <= LONGEST_LIFETIME:
        reason = f"between {SHORTEST_LIFETIME.seconds} seconds and {LONGEST_LIFETIME.days} days"
        raise InvalidInput("The question cannot stay open so long.", errors={"lifetime": [reason]})
    _require_room(asked_by, now=now)
    question = Question(
        id=uuid.uuid4(),
        text=wording.text,
        columns=wording.columns_json(),
        source=terms.source,
        saved=terms.saved,
        only_chosen=scope.endpoint_ids is not None,
        asked_by=asked_by,
        asked_at=now,
        expires_at=now + terms.lifetime,
    )
    _seal_and_save(question, wording)
    question.groups.set(scope.groups)
    question.sensors.set(wording.sensors)
    question.asked = add_targets(question, scope)
    if not question.asked and terms.source in (Question.Source.USER, Question.Source.TEST):
        raise NobodyToAsk("No endpoint is in the computer groups that this question reaches.")
    Question.objects.filter(pk=question.pk).update(asked=question.asked)
    if terms.source is not Question.Source.GROUPS:
        _record(question, "question.ask", actor=actor, now=now)
    publish(TOPIC, [{"id": str(question.pk)}])
    after_commit(_open, question)
    return question


def cancel(question: Question, *, actor: Actor, now: datetime) -> None:
    """End a question before its time; answers under way are not stored any more.

    Raises `QuestionEnded` when it has ended.
    """
    with transaction.atomic(durable=True):
        is_ours = Question.objects.filter(pk=question.pk, ended_at=None, expires_at__gt=now).update(
            ended_at=now, cancelled_at=now, cancelled_by=actor.name[:150]
        )
        if not is_ours:
            raise QuestionEnded("This question has ended.")
        QuestionTarget.objects.filter(question=question, state=State.WAITING).update(
            state=State.CANCELLED, reason=f"Cancelled by {actor.name}."
        )
        _record(question, "question.cancel", actor=actor, now=now)
        publish(TOPIC, [{"id": str(question.pk)}])
        after_commit(withdraw_broadcasts, [question.pk])


def expire_questions(*, now: datetime) -> int:
    """End questions whose time is over, noting why endpoints did not answer; tell how many.

    Raises `redis.RedisError` when it cannot be known who received them: they stay for later.
    """
    overdue = Question.objects.filter(ended_at=None, expires_at__lte=now - GRACE)
    ended = [pk for pk in list(overdue.values_list("pk", flat=True)) if _expire(pk, now=now)]
    if ended:
        withdraw_broadcasts(ended)
    return len(ended)


def ask_joiners(endpoint_ids: Iterable[UUID], *, now: datetime) -> int:
    """Ask endpoints that enrolled or joined a group what is open there; tell how many targets.

    What the asker may ask counts now, not when the question was asked.
    """
    joined = list(endpoint_ids)
    questions = Question.objects.filter(
        ended_at=None, expires_at__gt=now, only_chosen=False
    ).exclude(source=Question.Source.TEST)
    return sum(
        _ask_joiners(question, joined)
        for question in questions.defer("request", "envelope")
        .select_related("asked_by")
        .prefetch_related("groups")
    )


def restore_questions(*, now: datetime) -> int:
    """Write open questions to Redis again that it lost; tell how many. Raises `RedisError`."""
    open_now = Question.objects.filter(ended_at=None, expires_at__gt=now)
    waiting = F("asked") - F("answered") - F("not_matching") - F("failed")
    lost = lost_broadcasts(dict(open_now.values_list("pk", waiting)))
    for question in Question.objects.filter(pk__in=lost).only("envelope", "expires_at"):
        _open(question)
    return len(lost)


def scope_of(question: Question) -> Scope:
    """Tell whom an open question reaches now."""
    return Scope(reach=_reach_of_asker(question), groups=tuple(question.groups.all()))


# ---------------------------------------------------------------------- inside


def _reach_of_asker(question: Question) -> Reach:
    if question.source == Question.Source.GROUPS:
        return EVERYTHING
    return reach_of(question.asked_by, ASK) if question.asked_by is not None else NOTHING


def _require_room(asked_by: User | None, *, now: datetime) -> None:
    current = Question.objects.filter(expires_at__gt=now)
    own = 0 if asked_by is None else current.filter(asked_by=asked_by).count()
    if own >= OPEN_OF_ONE_USER:
        raise TooManyQuestions(
            f"{own} of your questions are still open: ask again when some of them have ended."
        )
    if current.count() >= OPEN_TOGETHER:
        raise TooManyQuestions("Too many questions of everybody together are open: try later.")


def _group_named(name: str, reach: Reach) -> ComputerGroup:
    groups = ComputerGroup.objects.filter(name__iexact=name)
    if not reach.everything:
        groups = groups.filter(pk__in=reach.group_ids)
    group = groups.first()
    if group is None:
        # The same for one that exists out of the user's reach.
        raise QuestionUnreadable(
            f"There is no computer group named {name!r}.", line=1, column=1, length=0
        )
    return group


def _seal_and_save(question: Question, wording: Wording) -> None:
    """Give the question the fleet's next sequence: the instant in µs, or one above the last.

    Old questions are deleted and backups are restored, but time goes on: a number that endpoints
    have seen is not given again. Another question that is asked at this moment may take it first:
    the constraint tells, and the next number is tried.
    """
    request = wording.request(question.pk)
    question.request = codec.INSTRUCTION.encode(request)
    sealer = sealer_for(
        request,
        issued_at=_microseconds(question.asked_at),
        expires_at=_microseconds(question.expires_at),
    )
    for left in reversed(range(_SEQUENCE_TRIES)):
        last = Question.objects.aggregate(last=Max("sequence"))["last"] or 0
        question.sequence = max(last + 1, _microseconds(question.asked_at))
        question.envelope = sealer.seal(audience=FLEET, sequence=question.sequence)
        try:
            with transaction.atomic():
                question.save(force_insert=True)
        except IntegrityError:
            if not left:
                raise
        else:
            return


def _open(question: Question) -> None:
    broadcast = Broadcast(question.pk, bytes(question.envelope), question.expires_at)
    open_broadcast(broadcast, waiting_endpoints(question.pk))


def _ask_joiners(question: Question, endpoint_ids: Sequence[UUID]) -> int:
    with transaction.atomic():
        still_open = Question.objects.select_for_update(no_key=True).filter(ended_at=None)
        # One that ends at this moment would leave them waiting for ever.
        if not still_open.filter(pk=question.pk).exists():
            return 0
        newcomers = add_joiners(question, scope_of(question), endpoint_ids)
        if not newcomers:
            return 0
        Question.objects.filter(pk=question.pk).update(asked=F("asked") + len(newcomers))
        publish(TOPIC, [{"id": str(question.pk)}])
        broadcast = Broadcast(question.pk, bytes(question.envelope), question.expires_at)
        after_commit(open_broadcast, broadcast, newcomers)
    return len(newcomers)


def _expire(question_id: UUID, *, now: datetime) -> bool:
    receivers = list(receivers_of(question_id))
    with transaction.atomic(durable=True):
        if not Question.objects.filter(pk=question_id, ended_at=None).update(ended_at=now):
            return False
        waiting = QuestionTarget.objects.filter(question=question_id, state=State.WAITING)
        for start in range(0, len(receivers), _ASKED_AT_ONCE):
            slice_ = receivers[start : start + _ASKED_AT_ONCE]
            waiting.filter(endpoint__in=slice_).update(state=State.EXPIRED, reason=RECEIVED)
        waiting.update(state=State.EXPIRED, reason=NEVER_RECEIVED)
        publish(TOPIC, [{"id": str(question_id)}])
    return True


def _record(question: Question, action: str, *, actor: Actor, now: datetime) -> None:
    record_audit_event(
        actor=actor,
        action=action,
        subject_type=Question._meta.label_lower,
        subject_id=str(question.pk),
        subject_name=question.text[:255],
        detail={"source": question.source, "endpoints": question.asked},
        now=now,
    )


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
