"""Carry out the sensors that one question calls, each call once.

What a call gives is kept until the question is answered. A call that cannot be made (unknown
sensor, wrong parameter, foreign platform) fails here, before anything is started.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from agent.sensors import scripts
from agent.sensors.collected import Collected, collect
from agent.sensors.context import LeftOut, Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.parameters import completed_parameters
from protocol.questions import Script, SensorCall
from sensors.calls import canonical
from sensors.definitions import Column, Cost, SensorDefinition, ValueType

MOST_CALLS = 64


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The sensors of this agent: what they are, and the functions of those that run here."""

    definitions: Mapping[str, SensorDefinition]
    functions: Mapping[str, SensorFunction]


class Isolate(Protocol):
    """Runs work where it cannot hurt; see `agent.sensors.running.run_isolated`."""

    def __call__(
        self, work: Callable[[], Collected], *, timeout: float, foreign: bool = False
    ) -> Collected:
        """Return what the work gave, or why it gave nothing."""


StartJob = Callable[[SensorCall, Mapping[str, str]], Row]
"""Begins the job of a HEAVY sensor and gives its one row. Raises `SensorFailed`."""


class Calls:
    """The calls of one question."""

    def __init__(
        self,
        known: Known,
        context: SensorContext,
        *,
        isolate: Isolate,
        start_job: StartJob,
    ) -> None:
        self._known = known
        self._context = context
        self._isolate = isolate
        self._start_job = start_job
        self._made: dict[str, Collected] = {}

    def result_of(self, call: SensorCall) -> Collected:
        """Make this call, or return what it gave when it was made before."""
        key = canonical(call)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(call)
        return made

    def is_foreign(self, call: SensorCall) -> bool:
        """Tell whether this sensor is known, and exists on other platforms only."""
        definition = self._known.definitions.get(call.key)
        return definition is not None and self._context.platform not in definition.platforms

    def is_heavy(self, call: SensorCall) -> bool:
        """Tell whether the call would start a job."""
        definition = self._known.definitions.get(call.key)
        return definition is not None and definition.cost is Cost.HEAVY

    def columns_of(self, call: SensorCall) -> Sequence[Column]:
        """Return the columns of a call; of an unknown sensor as many as the console expects."""
        if call.script is not None:
            return _columns_of_script(call.script)
        definition = self._known.definitions.get(call.key)
        if definition is not None:
            return definition.columns
        return [Column(f"{call.name} {number}") for number in range(max(call.columns, 1))]

    def _make(self, call: SensorCall) -> Collected:
        if len(self._made) >= MOST_CALLS:
            return Collected(failure=f"A question makes at most {MOST_CALLS} calls.")
        try:
            if call.script is not None:
                return self._run_script(call.script, call.parameters)
            return self._run_built_in(call)
        except SensorFailed as error:
            return Collected(failure=str(error))

    def _run_script(self, script: Script, parameters: Mapping[str, str]) -> Collected:
        timeout = min(max(script.timeout, 0.1), scripts.LONGEST_TIMEOUT)
        columns = max(script.columns, 1)
        with scripts.folder_for(script) as folder:
            return self._isolate(
                partial(_collect_script, script, parameters, folder, columns),
                timeout=timeout,
                foreign=True,
            )

    def _run_built_in(self, call: SensorCall) -> Collected:
        definition = self._known.definitions.get(call.key)
        if definition is None:
            raise SensorUnavailable("This agent does not know the sensor: update it.")
        if self.is_foreign(call):
            raise SensorUnavailable(f"There is no such sensor on {self._context.platform}.")
        function = self._known.functions.get(call.key)
        if function is None:
            raise SensorUnavailable("This agent does not have the sensor.")
        parameters = completed_parameters(definition, call.parameters)
        if definition.cost is Cost.HEAVY:
            return Collected(rows=[list(self._start_job(call, parameters))])
        left_out = LeftOut()
        deadline = time.monotonic() + definition.timeout
        context = replace(self._context, deadline=deadline, left_out=left_out)
        columns = len(definition.columns)
        return self._isolate(
            lambda: collect(function(context, parameters), columns=columns, left_out=left_out),
            timeout=definition.timeout,
        )


def _collect_script(
    script: Script, parameters: Mapping[str, str], folder: Path, columns: int
) -> Collected:
    return collect(scripts.rows_of(script, parameters, folder), columns=columns)


def _columns_of_script(script: Script) -> list[Column]:
    columns = []
    for place in range(max(script.columns, 1)):
        name = _at(script.column_names, place) or f"Column {place + 1}"
        kind = _at(script.column_types, place)
        columns.append(Column(name, ValueType(kind) if kind in set(ValueType) else ValueType.TEXT))
    return columns


def _at(texts: Sequence[str], place: int) -> str:
    return texts[place] if place < len(texts) else ""
