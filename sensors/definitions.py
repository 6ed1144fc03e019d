"""What a sensor is: its name, what it needs, what it returns, and what it costs.

The console shows these, the question language resolves names with them, and the agent carries out
those that it has. Built-in ones stand in `sensors.catalogue`, users' own in the console's database.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

LINUX: Final = "linux"
WINDOWS: Final = "windows"
MACOS: Final = "macos"
EVERYWHERE: Final = (LINUX, WINDOWS, MACOS)


class ValueType(StrEnum):
    """What a column's text means; all values travel as text."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BYTES = "bytes"
    """A size in bytes, decimal digits."""
    SECONDS = "seconds"
    """A duration in seconds, decimal digits."""
    INSTANT = "instant"
    """`YYYY-MM-DD HH:MM:SS.mmm+00:00` (SE-08)."""
    BOOLEAN = "boolean"
    """`True` or `False`."""
    IP_ADDRESS = "ip-address"
    VERSION = "version"
    PATH = "path"
    HASH = "hash"


class ParameterType(StrEnum):
    """What a parameter accepts. A BOOLEAN is `0` or `1`, a CHOICE one of `choices`."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    REGULAR_EXPRESSION = "regular-expression"
    INSTANT = "instant"
    PATH = "path"
    HASH = "hash"
    CHOICE = "choice"


class Cost(StrEnum):
    """How much an endpoint works for one answer.

    INSTANT: < 50 ms of CPU; LIGHT: < 1 s; HEAVY: more, or it reads much from the disk. Heavy
    sensors run as jobs with an id, a few at once and at low priority (SE-07).
    """

    INSTANT = "instant"
    LIGHT = "light"
    HEAVY = "heavy"


class Column(msgspec.Struct, frozen=True):
    """One column of a sensor's rows. A sensor of one column names it like itself."""

    name: str
    type: ValueType = ValueType.TEXT


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """Something to fill in. Without `default` it must be given. `common_uses` fill the form."""

    key: str
    title: str
    type: ParameterType = ParameterType.TEXT
    default: str | None = None
    help: str = ""
    choices: tuple[str, ...] = ()
    common_uses: tuple[str, ...] = ()
    max_length: int = 1024


JOB_COLUMNS: Final = (Column("Job ID"), Column("State"))
"""What a HEAVY sensor answers at once: the job that it started."""

JOB_PARAMETER: Final = Parameter(
    key="job_id",
    title="IR Job ID",
    default="",
    help="A name that no other job has: letters, digits, '.', '_' and '-'. Empty: one is made.",
    max_length=64,
)
"""The parameter of every HEAVY sensor that names its job (SE-07)."""


class SensorDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor.

    `name` is what questions say (unique without regard to case), `key` what the wire says:
    `process.running`; a user's own sensor has the key `custom.<uuid>`. `content_set` names whose
    roles may use it. `timeout` is in seconds. `example` is a question that works.

    A HEAVY sensor has `JOB_COLUMNS` and `JOB_PARAMETER`: its question starts a job. What the job
    finds has `result_columns` and is read by the sensor `results_of` it, or as text by
    `job.results`. One that `changes_jobs` acts on jobs that were started.
    """

    key: str
    name: str
    description: str
    category: str
    columns: tuple[Column, ...]
    parameters: tuple[Parameter, ...] = ()
    platforms: tuple[str, ...] = EVERYWHERE
    cost: Cost = Cost.INSTANT
    content_set: str = "Base"
    example: str = ""
    timeout: float = 30.0
    aliases: tuple[str, ...] = ()
    result_columns: tuple[Column, ...] = ()
    changes_jobs: bool = False

    @property
    def starts_job(self) -> bool:
        """Tell whether a question gets a job instead of an answer."""
        return self.cost is Cost.HEAVY

    @property
    def only_looks(self) -> bool:
        """Tell whether it may decide which endpoints answer: asking it changes nothing there."""
        return not self.starts_job and not self.changes_jobs

    def parameter(self, key: str) -> Parameter | None:
        """Find a parameter by its key."""
        return next((item for item in self.parameters if item.key == key), None)

    def column(self, name: str) -> Column | None:
        """Find a column by its name, without regard to case."""
        wanted = name.casefold()
        return next((item for item in self.columns if item.name.casefold() == wanted), None)


RESULTS_SUFFIX: Final = ".results"
_JOB_OF_RESULTS: Final = Parameter(
    key="job_id",
    title="IR Job ID",
    default="",
    help="As it was given, or answered, when the job was started. Empty: the job of this sensor "
    "that was started last.",
    max_length=64,
)
SKIPPED_ROWS: Final = Parameter(
    key="skip",
    title="Skip Rows",
    type=ParameterType.INTEGER,
    default="0",
    help="How many rows to pass over: to read on where an answer ended.",
    common_uses=("0", "10000", "20000"),
    max_length=7,
)
MOST_RESULTS: Final = Parameter(
    key="max_rows",
    title="Most Rows",
    type=ParameterType.INTEGER,
    default="10000",
    help="From 1 to 10000, which is what one answer holds.",
    common_uses=("100", "1000", "10000"),
    max_length=5,
)


def results_of(heavy: SensorDefinition) -> SensorDefinition:
    """Define the sensor that reads what the jobs of a HEAVY one found, in columns of their own."""
    name = f"{heavy.name} Results"
    return SensorDefinition(
        key=f"{heavy.key}{RESULTS_SUFFIX}",
        name=name,
        description=f"What a job of “{heavy.name}” has found, in columns; a job that runs still "
        "shows what it found so far. One row without values when it has found nothing.",
        category=heavy.category,
        columns=(*JOB_COLUMNS, *heavy.result_columns),
        parameters=(_JOB_OF_RESULTS, SKIPPED_ROWS, MOST_RESULTS),
        platforms=heavy.platforms,
        content_set=heavy.content_set,
        example=f'Get Computer Name and {name}["case-17"] from all machines',
    )


Sensors = Mapping[str, SensorDefinition]
