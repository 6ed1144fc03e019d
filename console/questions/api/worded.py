"""Questions as clients send them, in words or in the builder's form, read and written as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from console.access.models import User
from console.core.exceptions import InvalidInput
from console.endpoints.models import ComputerGroup
from console.endpoints.reach import reach_of
from console.questions.api.base import place_in_form, place_in_text
from console.questions.catalogue import definitions_for
from console.questions.exceptions import QuestionUnreadable
from console.questions.services import ASK
from console.questions.wording import parse_text
from sensors.exceptions import BuilderRefused, QuestionRefused
from sensors.language import (
    NameIndex,
    ParsedQuestion,
    question_from_json,
    question_to_json,
    to_text,
)

NO_SUCH_GROUP: Final = "There is no such computer group among those that you may ask."


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what one user sends, with the sensors that they may use."""

    index: NameIndex

    @classmethod
    def of(cls, user: User) -> Reader:
        """Make the reader of a user."""
        return cls(NameIndex(definitions_for(user)))

    def text_of(self, sent: Mapping[str, Any]) -> str:
        """Return the text of what was sent. Raises `QuestionUnreadable`, `InvalidInput`."""
        if "text" in sent:
            return str(sent["text"])
        try:
            return self._written(question_from_json(sent["question"], self.index))
        except BuilderRefused as refusal:
            raise InvalidInput(
                "The form is no question.", errors={refusal.path: [refusal.message]}
            ) from refusal
        except QuestionRefused as refusal:
            raise InvalidInput(
                "The form is no question.", errors={"question": [refusal.message]}
            ) from refusal

    def check(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Say what is sent means, or where it fails."""
        try:
            parsed = (
                parse_text(str(sent["text"]), self.index)
                if "text" in sent
                else question_from_json(sent["question"], self.index)
            )
            text = self._written(parsed)
        except QuestionUnreadable as refusal:
            return {"valid": False, **place_in_text(refusal)}
        except BuilderRefused as refusal:
            return {"valid": False, **place_in_form(refusal)}
        except QuestionRefused as refusal:
            return {
                "valid": False,
                "reason": refusal.message,
                "path": "question",
                "expected": list(refusal.expected),
            }
        return {
            "valid": True,
            "text": text,
            "question": question_to_json(parsed.selections, parsed.filter, parsed.group),
            "columns": _columns(parsed),
            "group": parsed.group,
        }

    def _written(self, parsed: ParsedQuestion) -> str:
        return to_text(parsed.selections, parsed.filter, parsed.group, self.index)


def groups_to_ask(user: User) -> QuerySet[ComputerGroup]:
    """Return the computer groups in which a user may ask."""
    reach = reach_of(user, ASK)
    groups = ComputerGroup.objects.order_by("name")
    return groups if reach.everything else groups.filter(pk__in=reach.group_ids)


def groups_with_ids(user: User, ids: Iterable[int]) -> tuple[ComputerGroup, ...]:
    """Find groups in which a user may ask.

    Raises `InvalidInput`, the same for one that does not exist and for one out of reach.
    """
    wanted = set(ids)
    found = tuple(groups_to_ask(user).filter(pk__in=wanted))
    if len(found) != len(wanted):
        raise InvalidInput(NO_SUCH_GROUP, errors={"groups": [NO_SUCH_GROUP]})
    return found


def groups_named(user: User, names: Iterable[str]) -> tuple[ComputerGroup, ...]:
    """Find groups in which a user may ask by their names, without regard to case.

    Raises `InvalidInput` as `groups_with_ids`.
    """
    known = {group.name.casefold(): group for group in groups_to_ask(user)}
    found = {name: known.get(name.casefold()) for name in names}
    unknown = [name for name, group in found.items() if group is None]
    if unknown:
        reasons = [f"{name!r}: {NO_SUCH_GROUP}" for name in unknown]
        raise InvalidInput(reasons[0], errors={"group_names": reasons})
    return tuple({group.pk: group for group in found.values() if group is not None}.values())


def _columns(parsed: ParsedQuestion) -> list[dict[str, Any]]:
    names = [column.name for column in parsed.columns]
    return [
        {
            "index": index,
            "label": (
                column.name if names.count(column.name) == 1 else f"{column.sensor}: {column.name}"
            ),
            "name": column.name,
            "sensor": column.sensor,
            "type": str(column.type),
        }
        for index, column in enumerate(parsed.columns)
    ]
