"""What a question asks: its text read with the sensors that its asker may use.

The calls leave here complete: each tells how many columns it should have, and a user's own sensor
brings its verified script along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from console.access.models import User
from console.questions.catalogue import definition_of, definitions_for
from console.questions.exceptions import QuestionUnreadable
from console.questions.models import Sensor
from console.questions.scripts import script_of
from protocol.instructions import AskQuestion
from protocol.questions import Filter, Selection, SensorCall
from sensors.calls import comparisons_in
from sensors.definitions import SensorDefinition
from sensors.language import ParsedQuestion, QuestionRefused, ResultColumn, parse_question
from sensors.language.tree import columns_of

# What a question's text may be long; the language refuses far shorter nonsense by itself.
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A question before it is asked. `group` is the name of a computer group in its text."""

    text: str
    selections: Sequence[Selection]
    filter: Filter | None
    columns: Sequence[ResultColumn]
    sensors: Sequence[Sensor]
    group: str | None = None

    def request(self, question_id: UUID) -> AskQuestion:
        """Write it as it goes to endpoints."""
        return AskQuestion(
            question_id=question_id, selections=list(self.selections), filter=self.filter
        )

    def columns_json(self) -> list[dict[str, str]]:
        """Write its columns as `Question.columns` holds them."""
        return [
            {"sensor": column.sensor, "name": column.name, "type": str(column.type)}
            for column in self.columns
        ]


def word_question(text: str, *, user: User | None) -> Wording:
    """Read a text with the sensors that a user may use; None is the console itself.

    Raises `QuestionUnreadable`, the same for a sensor that does not exist and for one that is not
    the user's to use, and `ScriptNotOurs`.
    """
    parsed = parse_text(text, definitions_for(user))
    return _complete(text, parsed)


def parse_text(text: str, definitions: Iterable[SensorDefinition]) -> ParsedQuestion:
    """Read a text. Raises `QuestionUnreadable` with the place."""
    if len(text) > LONGEST_TEXT:
        raise QuestionUnreadable(
            f"A question has at most {LONGEST_TEXT} characters.", line=1, column=1, length=0
        )
    try:
        return parse_question(text, definitions)
    except QuestionRefused as refusal:
        raise QuestionUnreadable(
            refusal.message,
            line=refusal.line,
            column=refusal.column,
            length=refusal.length,
            expected=refusal.expected,
        ) from refusal


def word_call(call: SensorCall, sensor: Sensor) -> Wording:
    """Ask one sensor and nothing else, as facts and tests of sensors do."""
    definition = definition_of(sensor)
    call = msgspec.structs.replace(call, columns=len(definition.columns))
    if sensor.language and call.script is None:
        call = msgspec.structs.replace(call, script=script_of(sensor))
    return Wording(
        text=f"Get {sensor.name} from all machines",
        selections=[Selection(call=call)],
        filter=None,
        columns=columns_of([definition]),
        sensors=[sensor] if sensor.pk else [],
    )


def _complete(text: str, parsed: ParsedQuestion) -> Wording:
    calls = list(_calls_in(parsed))
    sensors = {
        sensor.key: sensor for sensor in Sensor.objects.filter(key__in={call.key for call in calls})
    }
    for call in calls:
        sensor = sensors[call.key]
        call.columns = len(sensor.columns)
        if sensor.language:
            call.script = script_of(sensor)
    return Wording(
        text=text.strip(),
        selections=parsed.selections,
        filter=parsed.filter,
        columns=parsed.columns,
        sensors=list(sensors.values()),
        group=parsed.group,
    )


def _calls_in(parsed: ParsedQuestion) -> Iterable[SensorCall]:
    for selection in parsed.selections:
        yield selection.call
        if selection.only is not None:
            yield from (comparison.call for comparison in comparisons_in(selection.only))
    if parsed.filter is not None:
        yield from (comparison.call for comparison in comparisons_in(parsed.filter))
