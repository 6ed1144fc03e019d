"""What stands in the job folder, for analysts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from agent.machine import this_platform
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.job_folder import Job, JobFolder, Standing
from agent.sensors.values import boolean_text, instant_text
from protocol.questions import ROWS_AT_MOST
from sensors.catalogue import BUILT_IN
from sensors.definitions import (
    MOST_RESULTS,
    SKIPPED_ROWS,
    Cost,
    SensorDefinition,
    results_of,
)

PARTED_BY: Final = " | "


def list_jobs(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every job that is kept."""
    jobs = JobFolder(context.directories.jobs)
    for job, standing in jobs.all():
        yield (
            job.id,
            job.name,
            standing.state,
            _reason(standing),
            instant_text(job.begun_at),
            instant_text(standing.ended_at),
            str(standing.rows if standing.is_over else jobs.rows_found(job.id)),
            str(jobs.size_bytes(job.id)),
        )


def job_results(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what one job has found; one row without a result when that is nothing."""
    jobs = JobFolder(context.directories.jobs)
    job, standing = jobs.read(parameters["job_id"])
    rows = _wanted_rows(context, job, parameters)
    first = next(rows, None)
    if first is None:
        yield job.id, job.name, standing.state, standing.reason
        return
    for row in itertools.chain([first], rows):
        yield job.id, job.name, standing.state, _named(job, row)


def results_of_sensor(
    definition: SensorDefinition, context: SensorContext, parameters: Mapping[str, str]
) -> Iterator[Row]:
    """Give what one job of a sensor has found, a value in each column."""
    jobs = JobFolder(context.directories.jobs)
    job, standing = _job_of(definition, jobs, parameters["job_id"])
    width = len(definition.result_columns)
    rows = _wanted_rows(context, job, parameters)
    first = next(rows, None)
    if first is None:
        yield job.id, _state_in_words(standing), *[""] * width
        return
    for row in itertools.chain([first], rows):
        if len(row) != width:
            raise SensorFailed(
                "Another version of the agent ran this job: read it by “Incident Response Job "
                "Results”."
            )
        yield job.id, standing.state, *row


def _job_of(definition: SensorDefinition, jobs: JobFolder, job_id: str) -> tuple[Job, Standing]:
    if not job_id:
        started = [found for found in jobs.all() if found[0].key == definition.key]
        if not started:
            raise SensorFailed(f"No job of “{definition.name}” is kept on this endpoint.")
        return started[-1]
    job, standing = jobs.read(job_id)
    if job.key != definition.key:
        raise SensorFailed(f"The job {job_id!r} is one of “{job.name}”.")
    return job, standing


def _wanted_rows(
    context: SensorContext, job: Job, parameters: Mapping[str, str]
) -> Iterator[list[str]]:
    skipped, most = int(parameters[SKIPPED_ROWS.key]), int(parameters[MOST_RESULTS.key])
    if skipped < 0:
        raise SensorFailed("Skipped rows are a number from 0 on.")
    if not 1 <= most <= ROWS_AT_MOST:
        raise SensorFailed(f"The most rows are a number from 1 to {ROWS_AT_MOST}.")
    found = JobFolder(context.directories.jobs).rows_of(job.id, skipped=skipped)
    yield from itertools.islice(found, most)
    context.left_out.rows += sum(1 for _row in found)


def _reason(standing: Standing) -> str:
    """Say why a job ended as it did, and what it found but did not keep."""
    left_out = f"{standing.cut} more rows were not kept." if standing.cut else ""
    return " ".join(text for text in (standing.reason, left_out) if text)


def _state_in_words(standing: Standing) -> str:
    return f"{standing.state}: {standing.reason}" if standing.reason else standing.state


def has_files(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether there is anything of a job."""
    yield (boolean_text(JobFolder(context.directories.jobs).has_files(parameters["job_id"])),)


def cancel_job(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Ask for the end of a job."""
    standing = JobFolder(context.directories.jobs).cancel(parameters["job_id"])
    yield parameters["job_id"], standing.state


def _named(job: Job, row: list[str]) -> str:
    definition = BUILT_IN.get(job.key)
    columns = definition.result_columns if definition is not None else ()
    if len(columns) != len(row):
        return PARTED_BY.join(row)
    pairs = zip(columns, row, strict=True)
    return PARTED_BY.join(f"{column.name}: {value}" for column, value in pairs)


_HEAVY: Final = [each for each in BUILT_IN.values() if each.cost is Cost.HEAVY]

SENSORS: Final[dict[str, SensorFunction]] = {
    "job.list": list_jobs,
    "job.results": job_results,
    "job.has_files": has_files,
    "job.cancel": cancel_job,
    **{
        results_of(heavy).key: partial(results_of_sensor, heavy)
        for heavy in _HEAVY
        if this_platform() in heavy.platforms
    },
}
