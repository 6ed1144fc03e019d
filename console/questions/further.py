"""Go on from an answer: the next question as text, for the user to look at and ask.

The text is written with the sensors that the user may use now. A question that names one of them
no more cannot be gone on from.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.access.models import User
from console.core.exceptions import InvalidInput
from console.questions.catalogue import definitions_for
from console.questions.models import Question
from console.questions.wording import parse_text
from protocol.questions import Comparison, Filter, Selection, SensorCall
from sensors.conditions import check_comparison
from sensors.definitions import SensorDefinition
from sensors.exceptions import ConditionRefused
from sensors.language import NameIndex, ParsedQuestion, QuestionRefused, to_text
from sensors.language.tree import all_of

FIRST_SENSOR = "computer.name"


def ask_about_row(
    question: Question, values: Sequence[str], columns: Sequence[int], *, user: User
) -> str:
    """Write `Get … from machines with …`: those that have each of these values in some row now.

    Whoever wants exactly the endpoints that gave the row asks with a `Narrowing`.
    The question's own filter and group stay. It asks for the computer's name to begin with, or
    for what the question asks. Raises `InvalidInput` when no column can be compared, and
    `QuestionUnreadable`.
    """
    index = NameIndex(definitions_for(user))
    parsed = parse_text(question.text, index)
    places = _places(parsed, index)
    if [sensor.columns[place].name for sensor, place, _ in places] != [
        column["name"] for column in question.columns
    ]:
        raise InvalidInput("Its sensors have other columns by now: ask it again first.")
    parts: list[Filter] = [parsed.filter] if parsed.filter is not None else []
    own = [
        comparison
        for column in columns
        if (comparison := _comparison(*places[column], values[column])) is not None
    ]
    if not own:
        raise InvalidInput("None of these values can be asked for: they are empty.")
    condition = all_of([*parts, *(each for each in own if each not in parts)])
    first = index.by_key(FIRST_SENSOR)
    selections = parsed.selections
    if first is not None:
        selections = [Selection(call=SensorCall(key=first.key, name=first.name, columns=1))]
    try:
        return to_text(selections, condition, parsed.group, index)
    except QuestionRefused as refusal:
        raise InvalidInput(f"This cannot be asked: {refusal.message}") from refusal


def _places(
    parsed: ParsedQuestion, index: NameIndex
) -> list[tuple[SensorDefinition, int, SensorCall]]:
    """Tell for each column of the answer its sensor, its place there, and the call."""
    places = []
    for selection in parsed.selections:
        sensor = index.by_key(selection.call.key)
        if sensor is None:
            raise InvalidInput(f"“{selection.call.name}” cannot be asked any more.")
        places += [(sensor, place, selection.call) for place in range(len(sensor.columns))]
    return places


def _comparison(
    sensor: SensorDefinition, place: int, call: SensorCall, value: str
) -> Comparison | None:
    column = sensor.columns[place]
    try:
        check_comparison("is", value, [column])
    except ConditionRefused:
        return None
    if not value:
        return None
    name = column.name if len(sensor.columns) > 1 else ""
    return Comparison(call=call, operator="is", value=value, column=name)
