"""What the editor of sensors sends: a draft, read field by field.

Each refusal names the field that it is about, such as `columns.1.name`, so that the editor shows
it there. What the fields amount to together, the services check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

from console.access.content import content_sets_of
from console.access.models import ContentSet, User
from console.questions.catalogue import definition_of
from console.questions.exceptions import SensorRefused
from console.questions.models import Sensor, SensorVersion
from console.questions.sensors import WRITE, SensorFields
from sensors.definitions import (
    EVERYWHERE,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)
from sensors.exceptions import ParameterRefused
from sensors.language.parameters import fill_parameters, read_parameter

DEFAULT_CATEGORY: Final = "Own"
# A heavy sensor starts a job, which only built-in ones can.
COSTS: Final = (Cost.INSTANT, Cost.LIGHT)
_MOST_PARAMETERS: Final = 32
_LONGEST_TEXT: Final = 10_000
_LONGEST_TITLE: Final = 200
_LONGEST_CATEGORY: Final = 64
_NOT_IN_VARIABLES: Final = re.compile(r"[^A-Z0-9_]")
_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)

Errors = dict[str, list[str]]


class DraftColumn(msgspec.Struct):
    """One column, as it was typed."""

    name: str = ""
    type: ValueType = ValueType.TEXT


class DraftParameter(msgspec.Struct):
    """One parameter, as it was typed. `default` None: it must be given."""

    key: str = ""
    title: str = ""
    type: ParameterType = ParameterType.TEXT
    default: str | None = None
    help: str = ""
    choices: list[str] = []
    common_uses: list[str] = []


class SensorDraft(msgspec.Struct, kw_only=True):
    """A sensor as the editor holds it. `timeout` in seconds, `output_limit` in bytes.

    `version` is the one that the editor began with; 0 for a new sensor.
    """

    name: str = ""
    description: str = ""
    category: str = DEFAULT_CATEGORY
    content_set: int | None = None
    language: str = Sensor.Language.PYTHON.value
    script: str = ""
    columns: list[DraftColumn] = []
    parameters: list[DraftParameter] = []
    platforms: list[str] = []
    cost: Cost = Cost.LIGHT
    separator: str = "|"
    timeout: float | None = 30.0
    output_limit: int | None = 1024 * 1024
    note: str = ""
    version: int = 0


class SensorTrial(msgspec.Struct):
    """A draft, the endpoint on which to run it, and what to fill in there."""

    draft: SensorDraft
    endpoint: UUID | None = None
    parameters: dict[str, str] = {}


def read_draft(draft: SensorDraft, *, user: User) -> SensorFields:
    """Return what the services save. Raises `SensorRefused` with the wrong fields."""
    errors: Errors = {}
    content_set = _content_set(draft, user, errors)
    _check_texts(draft, errors)
    _check_columns(draft.columns, errors)
    _check_parameters(draft.parameters, errors)
    timeout = _number(draft.timeout, "timeout", errors)
    output_limit = _number(draft.output_limit, "output_limit", errors)
    if errors or content_set is None:
        raise SensorRefused("Some fields are not right yet.", errors=errors)
    return SensorFields(
        name=draft.name,
        example=_example(draft),
        language=draft.language,
        script=draft.script,
        columns=[Column(each.name.strip(), each.type) for each in draft.columns],
        content_set=content_set,
        description=draft.description.strip(),
        category=draft.category.strip(),
        parameters=[_parameter(each) for each in draft.parameters],
        platforms=draft.platforms,
        cost=draft.cost,
        separator=draft.separator,
        timeout=float(timeout),
        output_limit=int(output_limit),
        note=draft.note.strip(),
    )


def fill_trial(trial: SensorTrial, fields: SensorFields) -> dict[str, str]:
    """Return what the script of a test run is given, in the order of its parameters.

    Raises `SensorRefused`, naming the parameter as `values.<key>`.
    """
    definition = SensorDefinition(
        key="custom.draft",
        name=fields.name.strip(),
        description="",
        category=fields.category,
        columns=tuple(fields.columns),
        parameters=tuple(fields.parameters),
    )
    keys = {parameter.key for parameter in fields.parameters}
    given = {key: value for key, value in trial.parameters.items() if key in keys}
    try:
        return fill_parameters(definition, given)
    except ParameterRefused as refusal:
        raise SensorRefused(
            "The test run needs other parameters.",
            errors={f"values.{refusal.key}": [_sentence(refusal)]},
        ) from refusal


def draft_of(sensor: Sensor, version: SensorVersion | None) -> SensorDraft:
    """Return the draft with which the editor of a sensor begins.

    Without a version, as for a copy of a built-in sensor, the script is still to be written.
    """
    definition = definition_of(sensor)
    draft = SensorDraft(
        name=sensor.name,
        description=sensor.description,
        category=sensor.category,
        content_set=sensor.content_set_id,
        columns=[DraftColumn(each.name, each.type) for each in definition.columns],
        parameters=[_draft_parameter(each) for each in definition.parameters],
        platforms=[each for each in EVERYWHERE if each in sensor.platforms],
        cost=definition.cost if definition.cost in COSTS else Cost.LIGHT,
        timeout=sensor.timeout,
    )
    if version is not None:
        draft.language = sensor.language
        draft.script = version.script
        draft.separator = version.separator
        draft.output_limit = version.output_limit
    return draft


def variable_of(key: str) -> str:
    """Return the environment variable in which a script finds a parameter."""
    return "VEDETTE_" + _NOT_IN_VARIABLES.sub("_", key.upper())


# ---------------------------------------------------------------------- inside


def _content_set(draft: SensorDraft, user: User, errors: Errors) -> ContentSet | None:
    found = content_sets_of(user, WRITE).filter(pk=draft.content_set or 0).first()
    if found is None:
        errors["content_set"] = ["Choose one in which you may write sensors."]
    return found


def _check_texts(draft: SensorDraft, errors: Errors) -> None:
    for field, most in (
        ("name", _LONGEST_TITLE),
        ("category", _LONGEST_CATEGORY),
    ):
        text = getattr(draft, field).strip()
        if not text:
            errors[field] = ["This is needed."]
        elif len(text) > most or not text.isprintable():
            errors[field] = [f"At most {most} printable characters."]
    if len(draft.description) > _LONGEST_TEXT:
        errors["description"] = [f"At most {_LONGEST_TEXT:,} characters."]
    if not draft.script.strip():
        errors["script"] = ["Write the script."]
    if not draft.separator or "\n" in draft.separator:
        errors["separator"] = ["From 1 to 8 characters, no line break."]
    if not draft.platforms:
        errors["platforms"] = ["Choose at least one."]
    if draft.cost not in COSTS:
        errors["cost"] = ["Only sensors that come with the console start jobs."]


def _check_columns(columns: list[DraftColumn], errors: Errors) -> None:
    if not columns:
        errors["columns"] = ["A sensor has at least one column."]
    _check_names([each.name for each in columns], "columns", "name", errors)


def _check_names(names: Iterable[str], rows: str, field: str, errors: Errors) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        path, folded = f"{rows}.{number}.{field}", name.strip().casefold()
        if not folded:
            errors[path] = ["This is needed."]
        elif folded in seen:
            errors[path] = ["Another one has this name."]
        elif len(folded) > _LONGEST_TITLE or not name.strip().isprintable():
            errors[path] = [f"At most {_LONGEST_TITLE} printable characters."]
        seen.add(folded)


def _check_parameters(parameters: list[DraftParameter], errors: Errors) -> None:
    if len(parameters) > _MOST_PARAMETERS:
        errors["parameters"] = [f"At most {_MOST_PARAMETERS} parameters."]
    _check_names([each.title for each in parameters], "parameters", "title", errors)
    variables: set[str] = set()
    for number, each in enumerate(parameters):
        path = f"parameters.{number}"
        variable = variable_of(each.key)
        if not _KEY.fullmatch(each.key):
            errors[f"{path}.key"] = ["Small letters, digits, “_” and “-”; begins with a letter."]
        elif variable in variables:
            errors[f"{path}.key"] = [f"Another one arrives as {variable}, too."]
        variables.add(variable)
        if each.type is ParameterType.CHOICE and not _choices(each):
            errors[f"{path}.choices"] = ["Say which choices there are."]
        elif refused := _wrong_default(each):
            errors[f"{path}.default"] = [refused]


def _wrong_default(each: DraftParameter) -> str:
    # An empty default stands for "not given", whatever the type.
    if not each.default:
        return ""
    try:
        read_parameter(
            Parameter(key=each.key, title=each.title, type=each.type, choices=_choices(each)),
            each.default,
        )
    except ParameterRefused as refusal:
        return _sentence(refusal)
    return ""


def _example(draft: SensorDraft) -> str:
    """Write a question with gaps for what must be given; empty leaves it to the services."""
    gaps = ", ".join(f'{each.key}="…"' for each in draft.parameters if each.default is None)
    return f"Get {draft.name.strip()}[{gaps}] from all machines" if gaps else ""


def _parameter(each: DraftParameter) -> Parameter:
    return Parameter(
        key=each.key,
        title=each.title.strip(),
        type=each.type,
        default=each.default,
        help=each.help.strip(),
        choices=_choices(each) if each.type is ParameterType.CHOICE else (),
        common_uses=tuple(use.strip() for use in each.common_uses if use.strip()),
    )


def _choices(each: DraftParameter) -> tuple[str, ...]:
    return tuple(dict.fromkeys(choice.strip() for choice in each.choices if choice.strip()))


def _draft_parameter(parameter: Parameter) -> DraftParameter:
    return DraftParameter(
        key=parameter.key,
        title=parameter.title,
        type=parameter.type,
        default=parameter.default,
        help=parameter.help,
        choices=list(parameter.choices),
        common_uses=list(parameter.common_uses),
    )


def _number(value: Any, field: str, errors: Errors) -> float:
    if value is None:
        errors[field] = ["A number is needed."]
        return 0.0
    return float(value)


def _sentence(refusal: ParameterRefused) -> str:
    wanted = f": {', '.join(refusal.expected[:8])}" if refusal.expected else ""
    return f"{refusal.message}{wanted}."
