"""Calls of sensors: when two of them are the same, and which a question makes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from protocol.questions import Comparison, Filter, Not, Selection, SensorCall

LONGEST_KEY: Final = 512
"""In characters; what `canonical` never exceeds for a sensor key of up to 128."""


def canonical(call: SensorCall) -> str:
    """Write a call as text that is equal for two calls exactly when they ask the same.

    The sensor's key, and its parameters in order. Longer than `LONGEST_KEY`, the parameters stand
    there as their SHA-256. Name and script do not count: the key already says which sensor it is.
    """
    if not call.parameters:
        return call.key
    parameters = msgspec.json.encode(sorted(call.parameters.items())).decode()
    written = f"{call.key}{parameters}"
    if len(written) <= LONGEST_KEY:
        return written
    digest = hashlib.sha256(parameters.encode()).hexdigest()
    return f"{call.key}#{digest}"


def comparisons_in(condition: Filter) -> Iterator[Comparison]:
    """Yield every comparison of a filter from left to right."""
    if isinstance(condition, Comparison):
        yield condition
        return
    for part in [condition.part] if isinstance(condition, Not) else condition.parts:
        yield from comparisons_in(part)


def distinct_calls(
    selections: Iterable[Selection], condition: Filter | None = None
) -> dict[str, SensorCall]:
    """List by `canonical` text what has to be run: the filter's calls first, each once."""
    compared = comparisons_in(condition) if condition is not None else ()
    calls = [comparison.call for comparison in compared]
    calls += [selection.call for selection in selections]
    found: dict[str, SensorCall] = {}
    for call in calls:
        found.setdefault(canonical(call), call)
    return found
