"""Ask a sensor on this computer, without any console: for authors, tests and a quick look."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

from agent.clock import wall_time
from agent.directories import Directories
from agent.machine import this_platform
from agent.sensors.calls import Known
from agent.sensors.collected import Collected, collect
from agent.sensors.context import SensorContext
from agent.sensors.exceptions import SensorFailed
from agent.sensors.isolation import become_worker
from agent.sensors.parameters import completed_parameters
from agent.sensors.running import run_isolated
from sensors.definitions import Column, Cost, SensorDefinition


def list_sensors(known: Known, output: TextIO) -> None:
    """Print the sensors that this computer answers: key, cost, name and parameters."""
    platform = this_platform()
    rows = [
        (
            definition.key,
            definition.cost.value,
            definition.name,
            " ".join(
                _shown_parameter(parameter.key, parameter.default)
                for parameter in definition.parameters
            ),
        )
        for definition in sorted(known.definitions.values(), key=lambda item: item.key)
        if platform in definition.platforms and definition.key in known.functions
    ]
    _print_table(("KEY", "COST", "NAME", "PARAMETERS"), rows, output)


def ask_sensor(
    known: Known, directories: Directories, sensor: str, parameters: Sequence[str]
) -> None:
    """Run one sensor by its key or name, isolated as for a console, and print its rows.

    A heavy one runs here and now, and its results are printed. Raises `SensorFailed`.
    """
    definition = _find(known, sensor)
    function = known.functions.get(definition.key)
    if function is None:
        raise SensorFailed(f"{definition.name} does not run on {this_platform()}.")
    completed = completed_parameters(definition, _given(parameters))
    heavy = definition.cost is Cost.HEAVY
    columns = definition.result_columns if heavy else definition.columns
    context = SensorContext(now=wall_time(), platform=this_platform(), directories=directories)
    become_worker()
    collected = run_isolated(
        lambda: collect(function(context, completed), columns=len(columns)),
        timeout=None if heavy else definition.timeout,
    )
    _print(columns, collected)


def _find(known: Known, sensor: str) -> SensorDefinition:
    wanted = sensor.casefold()
    for definition in known.definitions.values():
        names = (definition.key, definition.name, *definition.aliases)
        if wanted in (name.casefold() for name in names):
            return definition
    raise SensorFailed(f"There is no sensor {sensor!r}: see `python -m agent sensors`.")


def _given(parameters: Iterable[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise SensorFailed(f"{parameter!r} is no parameter: write KEY=VALUE.")
        given[key] = value
    return given


def _print(columns: Sequence[Column], collected: Collected) -> None:
    if collected.failure:
        raise SensorFailed(collected.failure)
    _print_table([column.name for column in columns], collected.rows, sys.stdout)
    if collected.cut:
        sys.stderr.write(f"{collected.cut} more rows were left out.\n")


def _shown_parameter(key: str, default: str | None) -> str:
    return f"{key}=…" if default is None else f"[{key}={default}]"


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], output: TextIO) -> None:
    shown = [[_printable(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *shown, strict=True)]
    for row in [list(heads), *shown]:
        cells = (value.ljust(width) for value, width in zip(row, widths, strict=True))
        output.write("  ".join(cells).rstrip() + "\n")


def _printable(value: str) -> str:
    """Show control characters as escapes: a value must not move the terminal's cursor."""
    if value.isprintable():
        return value
    return "".join(
        character if not unicodedata.category(character).startswith("C") else _escape(character)
        for character in value
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
