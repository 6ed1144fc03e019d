"""Attacks that can be counted: a burst of processes, each with a number, and a Signal on them."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.console import Agent, Console, eventually

# The marker stands in the arguments of `true` only, not in those of the shell that starts it.
_BURST = """
number=$1
while [ "$number" -lt "$2" ]; do
    /bin/true "$(cat "$0.marker")-$number."
    sleep "$3"
    number=$((number + 1))
done
"""


@dataclass
class Attack:
    """One Signal, deployed on one agent, and what it is to find."""

    console: Console
    agent: Agent
    folder: Path
    marker: str = field(default_factory=lambda: f"attack{uuid.uuid4().hex[:12]}")
    intel_id: str = ""

    def prepare(self) -> Attack:
        """Write the Signal and deploy it."""
        definition = f"process.command_line contains '{self.marker}-'"
        self.intel_id = self.console.create_signal(self.marker, definition)
        self.console.deploy(self.intel_id, self.agent)
        return self

    def begin(self, first: int, end: int, *, pause: float = 0.02) -> subprocess.Popen[bytes]:
        """Start the processes first … end - 1, one after the other, `pause` seconds apart."""
        script = self.folder / f"{self.marker}.sh"
        script.write_text(_BURST)
        script.with_name(f"{script.name}.marker").write_text(self.marker)
        words = ("/bin/sh", str(script), str(first), str(end), str(pause))
        return self.agent.host.start(*words, log=self.folder / "attack.log")

    def run(self, first: int, end: int, *, pause: float = 0.02) -> None:
        """Start the processes and wait for them."""
        assert self.begin(first, end, pause=pause).wait(60) == 0

    def found(self) -> Counter[int]:
        """Count the alerts about the start of each process."""
        numbers: Counter[int] = Counter()
        for alert in self.console.alerts(self.intel_id):
            if alert["event"]["kind"] == "process":
                numbers.update(self.numbers_in([alert["event"]]))
        return numbers

    def numbers_in(self, events: Iterable[dict[str, Any]]) -> list[int]:
        """Read which processes these events are about; the test's own programs do not count."""
        lines = (event["process"]["command_line"] for event in events)
        found = (re.fullmatch(rf"/bin/true {self.marker}-(\d+)\.", line) for line in lines)
        return [int(match[1]) for match in found if match]

    def expect(self, end: int, *, within: float = 60) -> None:
        """See that every process before `end` raises exactly one alert, now and at the end."""
        eventually(
            lambda: len(self.found()) >= end and not self.agent.status().get("outbox_waiting"),
            within=within,
            what=f"the arrival of {end} alerts",
        )
        assert self.found() == Counter(range(end))
