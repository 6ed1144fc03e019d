"""Read the rules of computer groups: text to trees, and in which order groups depend on others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

from console.endpoints.exceptions import GroupsInCircle, RuleRefused
from console.endpoints.models import ComputerGroup
from console.endpoints.properties import COMPUTER_GROUP, PROPERTIES
from protocol.questions import Comparison, Filter, SensorCall
from sensors.calls import canonical, comparisons_in
from sensors.catalogue import BUILT_IN
from sensors.conditions import compile_comparison, find_operator
from sensors.definitions import RESULTS_SUFFIX, Column, Cost, SensorDefinition, ValueType
from sensors.exceptions import BuilderRefused, QuestionRefused
from sensors.language import NameIndex, filter_from_json, filter_to_text, parse_filter

SensorSource = Callable[[], Iterable[SensorDefinition]]

_sources: Final[list[SensorSource]] = []


def offer_sensors(source: SensorSource) -> None:
    """Let rules name these sensors, too, beside the built-in ones."""
    _sources.append(source)


def definitions(allowed: Iterable[SensorDefinition] | None = None) -> tuple[SensorDefinition, ...]:
    """List what rules may name: every property, then sensors (`allowed`, or all that there are)."""
    properties = tuple(listed.definition for listed in PROPERTIES.values())
    taken = {definition.name.casefold() for definition in properties}
    sensors = _every_sensor() if allowed is None else allowed
    return (
        *properties,
        *(
            sensor
            for sensor in sensors
            if sensor.name.casefold() not in taken and is_askable(sensor)
        ),
    )


def is_askable(sensor: SensorDefinition) -> bool:
    """Tell whether rules may ask a sensor again and again: jobs are started by hand only."""
    is_about_jobs = sensor.key.startswith("job.") or sensor.key.endswith(RESULTS_SUFFIX)
    return sensor.cost is not Cost.HEAVY and not is_about_jobs


def vocabulary(allowed: Iterable[SensorDefinition] | None = None) -> NameIndex:
    """Index the names that rules may use."""
    return NameIndex(definitions(allowed))


def read_rule(text: str, names: NameIndex) -> Filter:
    """Read a rule. Raises `RuleRefused`, which knows the place."""
    try:
        return parse_filter(text, names)
    except QuestionRefused as refusal:
        raise RuleRefused.at_place(refusal) from refusal


def read_form(form: object, names: NameIndex) -> Filter:
    """Read a rule that was clicked together. Raises `RuleRefused`, which knows the path."""
    try:
        return filter_from_json(form, names)
    except BuilderRefused as refusal:
        raise RuleRefused.at_path(refusal) from refusal


def write_rule(rule: Filter, names: NameIndex) -> str:
    """Write a rule as text."""
    return filter_to_text(rule, names)


def columns_of(call: SensorCall, known: Mapping[str, SensorDefinition]) -> tuple[Column, ...]:
    """Return the columns of a call's sensor."""
    return known[call.key].columns


def calls_in(rules: Iterable[Filter]) -> dict[str, SensorCall]:
    """List, by canonical text, what endpoints have to be asked for these rules."""
    return {
        canonical(comparison.call): comparison.call
        for rule in rules
        for comparison in comparisons_in(rule)
        if comparison.call.key not in PROPERTIES
    }


@dataclass(frozen=True, slots=True)
class Named:
    """A group as other groups' rules see it."""

    pk: int
    name: str
    kind: str


def groups_meant(comparison: Comparison, groups: Iterable[Named]) -> list[Named]:
    """List the groups whose name a comparison with `Computer Group` is true of.

    The operator's negation is left aside: the comparison is about being in any of them.
    """
    positive = Comparison(
        call=comparison.call,
        operator=positive_name(comparison.operator),
        value=comparison.value,
    )
    is_meant = compile_comparison(positive, ValueType.TEXT)
    return [group for group in groups if is_meant(group.name)]


def positive_name(operator: str) -> str:
    """Return the name of an operator without its negation."""
    relation = find_operator(operator).relation
    return relation.value


def needed_groups(rule: Filter, groups: Iterable[Named]) -> set[int]:
    """List the groups that a rule asks about."""
    listed = list(groups)
    return {
        group.pk
        for comparison in comparisons_in(rule)
        if comparison.call.key == COMPUTER_GROUP
        for group in groups_meant(comparison, listed)
    }


def in_order(rules: Mapping[int, Filter], groups: Collection[Named]) -> list[int]:
    """List the groups with rules so that each comes after those that it asks about.

    Raises `GroupsInCircle`, which names them.
    """
    needs = {
        group_id: needed_groups(rule, groups) & rules.keys() for group_id, rule in rules.items()
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as circle:
        names = {group.pk: group.name for group in groups}
        raise GroupsInCircle([names[group_id] for group_id in circle.args[1]]) from circle


def dependents_of(
    changed: Collection[int], rules: Mapping[int, Filter], groups: Collection[Named]
) -> set[int]:
    """List the groups with rules that ask about these groups, directly or through others."""
    needs = {group_id: needed_groups(rule, groups) for group_id, rule in rules.items()}
    found: set[int] = set()
    waiting = set(changed)
    while waiting:
        reached = {group_id for group_id, asked in needs.items() if asked & waiting}
        waiting = reached - found
        found |= reached
    return found


def named(group: ComputerGroup) -> Named:
    """Return a group as rules see it."""
    return Named(group.pk, group.name, group.kind)


def _every_sensor() -> Iterable[SensorDefinition]:
    yield from BUILT_IN.values()
    for source in _sources:
        yield from source()
