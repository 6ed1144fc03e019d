"""What a text becomes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from protocol.questions import AllOf, AnyOf, Filter, Selection
from sensors.definitions import SensorDefinition, ValueType


class ResultColumn(msgspec.Struct, frozen=True):
    """One column of a question's answer: of which sensor, and what its values are."""

    sensor: str
    name: str
    type: ValueType


class ParsedQuestion(msgspec.Struct, kw_only=True):
    """A question. `columns` are those of its answer, in the order of the selections."""

    selections: list[Selection]
    filter: Filter | None
    columns: tuple[ResultColumn, ...]
    group: str | None = None


def columns_of(definitions: Sequence[SensorDefinition]) -> tuple[ResultColumn, ...]:
    """List the columns of an answer of these sensors."""
    return tuple(
        ResultColumn(sensor.name, column.name, column.type)
        for sensor in definitions
        for column in sensor.columns
    )


def all_of(parts: list[Filter]) -> Filter:
    """Join with AND: nested ones melt into one, a single part stays itself."""
    flat = [inner for p in parts for inner in (p.parts if isinstance(p, AllOf) else [p])]
    return flat[0] if len(flat) == 1 else AllOf(parts=flat)


def any_of(parts: list[Filter]) -> Filter:
    """Join with OR: nested ones melt into one, a single part stays itself."""
    flat = [inner for p in parts for inner in (p.parts if isinstance(p, AnyOf) else [p])]
    return flat[0] if len(flat) == 1 else AnyOf(parts=flat)
