"""What the pages of sensors show: the list and its filters, versions, and who names a sensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from django.db.models import Q, QuerySet

from console.access.content import content_sets_of
from console.access.models import User
from console.questions.catalogue import definitions_for
from console.questions.exceptions import QuestionUnreadable, ScriptNotOurs
from console.questions.models import SavedQuestion, Sensor, SensorVersion
from console.questions.saved import saved_questions_for
from console.questions.scripts import script_of
from console.questions.sensors import READ
from console.questions.wording import parse_text
from sensors.calls import comparisons_in
from sensors.catalogue import BUILT_IN
from sensors.definitions import Column
from sensors.language import NameIndex

SAME, ADDED, REMOVED, SKIPPED = "same", "added", "removed", "skipped"
BUILT, OWN, RETIRED = "built-in", "own", "retired"
# So many unchanged lines stand around a change.
_AROUND: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFilter:
    """What of the list is wanted; empty leaves everything. `origin` is BUILT, OWN or RETIRED."""

    query: str = ""
    category: str = ""
    platform: str = ""
    cost: str = ""
    content_set: str = ""
    origin: str = ""

    @property
    def is_on(self) -> bool:
        """Tell whether anything is left out."""
        return any(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of a difference. `before` and `after` number it, None where it is not."""

    kind: str
    text: str
    before: int | None = None
    after: int | None = None


def readable_sensors(user: User) -> QuerySet[Sensor]:
    """Return the sensors that a user may see, with those that are retired."""
    sensors = Sensor.objects.select_related("content_set")
    return sensors.filter(content_set__in=content_sets_of(user, READ))


def narrow(sensors: Iterable[Sensor], wanted: SensorFilter) -> list[Sensor]:
    """Keep what fits, by category and name; with a search those that are named so come first."""
    words = wanted.query.casefold().split()
    named, described = [], []
    for sensor in sorted(sensors, key=lambda each: (each.category, each.name)):
        if not _fits(sensor, wanted):
            continue
        names = " ".join([sensor.name, *sensor.aliases]).casefold()
        if all(word in names for word in words):
            named.append(sensor)
        elif all(word in f"{names} {_text_of(sensor)}" for word in words):
            described.append(sensor)
    return named + described


def results_of(sensor: Sensor) -> Sequence[Column]:
    """Return the columns of what the job of a heavy sensor finds."""
    built_in = BUILT_IN.get(sensor.key)
    return built_in.result_columns if built_in is not None else ()


def signature_problem(sensor: Sensor) -> str:
    """Say why the newest script of a user's own sensor is not sent; empty when it is."""
    try:
        script_of(sensor)
    except ScriptNotOurs as refusal:
        return refusal.detail
    return ""


def saved_questions_naming(sensor: Sensor, *, user: User) -> list[SavedQuestion]:
    """List the saved questions that a user may see and that ask this sensor, or compare it."""
    spoken = Q()
    for name in (sensor.name, *sensor.aliases):
        spoken |= Q(text__icontains=name)
    candidates = saved_questions_for(user).filter(spoken).order_by("name")
    index = NameIndex(definitions_for(user))
    return [saved for saved in candidates if sensor.key in _keys_in(saved.text, index)]


def difference(before: SensorVersion, after: SensorVersion) -> list[DiffLine]:
    """Compare two scripts line by line; what is equal far from a change is left out."""
    old, new = before.script.split("\n"), after.script.split("\n")
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(_AROUND))
    lines: list[DiffLine] = []
    at = 0
    for group in groups:
        if group[0][1] > at:
            lines.append(DiffLine(kind=SKIPPED, text=_skipped(group[0][1] - at)))
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                lines += _same(old, old_start, old_end, new_start)
                continue
            lines += _changed(REMOVED, old, old_start, old_end)
            lines += _changed(ADDED, new, new_start, new_end)
        at = group[-1][2]
    if groups and at < len(old):
        lines.append(DiffLine(kind=SKIPPED, text=_skipped(len(old) - at)))
    return lines


def categories_of(sensors: Iterable[Sensor]) -> list[str]:
    """List the categories that there are."""
    return sorted({sensor.category for sensor in sensors}, key=str.casefold)


# ---------------------------------------------------------------------- inside


def _fits(sensor: Sensor, wanted: SensorFilter) -> bool:
    is_retired = sensor.retired_at is not None
    if is_retired != (wanted.origin == RETIRED):
        return False
    if wanted.origin in {BUILT, OWN} and bool(sensor.language) != (wanted.origin == OWN):
        return False
    return (
        wanted.category in ("", sensor.category)
        and wanted.cost in ("", sensor.cost)
        and wanted.content_set in ("", str(sensor.content_set_id))
        and (not wanted.platform or wanted.platform in sensor.platforms)
    )


def _text_of(sensor: Sensor) -> str:
    columns = [column["name"] for column in sensor.columns]
    return " ".join([sensor.description, sensor.category, *columns]).casefold()


def _keys_in(text: str, index: NameIndex) -> set[str]:
    try:
        parsed = parse_text(text, index)
    except QuestionUnreadable:
        # It names something that is not there for this user: then it cannot be asked either.
        return set()
    filters = [parsed.filter, *(selection.only for selection in parsed.selections)]
    compared = {each.call.key for one in filters if one for each in comparisons_in(one)}
    return compared | {selection.call.key for selection in parsed.selections}


def _same(lines: Sequence[str], start: int, end: int, new_start: int) -> list[DiffLine]:
    return [
        DiffLine(kind=SAME, text=lines[at], before=at + 1, after=new_start + at - start + 1)
        for at in range(start, end)
    ]


def _changed(kind: str, lines: Sequence[str], start: int, end: int) -> list[DiffLine]:
    side = "before" if kind == REMOVED else "after"
    return [DiffLine(kind=kind, text=lines[at], **{side: at + 1}) for at in range(start, end)]


def _skipped(count: int) -> str:
    return f"{count} equal line{'' if count == 1 else 's'}"
