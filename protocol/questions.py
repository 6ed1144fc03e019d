"""Questions to endpoints and their answers.

A question is one instruction for many endpoints: sealed once for the fleet, carried by the gateways
only to the endpoints that it targets. The endpoint evaluates the filter, runs the sensors and sends
its rows back in as many parts as fit into messages.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

# What one endpoint may answer to one question.
ROWS_AT_MOST = 10_000
PART_BYTES = 192 * 1024
# One bit of a signed 64-bit number for each part that is stored.
PARTS_AT_MOST = 63

ANSWERED, NOT_MATCHING, FAILED = "answered", "not-matching", "failed"


class Script(msgspec.Struct, kw_only=True):
    """A user's own sensor, as the console signed it within the question.

    `language` is `python`, `shell` or `powershell`. It prints one row a line, columns parted by
    `separator`. `timeout` is in seconds, `output_limit` in bytes. `column_names` and
    `column_types` (of `sensors.definitions.ValueType`) let comparisons speak of its columns.
    """

    language: str
    text: str
    columns: int
    separator: str = "|"
    timeout: float = 30.0
    output_limit: int = 1024 * 1024
    column_names: list[str] = []
    column_types: list[str] = []


class SensorCall(msgspec.Struct, kw_only=True):
    """One sensor with its parameters filled in. `script` goes along with a user's own sensor.

    `columns` is how many the console expects of it (0: it did not say): an agent that does not
    know the sensor leaves so many empty.
    """

    key: str
    name: str
    parameters: dict[str, str] = {}
    script: Script | None = None
    columns: int = 0


class Comparison(msgspec.Struct, kw_only=True, tag="compare"):
    """True when any row of the sensor has, in `column` (empty: any column), such a value.

    `operator` is one of `sensors.conditions.OPERATORS`. Without regard to case.
    """

    call: SensorCall
    operator: str
    value: str
    column: str = ""


class AllOf(msgspec.Struct, kw_only=True, tag="all"):
    """True when every part is."""

    parts: list[Filter]


class AnyOf(msgspec.Struct, kw_only=True, tag="any"):
    """True when one part is."""

    parts: list[Filter]


class Not(msgspec.Struct, kw_only=True, tag="not"):
    """True when its part is not."""

    part: Filter


Filter: TypeAlias = Comparison | AllOf | AnyOf | Not


class Selection(msgspec.Struct, kw_only=True):
    """One sensor whose rows are wanted; with `only`, just those rows for which it is true.

    Comparisons in `only` are about rows of this very call.
    """

    call: SensorCall
    only: Filter | None = None


class SensorFailure(msgspec.Struct, kw_only=True):
    """A sensor that gave no rows, and why, for the analyst."""

    name: str
    reason: str
