"""What stands in the job folder, for analysts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.job_folder import Job, JobFolder
from agent.sensors.values import boolean_text, instant_text
from sensors.catalogue import BUILT_IN

PARTED_BY: Final = " | "


def list_jobs(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every job that is kept."""
    jobs = JobFolder(context.directories.jobs)
    for job, standing in jobs.all():
        yield (
            job.id,
            job.name,
            standing.state,
            standing.reason,
            instant_text(job.begun_at),
            instant_text(standing.ended_at),
            str(standing.rows),
            str(jobs.size_bytes(job.id)),
        )


def job_results(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what one job has found; one row without a result when that is nothing."""
    jobs = JobFolder(context.directories.jobs)
    job, standing = jobs.read(parameters["job_id"])
    found = False
    for row in jobs.rows_of(job.id):
        found = True
        yield job.id, job.name, standing.state, _named(job, row)
    if not found:
        yield job.id, job.name, standing.state, standing.reason


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


SENSORS: Final[dict[str, SensorFunction]] = {
    "job.list": list_jobs,
    "job.results": job_results,
    "job.has_files": has_files,
    "job.cancel": cancel_job,
}
