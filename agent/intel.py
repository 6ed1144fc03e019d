"""Hold the Signals that the console deployed, ready to be evaluated.

They are kept on disk and loaded at the next start, so that an endpoint without its console still
detects. One rule that this platform cannot evaluate is reported and left out; it never keeps the
others from working.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import msgspec

from agent.durable_file import write_durably
from agent.exceptions import SettingsInvalid
from agent.heap import give_back
from detection.exceptions import SignalError
from detection.signals.compiler import CompiledSignal, compile_signal
from detection.signals.engine import Engine, Match
from protocol.events import Event
from protocol.instructions import ApplyIntel, SignalRule

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class DeployedRule:
    """What an alert says about the rule that raised it; its text stays on disk."""

    intel_id: UUID
    revision: int
    name: str


@dataclass(frozen=True)
class Ruleset:
    """One deployment, compiled for this platform."""

    revision: int = 0
    engine: Engine = field(default_factory=lambda: Engine([]))
    rules: dict[str, DeployedRule] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many Signals are evaluated."""
        return len(self.rules) - len(self.rejected)


class Intel:
    """The deployed Signals of this endpoint."""

    def __init__(self, *, intel_file: Path, platform: str) -> None:
        self._intel_file = intel_file
        self._platform = platform
        self._applying = asyncio.Lock()
        self._unreadable = ""
        self.deployed = Ruleset()

    def load(self) -> None:
        """Take up what was deployed before; nothing, where nothing was."""
        try:
            stored = msgspec.msgpack.decode(self._intel_file.read_bytes(), type=ApplyIntel)
        except FileNotFoundError:
            return
        except msgspec.DecodeError as error:
            # The console sees revision 0 in Hello and deploys again.
            log.warning("the stored rules are unreadable: %s", error)
            self._unreadable = "The stored rules were unreadable: the console must deploy again."
            return
        self.deployed = self._compiled(stored)
        give_back()

    async def apply(self, instruction: ApplyIntel) -> str:
        """Replace all rules; returns what to tell the console.

        Raises `SettingsInvalid` when the disk does not take them: the old ones then stay.
        """
        async with self._applying:
            # Compiling hundreds of rules takes a second; the recorder must not wait for it.
            compiled = await asyncio.to_thread(self._compiled, instruction)
            try:
                write_durably(self._intel_file, msgspec.msgpack.encode(instruction))
            except OSError as error:
                raise SettingsInvalid(f"The rules cannot be kept on disk: {error}.") from error
            self.deployed = compiled
            self._unreadable = ""
            give_back()
        summary = f"revision {compiled.revision}: {compiled.size} Signals are evaluated"
        if compiled.rejected:
            summary += f", {len(compiled.rejected)} cannot be"
        return summary

    def evaluate(self, events: Sequence[Event]) -> list[tuple[int, Match, DeployedRule]]:
        """List what matched: position of the event, the match, and the deployed rule."""
        deployed = self.deployed
        found = deployed.engine.evaluate_batch(events)
        return [(position, match, deployed.rules[match.signal_id]) for position, match in found]

    def problems(self) -> list[str]:
        """Name the rules that cannot be evaluated here, the first few in full."""
        rejected = self.deployed.rejected
        shown = list(rejected[:SHOWN_PROBLEMS])
        if len(rejected) > SHOWN_PROBLEMS:
            shown.append(f"{len(rejected) - SHOWN_PROBLEMS} more Signals cannot be evaluated.")
        return [self._unreadable, *shown] if self._unreadable else shown

    def _compiled(self, deployment: ApplyIntel) -> Ruleset:
        rules = [rule for rule in deployment.signals if self._is_for_us(rule)]
        rejected: list[str] = []
        # One after the other: of a compiled Signal the engine keeps only a part.
        engine = Engine(self._evaluable(rules, rejected))
        return Ruleset(
            revision=deployment.revision,
            engine=engine,
            rules={str(rule.intel_id): _deployed(rule) for rule in rules},
            rejected=tuple(rejected),
        )

    def _evaluable(
        self, rules: Iterable[SignalRule], rejected: list[str]
    ) -> Iterator[CompiledSignal]:
        """Compile these rules; add a sentence to `rejected` for each that cannot be."""
        for rule in rules:
            try:
                # The limit on terms is the author's, and was checked where he could see it.
                signal = compile_signal(
                    str(rule.intel_id),
                    rule.definition,
                    term_limit=None,
                    platforms=(self._platform,),
                )
            except SignalError as error:
                rejected.append(f"Signal {rule.name!r} cannot be evaluated here: {error}.")
            else:
                yield signal

    def _is_for_us(self, rule: SignalRule) -> bool:
        return not rule.platforms or self._platform in rule.platforms


def _deployed(rule: SignalRule) -> DeployedRule:
    return DeployedRule(rule.intel_id, rule.revision, rule.name)
