"""Questions as plain JSON, for the form in which they are clicked together.

    {"selections": [{"sensor": "Running Processes", "parameters": {"user": "root"}, "only": …}],
     "filter": {"op": "and", "parts": [
         {"sensor": "Is Linux", "parameters": {}, "column": "", "operator": "is", "value": "True"},
         {"op": "not", "parts": [{…}]}]},
     "group": null}

`op` is `and`, `or` or `not` (with one part). In `only`, comparisons name no sensor: they are about
the selection's own rows. What the form may say is what a text may say, with the same limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from protocol.questions import AllOf, Comparison, Filter, Not, Selection, SensorCall
from sensors.calls import canonical
from sensors.conditions import VALUE_LENGTH, check_comparison
from sensors.definitions import SensorDefinition
from sensors.exceptions import BuilderRefused, ConditionRefused, OperatorRefused, ParameterRefused
from sensors.language.names import NameIndex, index_of
from sensors.language.parameters import fill_parameters
from sensors.language.parser import COMPARISONS, DEPTH, SELECTIONS, no_filter
from sensors.language.reader import shown
from sensors.language.tree import ParsedQuestion, all_of, any_of, columns_of

Form: TypeAlias = dict[str, Any]

_JOINS: Final = {"and": all_of, "or": any_of}


def question_from_json(form: object, sensors: Iterable[SensorDefinition]) -> ParsedQuestion:
    """Read a question from its JSON form.

    Raises `BuilderRefused`.
    """
    return _FormReader(index_of(sensors)).question(form)


def filter_from_json(form: object, sensors: Iterable[SensorDefinition]) -> Filter:
    """Read a filter from its JSON form; paths in errors begin with `filter`.

    Raises `BuilderRefused`.
    """
    return _FormReader(index_of(sensors)).condition(form, "filter", None, 0)


def question_to_json(
    selections: Sequence[Selection], condition: Filter | None, group: str | None
) -> Form:
    """Write a question in its JSON form, parameters complete."""
    return {
        "selections": [
            {
                **_call_to_json(selection.call),
                "only": _to_json(selection.only, own=True) if selection.only else None,
            }
            for selection in selections
        ],
        "filter": filter_to_json(condition) if condition else None,
        "group": group,
    }


def filter_to_json(condition: Filter) -> Form:
    """Write a filter in its JSON form."""
    return _to_json(condition, own=False)


def _to_json(condition: Filter, *, own: bool) -> Form:
    if isinstance(condition, Comparison):
        compared = {
            "column": condition.column,
            "operator": condition.operator,
            "value": condition.value,
        }
        return compared if own else {**_call_to_json(condition.call), **compared}
    if isinstance(condition, Not):
        return {"op": "not", "parts": [_to_json(condition.part, own=own)]}
    word = "and" if isinstance(condition, AllOf) else "or"
    return {"op": word, "parts": [_to_json(part, own=own) for part in condition.parts]}


def _call_to_json(call: SensorCall) -> Form:
    return {"sensor": call.name, "parameters": dict(call.parameters)}


class _FormReader:
    """Reads one form. Use once."""

    def __init__(self, index: NameIndex) -> None:
        self._index = index
        self._comparisons = 0

    def question(self, form: object) -> ParsedQuestion:
        """Read the whole form."""
        fields = _object(form, "question")
        _only_fields(fields, "question", ("selections", "filter", "group"))
        listed = _list(fields.get("selections"), "selections", SELECTIONS)
        chosen = [
            self._selection(item, f"selections[{place}]") for place, item in enumerate(listed)
        ]
        _refuse_repeated([selection for _, selection in chosen])
        condition, group = fields.get("filter"), fields.get("group")
        return ParsedQuestion(
            selections=[selection for _, selection in chosen],
            filter=None if condition is None else self.condition(condition, "filter", None, 0),
            columns=columns_of([sensor for sensor, _ in chosen]),
            group=None if group is None else _text(group, "group"),
        )

    def condition(
        self, form: object, path: str, own: tuple[SensorDefinition, SensorCall] | None, depth: int
    ) -> Filter:
        """Read a condition; `own` is the selection of which it chooses rows."""
        if depth > DEPTH:
            raise BuilderRefused(path, f"nested deeper than {DEPTH} levels")
        fields = _object(form, path)
        if "op" not in fields:
            return self._comparison(fields, path, own)
        _only_fields(fields, path, ("op", "parts"))
        word = _text(fields["op"], f"{path}.op")
        if word not in (*_JOINS, "not"):
            raise BuilderRefused(f"{path}.op", "neither and, or nor not", ("and", "or", "not"))
        most = 1 if word == "not" else COMPARISONS
        parts = [
            self.condition(part, f"{path}.parts[{place}]", own, depth + 1)
            for place, part in enumerate(_list(fields.get("parts"), f"{path}.parts", most))
        ]
        return Not(part=parts[0]) if word == "not" else _JOINS[word](parts)

    def _selection(self, form: object, path: str) -> tuple[SensorDefinition, Selection]:
        fields = _object(form, path)
        _only_fields(fields, path, ("sensor", "parameters", "only"))
        sensor, call = self._call(fields, path)
        only = fields.get("only")
        rows = None if only is None else self.condition(only, f"{path}.only", (sensor, call), 0)
        return sensor, Selection(call=call, only=rows)

    def _comparison(
        self, fields: Form, path: str, own: tuple[SensorDefinition, SensorCall] | None
    ) -> Comparison:
        named = () if own else ("sensor", "parameters")
        _only_fields(fields, path, (*named, "column", "operator", "value"))
        self._comparisons += 1
        if self._comparisons > COMPARISONS:
            raise BuilderRefused(path, f"more than {COMPARISONS} comparisons")
        sensor, call = own or self._call(fields, path)
        if own is None and not sensor.only_looks:
            raise BuilderRefused(f"{path}.sensor", no_filter(sensor))
        wanted = _text(fields.get("column", ""), f"{path}.column")
        column = sensor.column(wanted)
        if wanted and column is None:
            names = tuple(item.name for item in sensor.columns)
            raise BuilderRefused(f"{path}.column", f"“{sensor.name}” has no such column", names)
        operator = _text(fields.get("operator", ""), f"{path}.operator")
        value = _text(fields.get("value", ""), f"{path}.value")
        try:
            check_comparison(operator, value, sensor.columns if column is None else (column,))
        except ConditionRefused as refused:
            at = "operator" if isinstance(refused, OperatorRefused) else "value"
            raise BuilderRefused(f"{path}.{at}", refused.message, refused.expected) from refused
        return Comparison(
            call=call,
            operator=operator,
            value=value,
            column=column.name if column and len(sensor.columns) > 1 else "",
        )

    def _call(self, fields: Form, path: str) -> tuple[SensorDefinition, SensorCall]:
        name = _text(fields.get("sensor"), f"{path}.sensor")
        sensor = self._index.by_name(name)
        if sensor is None:
            near = self._index.similar(name)
            raise BuilderRefused(f"{path}.sensor", f"there is no sensor {shown(name)}", near)
        listed = _object(fields.get("parameters", {}), f"{path}.parameters")
        given = {key: _text(value, f"{path}.parameters.{key}") for key, value in listed.items()}
        try:
            filled = fill_parameters(sensor, given)
        except ParameterRefused as refused:
            at = f"{path}.parameters.{refused.key}"
            raise BuilderRefused(at, refused.message, refused.expected) from refused
        return sensor, SensorCall(
            key=sensor.key, name=sensor.name, parameters=filled, columns=len(sensor.columns)
        )


def _refuse_repeated(selections: Sequence[Selection]) -> None:
    for place, selection in enumerate(selections):
        key = canonical(selection.call)
        if any(canonical(s.call) == key and s.only == selection.only for s in selections[:place]):
            raise BuilderRefused(
                f"selections[{place}]", f"“{selection.call.name}” is asked for twice"
            )


def _object(form: object, path: str) -> Form:
    if not isinstance(form, dict) or not all(isinstance(key, str) for key in form):
        raise BuilderRefused(path, "not an object")
    return form


def _only_fields(fields: Form, path: str, known: tuple[str, ...]) -> None:
    for key in fields:
        if key not in known:
            raise BuilderRefused(path, f"unknown field {shown(key)}", known)


def _list(form: object, path: str, most: int) -> list[Any]:
    if not isinstance(form, list) or not form:
        raise BuilderRefused(path, "not a list with something in it")
    if len(form) > most:
        raise BuilderRefused(path, f"more than {most}")
    return form


def _text(form: object, path: str) -> str:
    if not isinstance(form, str):
        raise BuilderRefused(path, "not a text")
    if "\0" in form or len(form) > VALUE_LENGTH or not _is_unicode(form):
        raise BuilderRefused(path, f"not a text of at most {VALUE_LENGTH} characters without NUL")
    return form


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
