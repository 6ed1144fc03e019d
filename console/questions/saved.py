"""Saved questions: kept in content sets, asked again by hand or by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from console.access.content import content_sets_of, may_use
from console.access.models import ContentSet, User
from console.audit.services import REFUSED, record_audit_event
from console.core.actor import Actor
from console.core.exceptions import Conflict, InvalidInput, NotAllowed, VedetteError
from console.endpoints.models import ComputerGroup
from console.endpoints.reach import reach_of
from console.questions.models import Question, SavedQuestion
from console.questions.services import (
    ASK,
    DEFAULT_LIFETIME,
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    Terms,
    ask,
)
from console.questions.wording import word_question

log: structlog.stdlib.BoundLogger = structlog.get_logger()

READ: Final = "read_saved_question"
WRITE: Final = "write_saved_question"
SHORTEST_INTERVAL: Final = timedelta(minutes=1)
LONGEST_INTERVAL: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFields:
    """What a saved question consists of. Without `interval` it is asked by hand only."""

    name: str
    text: str
    content_set: ContentSet
    description: str = ""
    groups: Sequence[ComputerGroup] = ()
    lifetime: timedelta = DEFAULT_LIFETIME
    interval: timedelta | None = None


def saved_questions_for(user: User) -> QuerySet[SavedQuestion]:
    """Return the saved questions that a user may see: those of the content sets they may read."""
    return SavedQuestion.objects.filter(content_set__in=content_sets_of(user, READ))


@transaction.atomic
def save_question(fields: SavedFields, *, user: User, actor: Actor, now: datetime) -> SavedQuestion:
    """Keep a question under a name; `user` becomes its owner, on whose behalf it is scheduled.

    Raises `NotAllowed` for the content set or a group, `QuestionUnreadable`, `InvalidInput` for
    times, and `Conflict` for a name that is taken.
    """
    saved = SavedQuestion(owner=user, created_at=now)
    _write(saved, fields, user=user, now=now)
    _record(saved, "saved_question.create", actor=actor, now=now)
    return saved


@transaction.atomic
def change_saved_question(
    saved: SavedQuestion, fields: SavedFields, *, user: User, actor: Actor, now: datetime
) -> SavedQuestion:
    """Change it; whoever does becomes the owner, because it is asked with the owner's rights.

    Raises as `save_question`, and `NotAllowed` for the content set that it was in.
    """
    _require_write(user, saved.content_set)
    saved.owner = user
    _write(saved, fields, user=user, now=now)
    _record(saved, "saved_question.change", actor=actor, now=now)
    return saved


@transaction.atomic
def delete_saved_question(saved: SavedQuestion, *, user: User, actor: Actor, now: datetime) -> None:
    """Delete it; what was asked stays. Raises `NotAllowed`."""
    _require_write(user, saved.content_set)
    _record(saved, "saved_question.delete", actor=actor, now=now)
    saved.delete()


def ask_saved_question(
    saved: SavedQuestion, *, user: User, actor: Actor, now: datetime
) -> Question:
    """Ask it now, with the rights of `user`. Raises as `console.questions.services.ask`."""
    if not may_use(user, READ, saved.content_set):
        raise NotAllowed("Your roles do not let you use this saved question.")
    return _ask(saved, user=user, actor=actor, now=now, source=Question.Source.USER)


def ask_due_questions(*, now: datetime) -> int:
    """Ask every scheduled question whose time has come; tell how many were asked.

    With the rights that its owner has now. One that cannot be asked is skipped until its next
    time, and the audit log says why.
    """
    due = SavedQuestion.objects.filter(next_at__lte=now).select_related("owner", "content_set")
    return sum(_ask_due(saved, now=now) for saved in due)


def _ask_due(saved: SavedQuestion, *, now: datetime) -> bool:
    interval = timedelta(seconds=saved.interval or 0)
    # Times that passed while the console was down are left out.
    missed = (now - (saved.next_at or now)) // interval if interval else 0
    next_at = (saved.next_at or now) + (missed + 1) * interval if interval else None
    claimed = SavedQuestion.objects.filter(pk=saved.pk, next_at=saved.next_at).update(
        next_at=next_at
    )
    if not claimed or not interval:
        return False
    actor = Actor.system("schedule")
    try:
        owner = _owner_of(saved)
        actor = Actor(name=owner.username, user_id=owner.pk)
        _ask(saved, user=owner, actor=actor, now=now, source=Question.Source.SCHEDULE)
    except VedetteError as refusal:
        log.warning("questions.schedule_refused", question=saved.name, reason=refusal.detail)
        with transaction.atomic():
            record_audit_event(
                actor=actor,
                action="saved_question.ask",
                subject=saved,
                outcome=REFUSED,
                detail={"reason": refusal.detail},
                now=now,
            )
        return False
    return True


def _ask(
    saved: SavedQuestion, *, user: User, actor: Actor, now: datetime, source: Question.Source
) -> Question:
    # What was saved before this was refused may stay open longer than until the next time.
    seconds = min(saved.lifetime, saved.interval or saved.lifetime)
    terms = Terms(
        lifetime=timedelta(seconds=seconds),
        groups=tuple(saved.groups.all()),
        saved=saved,
        source=source,
    )
    return ask(saved.text, user=user, actor=actor, now=now, terms=terms)


def _owner_of(saved: SavedQuestion) -> User:
    owner = saved.owner
    if owner is None or not owner.is_active:
        raise NotAllowed("Its owner is gone: change it, so that it becomes yours.")
    if not may_use(owner, READ, saved.content_set):
        raise NotAllowed("Its owner may not use its content set any more.")
    return owner


def _write(saved: SavedQuestion, fields: SavedFields, *, user: User, now: datetime) -> None:
    _require_write(user, fields.content_set)
    _require_reach(user, fields.groups)
    _check_times(fields)
    word_question(fields.text, user=user)
    saved.name = fields.name.strip()
    saved.description = fields.description
    saved.text = fields.text.strip()
    saved.content_set = fields.content_set
    saved.lifetime = int(fields.lifetime.total_seconds())
    interval = None if fields.interval is None else int(fields.interval.total_seconds())
    if interval is None:
        saved.next_at = None
    elif saved.next_at is None or saved.interval != interval:
        saved.next_at = now
    saved.interval = interval
    saved.changed_at = now
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        taken = "This name is taken."
        raise Conflict(taken, errors={"name": [taken]}) from error
    saved.groups.set(fields.groups)


def _check_times(fields: SavedFields) -> None:
    errors: dict[str, list[str]] = {}
    if not fields.name.strip():
        errors["name"] = ["A saved question needs a name."]
    if not SHORTEST_LIFETIME <= fields.lifetime <= LONGEST_LIFETIME:
        errors["lifetime"] = [
            f"between {SHORTEST_LIFETIME.seconds} seconds and {LONGEST_LIFETIME.days} days"
        ]
    if fields.interval is not None and not (
        SHORTEST_INTERVAL <= fields.interval <= LONGEST_INTERVAL
    ):
        errors["interval"] = ["from every minute to once a year"]
    elif fields.interval is not None and fields.lifetime > fields.interval:
        # Endpoints remember a bounded number of questions that are still open.
        errors["lifetime"] = ["no longer than the interval: one of them is open at a time"]
    if errors:
        raise InvalidInput("The question cannot be saved.", errors=errors)


def _require_write(user: User, content_set: ContentSet) -> None:
    if not may_use(user, WRITE, content_set):
        raise NotAllowed(f"Your roles do not let you save questions in {content_set.name}.")


def _require_reach(user: User, groups: Sequence[ComputerGroup]) -> None:
    reach = reach_of(user, ASK)
    if not reach.everything and not {group.pk for group in groups} <= reach.group_ids:
        raise NotAllowed("Your roles do not reach all of these computer groups.")


def _record(saved: SavedQuestion, action: str, *, actor: Actor, now: datetime) -> None:
    record_audit_event(
        actor=actor,
        action=action,
        subject=saved,
        detail={"text": saved.text, "interval": saved.interval},
        now=now,
    )
