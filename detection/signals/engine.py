"""Evaluate many Signals on every event.

Signals are grouped by the kind of event that they look at. For each kind one prefilter names the
candidates, whose generated checks decide; the few Signals without required literals are checked
on every event of the kind. The answer is always that of `direct.matches_directly`.

No clock here: whoever wants to know what each rule costs passes a timer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detection.signals.compiler import Check, CompiledSignal, Row, compile_check, cost_of
from detection.signals.direct import matched_terms
from detection.signals.expression import Expression, terms_in
from detection.signals.prefilter import Prefilter, required_literals
from detection.signals.reading import generate_reader, generate_writer
from protocol.events import KIND_OF, Event
from protocol.messages import MatchedTerm

BATCH = 512
"""How many events `evaluate_batch` filters in one pass."""

_TIMED_EVERY = 16


class Match(NamedTuple):
    """A Signal that matched an event, with the terms that made it so."""

    signal_id: str
    matched: list[MatchedTerm]


@dataclass(slots=True)
class RuleStatistics:
    """What one Signal did since the engine was made.

    `evaluations` counts how often the prefilter could not rule it out. `nanoseconds` is what they
    took, measured on every 16th and scaled; 0 without a timer. `cost` is the estimate at compile
    time, in comparisons per evaluation. `always` tells that no literal holds it back.
    """

    signal_id: str
    cost: int
    always: bool
    evaluations: int = 0
    matches: int = 0
    nanoseconds: int = 0


class _Rule:
    """One Signal on one kind of event.

    `check` is None until `compile` was called, and that is when the prefilter lets the rule
    through for the first time: of hundreds of rules a few dozen ever come so far on one computer,
    and the others shall not lie in its memory compiled.
    """

    __slots__ = ("check", "expression", "read", "statistics")

    def __init__(self, statistics: RuleStatistics, expression: Expression) -> None:
        """Take a reader of just the properties that the rule names: most name two."""
        self.statistics = statistics
        self.expression = expression
        self.read: Callable[[Event], Row] = generate_reader(_named(expression))
        self.check: Check | None = None

    def compile(self) -> Check:
        """Make and keep the check of what `read` returns."""
        places = {name: column for column, name in enumerate(_named(self.expression))}
        self.check = compile_check(self.expression, places)
        return self.check


class Engine:
    """Evaluates a fixed set of Signals. To change the set, make another engine.

    Not safe for threads: it counts.
    """

    def __init__(
        self, signals: Iterable[CompiledSignal], *, timer: Callable[[], int] | None = None
    ) -> None:
        """Build from compiled Signals; `timer` returns nanoseconds and prices the rules."""
        self._statistics: list[RuleStatistics] = []
        by_kind: dict[str, list[tuple[RuleStatistics, Expression]]] = {}
        for signal in signals:
            statistics = RuleStatistics(signal.id, cost_of(signal.expression), always=False)
            self._statistics.append(statistics)
            for binding in signal.bindings:
                by_kind.setdefault(binding.kind, []).append((statistics, binding.expression))
        self._programs = {
            event_type: _Program(by_kind[kind], timer)
            for event_type, kind in KIND_OF.items()
            if kind in by_kind
        }

    def evaluate(self, event: Event) -> list[Match]:
        """List the Signals that match an event, in the order in which they were given."""
        program = self._programs.get(type(event))
        return program.evaluate(event) if program else []

    def evaluate_batch(self, events: Sequence[Event]) -> list[tuple[int, Match]]:
        """List (position, match) over many events, by position; faster than one by one."""
        positions: dict[type, list[int]] = {}
        for position, event in enumerate(events):
            positions.setdefault(type(event), []).append(position)
        found: list[tuple[int, Match]] = []
        for event_type, places in positions.items():
            program = self._programs.get(event_type)
            if program is None:
                continue
            for start in range(0, len(places), BATCH):
                some = places[start : start + BATCH]
                matches = program.evaluate_batch([events[place] for place in some])
                found += [(some[index], match) for index, match in matches]
        if len(positions) > 1:
            found.sort(key=lambda entry: entry[0])
        return found

    def statistics(self) -> list[RuleStatistics]:
        """What each Signal did, the one that took most first."""
        spent = [(s.nanoseconds or s.cost * s.evaluations, s) for s in self._statistics]
        return [s for _, s in sorted(spent, key=lambda entry: entry[0], reverse=True)]


class _Program:
    """All rules of one kind of event: prefilter, readers and checks."""

    def __init__(
        self,
        rules: list[tuple[RuleStatistics, Expression]],
        timer: Callable[[], int] | None,
    ) -> None:
        self._rules = [_Rule(statistics, expression) for statistics, expression in rules]
        self._prefilter = Prefilter(required_literals(expression) for _, expression in rules)
        self._always = self._prefilter.always
        for index in self._always:
            self._rules[index].statistics.always = True
        self._write = generate_writer(self._prefilter.properties)
        self._timer = timer

    def evaluate(self, event: Event) -> list[Match]:
        hits = self._check(self._always, event)
        candidates = self._prefilter.candidates(self._write(event))
        if candidates:
            hits += self._check(candidates, event)
        return self._explain(event, hits) if hits else []

    def evaluate_batch(self, events: list[Event]) -> list[tuple[int, Match]]:
        hits: dict[int, list[int]] = {}
        for position, index in self._check_always(events):
            hits.setdefault(position, []).append(index)
        haystacks = list(map(self._write, events))
        for position, candidates in self._prefilter.candidates_in_batch(haystacks):
            true = self._check(candidates, events[position])
            if true:
                hits.setdefault(position, []).extend(true)
        return [
            (position, match)
            for position in sorted(hits)
            for match in self._explain(events[position], hits[position])
        ]

    def _explain(self, event: Event, hits: list[int]) -> list[Match]:
        matched = [self._rules[index] for index in sorted(hits)]
        return [
            Match(rule.statistics.signal_id, matched_terms(rule.expression, event))
            for rule in matched
        ]

    def _check_always(self, events: list[Event]) -> list[tuple[int, int]]:
        """List (position, rule) of what no literal holds back; one rule after the other."""
        hits = []
        for index in self._always:
            rule = self._rules[index]
            check, read, statistics = rule.check or rule.compile(), rule.read, rule.statistics
            began = self._timer() if self._timer else 0
            true = [position for position, event in enumerate(events) if check(read(event))]
            statistics.nanoseconds += self._timer() - began if self._timer else 0
            statistics.evaluations += len(events)
            statistics.matches += len(true)
            hits += [(position, index) for position in true]
        return hits

    def _check(self, indexes: Iterable[int], event: Event) -> list[int]:
        rules = self._rules
        timer = self._timer
        hits = []
        for index in indexes:
            rule = rules[index]
            statistics = rule.statistics
            statistics.evaluations += 1
            if timer is not None and statistics.evaluations % _TIMED_EVERY == 0:
                true = _timed(rule, event, timer)
            else:
                true = (rule.check or rule.compile())(rule.read(event))
            if true:
                statistics.matches += 1
                hits.append(index)
        return hits


def _named(expression: Expression) -> tuple[str, ...]:
    return tuple(sorted({term.property for term in terms_in(expression)}))


def _timed(rule: _Rule, event: Event, timer: Callable[[], int]) -> bool:
    check = rule.check or rule.compile()
    began = timer()
    true = check(rule.read(event))
    rule.statistics.nanoseconds += (timer() - began) * _TIMED_EVERY
    return true
