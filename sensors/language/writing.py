"""Write a question as text: what was built by clicking, as its asker could have typed it.

The text is canonical: one tree, one text, and parsing it gives the tree again. Names stand bare
where they read back alone; where one would swallow its neighbours (`Computer Name and IP Address`
may be a sensor, too), all of them stand in quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, Selection, SensorCall
from sensors.conditions import OPERATORS
from sensors.definitions import Parameter, SensorDefinition
from sensors.exceptions import QuestionRefused
from sensors.language.names import NameIndex, index_of
from sensors.language.parser import parse_filter, parse_question
from sensors.language.spelling import quote, spell_value

Parsed = TypeVar("Parsed")


def to_text(
    selections: Sequence[Selection],
    condition: Filter | None,
    group: str | None,
    sensors: Iterable[SensorDefinition],
) -> str:
    """Write a question about these sensors (a `NameIndex` serves, too).

    Calls are known by their keys; those of a row condition are the selection's own. Raises
    `QuestionRefused` for what no text can say: an unknown sensor, too many parts, a value that
    does not suit.
    """
    index = index_of(sensors)
    return _shorter(
        _Writer(index, quoted=False).question(selections, condition, group),
        _Writer(index, quoted=True).question(selections, condition, group),
        lambda text: parse_question(text, index),
    )


def filter_to_text(condition: Filter, sensors: Iterable[SensorDefinition]) -> str:
    """Write a filter, as `parse_filter` reads it.

    Raises `QuestionRefused`.
    """
    index = index_of(sensors)
    return _shorter(
        _Writer(index, quoted=False).condition(condition),
        _Writer(index, quoted=True).condition(condition),
        lambda text: parse_filter(text, index),
    )


def _shorter(bare: str, quoted: str, parse: Callable[[str], Parsed]) -> str:
    """Choose the text without quotes around names, unless it means something else."""
    meant = parse(quoted)
    try:
        return bare if parse(bare) == meant else quoted
    except QuestionRefused:
        return quoted


class _Writer:
    """Writes trees, with quotes around every name or around none."""

    def __init__(self, index: NameIndex, *, quoted: bool) -> None:
        self._index = index
        self._name: Callable[[str], str] = quote if quoted else str

    def question(
        self, selections: Sequence[Selection], condition: Filter | None, group: str | None
    ) -> str:
        """Write the whole question."""
        written = "Get "
        for place, selection in enumerate(selections):
            if place:
                # An `and` behind `where` could belong to the condition.
                written += ", " if selections[place - 1].only else " and "
            written += self._selection(selection)
        written += " from all machines" if condition is None else " from machines"
        if group is not None:
            written += f" in group {quote(group)}"
        return written if condition is None else f"{written} with {self.condition(condition)}"

    def condition(self, condition: Filter) -> str:
        """Write a filter."""
        return self._joined(condition, self._comparison)

    def _selection(self, selection: Selection) -> str:
        call, only = self._call(selection.call), selection.only
        if only is None:
            return call
        if isinstance(only, Comparison) and not self._column(only):
            return f"{call} {self._relation(only)}"
        if isinstance(only, AllOf):
            # Behind `and`, only a column or a parenthesis shows that the condition goes on.
            parts = [self._part(part, self._row_comparison) for part in only.parts]
            bare = [isinstance(p, Comparison) and not self._column(p) for p in only.parts]
            marked = [f"({t})" if b else t for t, b in zip(parts, bare, strict=True)]
            return f"{call} where {' and '.join(marked)}"
        return f"{call} where {self._joined(only, self._row_comparison)}"

    def _joined(self, condition: Filter, write: Callable[[Comparison], str]) -> str:
        if isinstance(condition, AllOf | AnyOf):
            word = " and " if isinstance(condition, AllOf) else " or "
            return word.join(self._part(part, write) for part in condition.parts)
        return self._part(condition, write)

    def _part(self, part: Filter, write: Callable[[Comparison], str]) -> str:
        if isinstance(part, Comparison):
            return write(part)
        if isinstance(part, Not):
            written = self._part(part.part, write)
            # `not containing` is an operator: the negation of a comparison stands outside.
            inner = part.part
            bare = isinstance(inner, Comparison) and written == self._relation(inner)
            return f"not ({written})" if bare else f"not {written}"
        return f"({self._joined(part, write)})"

    def _comparison(self, comparison: Comparison) -> str:
        column = self._column(comparison)
        place = f":{self._name(column)}" if column else ""
        return f"{self._call(comparison.call)}{place} {self._relation(comparison)}"

    def _row_comparison(self, comparison: Comparison) -> str:
        column = self._column(comparison)
        relation = self._relation(comparison)
        return f"{self._name(column)} {relation}" if column else relation

    def _column(self, comparison: Comparison) -> str:
        """Name the column where there is a choice."""
        several = len(self._sensor(comparison.call).columns) > 1
        return comparison.column if several else ""

    def _relation(self, comparison: Comparison) -> str:
        operator = OPERATORS.get(comparison.operator)
        if operator is None or not operator.takes_value:
            return comparison.operator
        digits = comparison.value.isascii() and comparison.value.isdigit()
        value = comparison.value if digits else quote(comparison.value)
        return f"{comparison.operator} {value}"

    def _sensor(self, call: SensorCall) -> SensorDefinition:
        sensor = self._index.by_key(call.key)
        if sensor is None:
            raise QuestionRefused(f"there is no sensor “{call.name[:64]}”", 1, 1, 0)
        return sensor

    def _call(self, call: SensorCall) -> str:
        sensor = self._sensor(call)
        written = _parameters(sensor.parameters, call.parameters)
        return f"{self._name(sensor.name)}{written}"


def _parameters(parameters: Sequence[Parameter], values: dict[str, str]) -> str:
    """Write what differs from the defaults: by place as long as nothing is left out."""
    written: list[str] = []
    for place, parameter in enumerate(parameters):
        value = values.get(parameter.key, parameter.default)
        if value is not None and value != parameter.default:
            key = "" if len(written) == place else f"{parameter.key}="
            written.append(f"{key}{spell_value(value)}")
    known = {parameter.key for parameter in parameters}
    written += [f"{key}={spell_value(value)}" for key, value in values.items() if key not in known]
    return f"[{', '.join(written)}]" if written else ""
