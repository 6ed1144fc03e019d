"""The jobs that heavy sensors started on an endpoint, and what they found."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    MOST_RESULTS,
    SKIPPED_ROWS,
    Column,
    Parameter,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Incident Response"

_JOB: Final = Parameter(
    key="job_id",
    title="IR Job ID",
    help="As it was given, or answered, when the job was started.",
    max_length=64,
)

SENSORS: Final = (
    SensorDefinition(
        key="job.list",
        name="Incident Response Jobs",
        description="Every job that a heavy sensor started here and whose results are still kept: "
        "how it stands, when it began and ended, and how much it found.",
        category=CATEGORY,
        columns=(
            Column("Job ID"),
            Column("Sensor"),
            Column("State"),
            Column("Reason"),
            Column("Started", ValueType.INSTANT),
            Column("Ended", ValueType.INSTANT),
            Column("Rows", ValueType.INTEGER),
            Column("Size", ValueType.BYTES),
        ),
        content_set="Incident Response",
        example="Get Computer Name and Incident Response Jobs from all machines",
    ),
    SensorDefinition(
        key="job.results",
        name="Incident Response Job Results",
        description="What any job has found, one row each: its columns by name, parted by “ | ”. "
        "A job that runs still shows what it found so far. Each sensor that starts jobs has one of "
        "its own for results, which gives them in columns.",
        category=CATEGORY,
        columns=(Column("Job ID"), Column("Sensor"), Column("State"), Column("Result")),
        parameters=(_JOB, SKIPPED_ROWS, MOST_RESULTS),
        content_set="Incident Response",
        example='Get Incident Response Job Results["case-17"] from all machines',
    ),
    SensorDefinition(
        key="job.has_files",
        name="Has Incident Response ID Files",
        description="Whether anything of a job with this id is on the endpoint.",
        category=CATEGORY,
        columns=(Column("Has Incident Response ID Files", ValueType.BOOLEAN),),
        parameters=(_JOB,),
        content_set="Incident Response",
        example='Get Has Incident Response ID Files["case-17"] from all machines',
    ),
    SensorDefinition(
        key="job.cancel",
        name="Cancel Incident Response Job",
        description="Ends a job that waits or runs; what it found until then stays. Answers how "
        "the job stood until then.",
        category=CATEGORY,
        columns=(Column("Job ID"), Column("State")),
        parameters=(_JOB,),
        content_set="Incident Response",
        example='Get Cancel Incident Response Job["case-17"] from all machines',
        changes_jobs=True,
    ),
)
