"""Gather a sensor's rows within bounds, as text that may travel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from agent.sensors.context import LeftOut, Row
from agent.sensors.exceptions import SensorFailed
from agent.sensors.values import shown_value

# What the rows of one call may take in the worker's memory, before a selection's `only` and the
# limit of an answer: some 70,000 rows of ten short values.
COLLECTED_BYTES: Final = 48 * 1024 * 1024
# What CPython needs for a short text beside its characters, and for a row.
VALUE_OVERHEAD_BYTES: Final = 57
ROW_OVERHEAD_BYTES: Final = 80


class Collected(msgspec.Struct, kw_only=True):
    """What one call gave. `cut` rows did not fit; with `failure` there are no rows."""

    rows: list[list[str]] = []
    cut: int = 0
    failure: str = ""


def collect(rows: Iterable[Row], *, columns: int, left_out: LeftOut | None = None) -> Collected:
    """Take the rows of one call, which counts in `left_out` what it does not yield.

    Raises `SensorFailed` for a row of another number of values.
    """
    collected = Collected()
    taken = 0
    for row in rows:
        if len(row) != columns:
            raise SensorFailed(f"The sensor gave {len(row)} values for {columns} columns.")
        if taken > COLLECTED_BYTES:
            collected.cut += 1
            continue
        shown = [shown_value(value) for value in row]
        taken += ROW_OVERHEAD_BYTES + sum(len(value) + VALUE_OVERHEAD_BYTES for value in shown)
        collected.rows.append(shown)
    if left_out is not None:
        collected.cut += left_out.rows
    return collected
