"""What the input of a question asks the console while somebody types or clicks.

Completion, errors and the two directions between text and form all come from the language itself;
whoever asks sees the sensors and computer groups that they may use, and no other.

Positions in texts are counted here as browsers do, in UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from django.http import HttpRequest
from django.views.decorators.http import require_POST, require_safe

from console.access.models import User
from console.core.exceptions import InvalidInput
from console.endpoints.models import ComputerGroup
from console.endpoints.reach import reach_of
from console.questions.browser_json import body_of, json_view, place_of, user_of
from console.questions.catalogue import definitions_for
from console.questions.exceptions import QuestionUnreadable
from console.questions.services import ASK
from console.questions.wording import LONGEST_TEXT, parse_text
from sensors.conditions import OPERATORS, operators_for
from sensors.definitions import Column, Cost, SensorDefinition, ValueType
from sensors.language import (
    BuilderRefused,
    Choice,
    Completion,
    NameIndex,
    ParsedQuestion,
    QuestionRefused,
    complete,
    question_from_json,
    question_to_json,
    to_text,
)

# How much a word must be like another one to be what was meant, of 1.
_ALIKE: Final = 0.6


class _Typed(msgspec.Struct):
    text: str
    position: int = 0


class _Built(msgspec.Struct):
    form: dict[str, Any]


_typed: Final = msgspec.json.Decoder(_Typed)
_built: Final = msgspec.json.Decoder(_Built)


@require_safe
@json_view(ASK)
def list_sensors(request: HttpRequest) -> dict[str, Any]:
    """List what a question may be built from: sensors, operators by type, computer groups."""
    return {
        "sensors": [describe_sensor(each) for each in definitions_for(user_of(request))],
        "operators": operators_by_type(),
        "without_value": [each.name for each in OPERATORS.values() if not each.takes_value],
        "groups": group_names(user_of(request)),
    }


@require_POST
@json_view(ASK)
def complete_text(request: HttpRequest) -> dict[str, Any]:
    """Say how a text may go on at the cursor."""
    typed = body_of(request, _typed)
    if len(typed.text) > LONGEST_TEXT:
        return {"start": typed.position, "end": typed.position, "choices": []}
    position = _characters(typed.text, typed.position)
    found = _completed(typed.text, position, user_of(request))
    return {
        "start": _units(typed.text, found.start),
        "end": _units(typed.text, found.end),
        "choices": [msgspec.to_builtins(choice) for choice in _likelier(found.choices)],
    }


@require_POST
@json_view(ASK)
def check_text(request: HttpRequest) -> dict[str, Any]:
    """Tell whether a text is a question: its form and columns, or where it is wrong."""
    text = body_of(request, _typed).text
    index = NameIndex(definitions_for(user_of(request)))
    try:
        parsed = parse_text(text, index)
    except QuestionUnreadable as refusal:
        return {"valid": False, "error": _marked(text, refusal)}
    return {
        "valid": True,
        "form": question_to_json(parsed.selections, parsed.filter, parsed.group),
        **_summary(parsed, index),
    }


@require_POST
@json_view(ASK)
def build_text(request: HttpRequest) -> dict[str, Any]:
    """Write a form as text, or say which part of it is wrong."""
    form = body_of(request, _built).form
    index = NameIndex(definitions_for(user_of(request)))
    try:
        parsed = question_from_json(form, index)
        text = to_text(parsed.selections, parsed.filter, parsed.group, index)
    except BuilderRefused as refusal:
        error = {"path": refusal.path, "message": refusal.message}
        return {"valid": False, "error": error | {"expected": list(refusal.expected)}}
    except QuestionRefused as refusal:
        error = {"path": "", "message": refusal.message}
        return {"valid": False, "error": error | {"expected": list(refusal.expected)}}
    return {"valid": True, "text": text, **_summary(parsed, index)}


def group_names(user: User) -> list[str]:
    """Name the computer groups in which a user may ask."""
    reach = reach_of(user, ASK)
    groups = ComputerGroup.objects.exclude(kind=ComputerGroup.Kind.NONE)
    if not reach.everything:
        groups = groups.filter(pk__in=reach.group_ids)
    return list(groups.values_list("name", flat=True))


def describe_sensor(sensor: SensorDefinition) -> dict[str, Any]:
    """Describe a sensor for the form in which questions are clicked together."""
    described: dict[str, Any] = msgspec.to_builtins(sensor)
    return described | {
        # With these a comparison may look at all columns at once.
        "operators": list(operators_for(sensor.columns)),
        "needs": [each.key for each in sensor.parameters if each.default is None],
    }


def operators_by_type() -> dict[str, list[str]]:
    """Map each type of a column to the operators that compare it."""
    return {kind.value: list(operators_for([Column("", kind)])) for kind in ValueType}


def _completed(text: str, position: int, user: User) -> Completion:
    """Complete a text; one that begins with what is sought is completed as if `Get` were there."""
    begun = text[:position].lstrip().casefold()
    prefix = "" if begun.startswith("get") or "get".startswith(begun) else "Get "
    found = complete(
        prefix + text,
        position + len(prefix),
        definitions_for(user),
        groups=group_names(user),
    )
    if not prefix or found.start < len(prefix):
        return found
    kept = (prefix + text)[: found.start]
    choices = (msgspec.structs.replace(each, text=kept + each.text) for each in found.choices)
    return Completion(0, found.end - len(prefix), tuple(choices))


def _likelier(choices: tuple[Choice, ...]) -> Iterator[Choice]:
    """Offer first, where a question may end, the whole of how nearly every question ends."""
    if any(choice.text == "from" for choice in choices):
        yield Choice("from all machines", "keyword", "everybody whom you may ask")
    yield from choices


def _summary(parsed: ParsedQuestion, index: NameIndex) -> dict[str, Any]:
    named = [index.by_key(selection.call.key) for selection in parsed.selections]
    return {
        "columns": [column.name for column in parsed.columns],
        "heavy": [each.name for each in named if each is not None and each.cost is Cost.HEAVY],
    }


def _marked(text: str, refusal: QuestionUnreadable) -> dict[str, Any]:
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: refusal.line - 1]) + refusal.column - 1
    start = min(start, len(text))
    end = min(start + refusal.length, len(text))
    return place_of(refusal) | {
        "start": _units(text, start),
        "end": _units(text, end),
        "suggestions": _alike(text[start:end], refusal.expected),
    }


def _alike(wrong: str, expected: tuple[str, ...]) -> list[str]:
    """Return what was most likely meant, of what could have stood there."""
    spelled = {word.casefold(): word for word in expected}
    near = get_close_matches(wrong.casefold(), spelled, n=4, cutoff=_ALIKE)
    return [spelled[word] for word in near]


def _units(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-16-le", "surrogatepass")) // 2


def _characters(text: str, units: int) -> int:
    if units < 0:
        raise InvalidInput("A position is not below 0.")
    encoded = text.encode("utf-16-le", "surrogatepass")[: 2 * units]
    return len(encoded.decode("utf-16-le", "ignore"))
