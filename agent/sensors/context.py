"""What a sensor is given, and what it gives back.

A sensor is a function of this context and of its parameters (completed by their defaults and
checked against the definition) that yields rows of text, one value for each column. It may be
killed at any moment: it must hold no lock and leave no file behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from agent.directories import Directories

Row: TypeAlias = Sequence[str]
"""One value for each column, in the order of the definition."""


@dataclass(kw_only=True)
class LeftOut:
    """Counts the rows that a sensor found and did not yield, because it was told how many."""

    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class SensorContext:
    """Where a sensor may look.

    `now` is the console's time in µs since the epoch, UTC. `root` is `/` but in tests.
    `directories` are the agent's own: the event store, jobs, the status socket. `deadline` is on
    the monotonic clock, in seconds; None: a job, which may take as long as it needs. `left_out` is
    one call's own.
    """

    now: int
    platform: str
    directories: Directories
    root: Path = Path("/")
    deadline: float | None = None
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def seconds_left(self) -> float:
        """How long the sensor may still run; it is killed after that."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


SensorFunction: TypeAlias = Callable[[SensorContext, Mapping[str, str]], Iterable[Row]]
"""Yields the rows, lazily where there are many. Raises `SensorFailed` with a sentence."""
