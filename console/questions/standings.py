"""How far many questions are at once, for lists; and with which earlier ones each compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from console.access.models import User
from console.endpoints.reach import Reach, reach_of
from console.questions.models import Question, QuestionTarget
from console.questions.selectors import VIEW, viewing_reach, visible_questions

State = QuestionTarget.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Counts of the endpoints in reach of one question."""

    asked: int = 0
    answered: int = 0
    not_matching: int = 0
    failed: int = 0

    @property
    def open(self) -> int:
        """Return how many have not said anything."""
        return self.asked - self.answered - self.not_matching - self.failed

    @property
    def percent(self) -> int:
        """Return how much of the question is answered, in whole percent."""
        return 100 * (self.asked - self.open) // self.asked if self.asked else 0


def standings_of(user: User, questions: Sequence[Question]) -> dict[UUID, Standing]:
    """Count how far these questions are, each in the reach in which the user sees its answers."""
    cut: dict[Reach, list[UUID]] = defaultdict(list)
    found: dict[UUID, Standing] = {}
    for question in questions:
        reach = viewing_reach(user, question)
        if reach.everything:
            found[question.pk] = _whole(question)
        else:
            cut[reach].append(question.pk)
    for reach, ids in cut.items():
        found |= _counted(ids, reach)
    return found


def comparable_with(user: User, question: Question) -> QuerySet[Question]:
    """Return the earlier answers to the same question that the user may see, newest first."""
    same = Q(text=question.text)
    if question.saved_id is not None:
        same |= Q(saved=question.saved_id)
    return visible_questions(user).filter(
        same, sequence__lt=question.sequence, columns=question.columns
    )


def comparing_reach(user: User, *questions: Question) -> Reach:
    """Tell of which endpoints a user sees the answers to all of these questions."""
    others = [question for question in questions if question.asked_by_id != user.pk]
    if others:
        # What one may view of others' questions is a part of what one sees of one's own.
        return viewing_reach(user, others[0])
    return viewing_reach(user, questions[0]) if questions else reach_of(user, VIEW)


def _whole(question: Question) -> Standing:
    return Standing(
        asked=question.asked,
        answered=question.answered,
        not_matching=question.not_matching,
        failed=question.failed,
    )


def _counted(ids: Iterable[UUID], reach: Reach) -> dict[UUID, Standing]:
    counts: dict[UUID, dict[str, int]] = {each: dict.fromkeys(State.values, 0) for each in ids}
    targets = reach.endpoints(QuestionTarget.objects.filter(question__in=counts), field="endpoint")
    grouped = targets.order_by().values_list("question", "state").annotate(Count("pk"))
    for question_id, state, number in grouped:
        counts[question_id][state] = number
    return {
        question_id: Standing(
            asked=sum(states.values()),
            answered=states[State.ANSWERED],
            not_matching=states[State.NOT_MATCHING],
            failed=states[State.FAILED],
        )
        for question_id, states in counts.items()
    }
