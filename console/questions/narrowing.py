"""To whom a question goes: the groups it is for, and endpoints that another question singled out.

Whoever goes on from a question keeps to its groups, or to the endpoints that gave one of its rows,
or that did not answer it. Which those are is found when the new question is asked, in the reach of
whoever asks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from console.access.models import User
from console.core.exceptions import InvalidInput
from console.endpoints.models import ComputerGroup, Endpoint
from console.endpoints.reach import Reach, reach_of
from console.questions.catalogue import definitions_for
from console.questions.drill_down import endpoints_giving
from console.questions.exceptions import QuestionUnreadable
from console.questions.grid import GridRequest
from console.questions.models import Question, QuestionTarget
from console.questions.selectors import VIEW, question_for, unanswered_targets, viewing_reach
from console.questions.services import ASK, Terms
from console.questions.wording import parse_text


class Narrowing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask as `question` was asked: its groups, and its endpoints where those were chosen.

    With `row` only the endpoints that gave this row, with `group_by` all rows that are equal to it
    there; with `unanswered` those that did not answer in full.
    """

    question: UUID
    row: int | None = None
    group_by: tuple[int, ...] = ()
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsSeen:
    """The computer groups of a question whose names a user may see, and whether it has others."""

    names: tuple[str, ...] = ()
    others: bool = False

    def __bool__(self) -> bool:
        """Tell whether the question is for some groups only."""
        return bool(self.names) or self.others

    def __str__(self) -> str:
        others = ("computer groups out of your reach",) if self.others else ()
        return ", ".join((*self.names, *others))


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What a page says of a narrowing: how many endpoints of which sort, or which groups."""

    question: Question
    groups: GroupsSeen
    sort: str = ""
    endpoints: int = 0


def narrowed_terms(terms: Terms, narrowing: Narrowing, *, user: User) -> Terms:
    """Return the terms for no others than the narrowing leaves. Raises `NotFound`, `InvalidInput`.

    A group in the text of the question stays there, and is not added to its terms.
    """
    question = question_for(user, narrowing.question)
    chosen = _chosen(question, narrowing, user=user)
    if chosen is not None:
        return dataclasses.replace(terms, endpoints=chosen)
    if _names_a_group(question, user):
        return terms
    return dataclasses.replace(terms, groups=tuple(question.groups.all()))


def describe_narrowing(narrowing: Narrowing, *, user: User) -> Narrowed | None:
    """Say whom a narrowing leaves; None when nobody is left out. Raises as `narrowed_terms`."""
    question = question_for(user, narrowing.question)
    chosen = _chosen(question, narrowing, user=user)
    if chosen is not None:
        asked = reach_of(user, ASK).endpoints(Endpoint.objects.filter(revoked_at=None))
        number = asked.filter(pk__in=chosen).count()
        sort = "row" if narrowing.row is not None else "unanswered"
        if narrowing.row is None and not narrowing.unanswered:
            sort = "asked"
        return Narrowed(question=question, groups=GroupsSeen(), sort=sort, endpoints=number)
    if _names_a_group(question, user):
        return None
    groups = groups_seen(user, question.groups.all())
    return Narrowed(question=question, groups=groups) if groups else None


def groups_seen(user: User, groups: Iterable[ComputerGroup]) -> GroupsSeen:
    """Return of the groups of a question what a user may know; nothing when it is for everybody."""
    found = list(groups)
    if any(group.kind == ComputerGroup.Kind.ALL for group in found):
        return GroupsSeen()
    seen = [group for group in found if _reaches(user, group)]
    names = tuple(sorted(group.name for group in seen))
    return GroupsSeen(names=names, others=len(seen) < len(found))


def groups_to_save(narrowing: Narrowing, *, user: User) -> tuple[list[ComputerGroup], bool]:
    """Return the groups that a question to be saved keeps, and whether it will reach others, too.

    Nobody saves a question for groups that they may not ask, and none keeps chosen endpoints.
    Raises as `narrowed_terms`.
    """
    question = question_for(user, narrowing.question)
    widens = _chosen(question, narrowing, user=user) is not None
    if _names_a_group(question, user):
        return [], widens
    asking = reach_of(user, ASK)
    groups = list(question.groups.all())
    kept = [each for each in groups if asking.everything or each.pk in asking.group_ids]
    return kept, widens or len(kept) < len(groups)


# ---------------------------------------------------------------------- inside


def _chosen(question: Question, narrowing: Narrowing, *, user: User) -> QuerySet[Any, Any] | None:
    if narrowing.row is not None and narrowing.unanswered:
        raise InvalidInput("Either of a row, or who did not answer.")
    reach = viewing_reach(user, question)
    if narrowing.row is not None:
        request = GridRequest(group_by=narrowing.group_by)
        return endpoints_giving(question, reach, narrowing.row, request)
    if narrowing.unanswered:
        return unanswered_targets(question, reach).values("endpoint")
    return _asked(question, reach) if question.only_chosen else None


def _asked(question: Question, reach: Reach) -> QuerySet[Any, Any]:
    targets = QuestionTarget.objects.filter(question=question)
    return reach.endpoints(targets, field="endpoint").values("endpoint")


def _names_a_group(question: Question, user: User) -> bool:
    try:
        return parse_text(question.text, definitions_for(user)).group is not None
    except QuestionUnreadable:
        # One of its sensors is gone: then its groups are all that is known.
        return False


def _reaches(user: User, group: ComputerGroup) -> bool:
    return any(
        reach.everything or group.pk in reach.group_ids
        for reach in (reach_of(user, ASK), reach_of(user, VIEW))
    )
