"""Compile the rules of all computer groups into one function: from an endpoint to its groups.

When an endpoint changes, only its own groups are found anew. Interpreting two hundred rules takes
ten times as long as running them as Python, so they are written as one function. What is generated
holds operators, numbers and names of our own; everything that a user wrote is bound to a name and
never becomes text of the program.

A comparison of a fact that an endpoint never told is neither true nor false, as
`sensors.conditions` defines it: for each part, the code asks either "is it true" or "is it false".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from console.endpoints.patterns import PatternSet
from console.endpoints.properties import (
    COMPUTER_GROUP,
    PROPERTIES,
    Subject,
    address_number,
    cells_of,
)
from console.endpoints.rules import (
    Named,
    calls_in,
    columns_of,
    groups_meant,
    in_order,
    needed_groups,
    positive_name,
)
from protocol.questions import AllOf, Comparison, Filter, Not
from sensors.calls import canonical
from sensors.conditions import Relation, compile_comparison, compile_row_condition, find_operator
from sensors.definitions import SensorDefinition, ValueType
from sensors.values import fold, read_network

# What a comparison costs, in tenths of a microsecond: the cheap ones of a rule come first.
_CHEAP, _MODERATE, _DEAR = 1, 5, 20

# The constants of `ComputerGroup.Kind`; a filter is another rule, a manual group is looked up.
_ALL, _NONE, _MANUAL = "all", "none", "manual"

_TEXTS: Final = frozenset({ValueType.TEXT, ValueType.PATH})
_FOLDED: Final[Mapping[Relation, str]] = {
    Relation.IS: "{cell} == {constant}",
    Relation.CONTAINS: "{constant} in {cell}",
    Relation.STARTS: "{cell}.startswith({constant})",
    Relation.ENDS: "{cell}.endswith({constant})",
}

GroupsOf = Callable[[Subject], list[int]]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that can be evaluated, each after those that it asks about."""

    groups: tuple[Named, ...]
    rules: Mapping[int, Filter]
    sensors: Mapping[str, SensorDefinition]

    @classmethod
    def of(
        cls,
        groups: Collection[Named],
        rules: Mapping[int, Filter],
        sensors: Collection[SensorDefinition],
    ) -> RuleSet:
        """Put rules in order. Raises `GroupsInCircle`."""
        ordered = {group_id: rules[group_id] for group_id in in_order(rules, groups)}
        return cls(tuple(groups), ordered, {sensor.key: sensor for sensor in sensors})

    @property
    def calls(self) -> frozenset[str]:
        """Name the calls whose answers the rules need."""
        return frozenset(calls_in(self.rules.values()))

    def with_needed(self, group_ids: Collection[int]) -> RuleSet:
        """Keep the rules of these groups, and of those that they ask about."""
        waiting, kept = set(group_ids) & self.rules.keys(), set()
        while waiting:
            kept |= waiting
            asked = {
                needed
                for group_id in waiting
                for needed in needed_groups(self.rules[group_id], self.groups)
            }
            waiting = (asked & self.rules.keys()) - kept
        rules = {group_id: rule for group_id, rule in self.rules.items() if group_id in kept}
        return RuleSet(self.groups, rules, self.sensors)


def compile_rules(rules: RuleSet) -> GroupsOf:
    """Make the function that lists the groups whose rule is true of an endpoint."""
    return _Writer(rules).function()


class _Writer:
    """Writes one function. Use once."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._bound: dict[str, Any] = {"fold": fold, "cells_of": cells_of}
        self._numbers = itertools.count()
        self._prologue: dict[str, str] = {}
        self._patterns: dict[str, PatternSet] = {}
        self._matched = {key: self._name("m") for key in PROPERTIES}

    def function(self) -> GroupsOf:
        """Write and return the function."""
        tests = []
        for group_id, rule in self._rules.rules.items():
            _, code = self._code(rule, wanted=True)
            tests.append(f"    g{int(group_id)} = {code}")
            tests.append(f"    if g{int(group_id)}: found.append({int(group_id)})")
        for key, patterns in self._patterns.items():
            patterns.close()
            cells = self._cells(key)
            name = self._bind(patterns.match)
            self._line(self._matched[key], f"{name}({cells})")
        lines = [
            "def groups_of(subject):",
            "    facts, groups, found = subject.facts, subject.groups, []",
            *(f"    {line}" for line in self._prologue.values()),
            *tests,
            "    return found",
        ]
        # No text of a user is in it: see the module's docstring.
        exec("\n".join(lines), self._bound)  # noqa: S102
        made: GroupsOf = self._bound["groups_of"]
        return made

    # ------------------------------------------------------------ trees

    def _code(self, rule: Filter, *, wanted: bool) -> tuple[int, str]:
        """Write what is true when the rule is `wanted`, with what it costs."""
        if isinstance(rule, Comparison):
            return self._comparison(rule, wanted=wanted)
        if isinstance(rule, Not):
            return self._code(rule.part, wanted=not wanted)
        # Not all are true when one is false, and the other way about.
        word = " and " if isinstance(rule, AllOf) is wanted else " or "
        parts = sorted(self._code(part, wanted=wanted) for part in rule.parts)
        return sum(cost for cost, _ in parts), f"({word.join(code for _, code in parts)})"

    def _comparison(self, comparison: Comparison, *, wanted: bool) -> tuple[int, str]:
        operator = find_operator(comparison.operator)
        holds = wanted is not operator.negated
        key = comparison.call.key
        if key not in PROPERTIES:
            return self._fact(comparison, holds=holds)
        if key == COMPUTER_GROUP:
            cost, code = self._groups(comparison, operator.relation)
        else:
            cost, code = self._property(comparison, operator.relation)
        return cost, f"({code})" if holds else f"(not ({code}))"

    def _fact(self, comparison: Comparison, *, holds: bool) -> tuple[int, str]:
        columns = columns_of(comparison.call, self._rules.sensors)
        test = self._bind(compile_row_condition(_positive(comparison), columns))
        call = canonical(comparison.call)
        rows = self._local(f"fact {call}", f"facts.get({self._bind(call)})")
        code = f"any(map({test}, {rows}))"
        return _DEAR, f"({rows} is not None and {code if holds else f'not {code}'})"

    def _groups(self, comparison: Comparison, relation: Relation) -> tuple[int, str]:
        parts: list[str] = []
        for group in groups_meant(comparison, self._rules.groups):
            if group.kind == _ALL:
                return _CHEAP, "True"
            if group.kind == _MANUAL:
                parts.append(f"{int(group.pk)} in groups")
            elif group.pk in self._rules.rules:
                parts.append(f"g{int(group.pk)}")
        return _CHEAP * len(parts), " or ".join(parts) or "False"

    def _property(self, comparison: Comparison, relation: Relation) -> tuple[int, str]:
        described = PROPERTIES[comparison.call.key]
        if relation is Relation.MATCHES:
            return self._pattern(comparison)
        if relation is Relation.IN_CIDR:
            return self._network(comparison)
        if described.type in _TEXTS and relation in _FOLDED:
            constant = self._bind(fold(comparison.value))
            if described.is_single:
                cell = self._local(
                    f"folded {described.key}", f"fold({self._cells(described.key)}[0])"
                )
                return _CHEAP, _FOLDED[relation].format(cell=cell, constant=constant)
            if relation is Relation.IS:
                cells = self._cells(described.key)
                folded = self._local(f"set {described.key}", f"set(map(fold, {cells}))")
                return _CHEAP, f"{constant} in {folded}"
        test = self._bind(compile_comparison(_positive(comparison), described.type))
        return _MODERATE, f"any(map({test}, {self._cells(described.key)}))"

    def _pattern(self, comparison: Comparison) -> tuple[int, str]:
        key = comparison.call.key
        place = self._patterns.setdefault(key, PatternSet()).add(comparison.value)
        return _CHEAP, f"{place} in {self._matched[key]}"

    def _network(self, comparison: Comparison) -> tuple[int, str]:
        version, mask, network = read_network(comparison.value)
        cells = self._cells(comparison.call.key)
        self._bound.setdefault("numbers_of", _numbers_of)
        numbers = self._local(
            f"numbers {comparison.call.key} {version}", f"numbers_of({cells}, {version})"
        )
        # One set for each length of prefix serves every network of that length.
        masked = self._local(
            f"masked {comparison.call.key} {version} {mask}",
            f"{{number & {mask} for number in {numbers}}}",
        )
        return _CHEAP, f"{network} in {masked}"

    # ------------------------------------------------------------ names

    def _cells(self, key: str) -> str:
        return self._local(f"cells {key}", f"cells_of(subject, {self._bind(key)})")

    def _local(self, about: str, code: str) -> str:
        """Name a value that is found once for each endpoint, however many rules need it."""
        line = self._prologue.get(about)
        if line is None:
            name = self._name("v")
            self._prologue[about] = f"{name} = {code}"
            return name
        return line.partition(" ")[0]

    def _line(self, name: str, code: str) -> None:
        self._prologue[f"line {name}"] = f"{name} = {code}"

    def _bind(self, value: Any) -> str:
        name = self._name("c")
        self._bound[name] = value
        return name

    def _name(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"


def _positive(comparison: Comparison) -> Comparison:
    return Comparison(
        call=comparison.call,
        operator=positive_name(comparison.operator),
        value=comparison.value,
        column=comparison.column,
    )


def _numbers_of(cells: tuple[str, ...], version: int) -> list[int]:
    addresses = map(address_number, cells)
    return [found[1] for found in addresses if found is not None and found[0] == version]
