"""Run one job, in a process of its own at the lowest priority and without a time limit.

The agent holds this process' standard input: when that closes, the agent is gone, and the job ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from agent.clock import wall_time
from agent.directories import Directories
from agent.machine import this_platform
from agent.sensors.calls import Known
from agent.sensors.collected import Collected
from agent.sensors.context import LeftOut, Row, SensorContext
from agent.sensors.exceptions import SensorFailed
from agent.sensors.isolation import become_worker
from agent.sensors.job_folder import CANCELLED, COMPLETE, FAILED, RUNNING, Job, JobFolder, Standing
from agent.sensors.parameters import completed_parameters
from agent.sensors.running import run_isolated
from agent.sensors.values import shown_value

# What one job may keep; results are read through answers of at most 10,000 rows.
ROWS_KEPT: Final = 200_000
BYTES_KEPT: Final = 48 * 1024 * 1024
CANCELLED_REASON: Final = "Somebody cancelled the job."
STANDARD_INPUT: Final = 0


def run_job(directories: Directories, job_id: str, known: Known) -> None:
    """Run a job that was written down, and write down how it ended.

    Raises `SensorFailed` when there is no such job, and `WorkerAbandoned` when the agent is gone.
    """
    jobs = JobFolder(directories.jobs)
    job, standing = jobs.read(job_id)
    if standing.is_over:
        raise SensorFailed(f"The job {job_id!r} is over already.")
    if jobs.is_cancelled(job_id):
        jobs.note(job_id, Standing(state=CANCELLED, ended_at=wall_time()))
        return
    become_worker(job=True)
    jobs.note(job_id, Standing(state=RUNNING))
    given = _run(job, jobs, directories, known)
    cancelled = given.failure == CANCELLED_REASON
    jobs.note(job_id, _standing_after(given, found=jobs.rows_found(job_id), cancelled=cancelled))


def _run(job: Job, jobs: JobFolder, directories: Directories, known: Known) -> Collected:
    definition, function = known.definitions.get(job.key), known.functions.get(job.key)
    if definition is None or function is None:
        return Collected(failure="This agent does not have the sensor any more.")
    context = SensorContext(now=job.begun_at, platform=this_platform(), directories=directories)
    try:
        parameters = completed_parameters(definition, job.parameters)
    except SensorFailed as error:
        return Collected(failure=str(error))
    return run_isolated(
        lambda: write_rows(
            function(context, parameters),
            columns=len(definition.result_columns),
            file=jobs.rows_file(job.id),
            left_out=context.left_out,
        ),
        timeout=None,
        lifeline=STANDARD_INPUT,
        stopped=_stopper(partial(jobs.is_cancelled, job.id)),
    )


def write_rows(rows: Iterable[Row], *, columns: int, file: Path, left_out: LeftOut) -> Collected:
    """Write rows to a file as they come; return how many as the only value of one row.

    `left_out` is where the sensor counts what it does not yield. Each row is in the file before
    the next one is sought: somebody may read it, or end the job.
    """
    written = taken = cut = 0
    with file.open("wb", buffering=0) as target:
        for row in rows:
            if len(row) != columns:
                raise SensorFailed(f"The sensor gave {len(row)} values for {columns} columns.")
            line = msgspec.json.encode([shown_value(value) for value in row]) + b"\n"
            if written >= ROWS_KEPT or taken + len(line) > BYTES_KEPT:
                cut += 1
                continue
            target.write(line)
            written += 1
            taken += len(line)
    return Collected(rows=[[str(written)]], cut=cut + left_out.rows)


def _stopper(is_cancelled: Callable[[], bool]) -> Callable[[], str]:
    return lambda: CANCELLED_REASON if is_cancelled() else ""


def _standing_after(given: Collected, *, found: int, cancelled: bool) -> Standing:
    if given.failure:
        state = CANCELLED if cancelled else FAILED
        return Standing(state=state, reason=given.failure, ended_at=wall_time(), rows=found)
    return Standing(state=COMPLETE, ended_at=wall_time(), rows=int(given.rows[0][0]), cut=given.cut)
