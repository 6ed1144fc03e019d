"""From the job that a heavy sensor started to what it found, and to its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from console.questions.models import Question
from sensors.definitions import JOB_COLUMNS, RESULTS_SUFFIX, SensorDefinition

RESULTS: Final = "job.results"
CANCEL: Final = "job.cancel"


def job_links(question: Question, sensors: Iterable[SensorDefinition]) -> list[dict[str, Any]]:
    """List the columns with ids of jobs, each with the sensors that show and end such a job.

    `sensors` are those that the user may use: what is not among them is None.
    """
    by_key = {sensor.key: sensor for sensor in sensors}
    by_name = {sensor.name: sensor for sensor in by_key.values()}
    return [
        {
            "column": index,
            "results": _name(_results_of(by_name.get(column["sensor"]), by_key)),
            "cancel": _name(by_key.get(CANCEL)),
        }
        for index, column in enumerate(question.columns)
        if column["name"] == JOB_COLUMNS[0].name
    ]


def _results_of(
    asked: SensorDefinition | None, by_key: dict[str, SensorDefinition]
) -> SensorDefinition | None:
    own = by_key.get(f"{asked.key}{RESULTS_SUFFIX}") if asked is not None else None
    if asked is not None and (asked.key == RESULTS or asked.key.endswith(RESULTS_SUFFIX)):
        # They are shown already.
        return None
    return own or by_key.get(RESULTS)


def _name(sensor: SensorDefinition | None) -> str | None:
    return sensor.name if sensor is not None else None
