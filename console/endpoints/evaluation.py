"""Keep memberships in line with the rules of computer groups: after changes, and for previews.

The rules stand in the database, where every program finds them; what is compiled from them is kept
by their text, so that a changed rule is compiled by whoever needs it next.
"""

from __future__ import annotations

import functools
import heapq
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from console.endpoints import rules as language
from console.endpoints.exceptions import GroupsInCircle, RuleRefused
from console.endpoints.membership import write_endpoints, write_group
from console.endpoints.models import ComputerGroup, Endpoint, EndpointFact, Label, Membership
from console.endpoints.properties import COMPUTER_GROUP, FIELDS, LABEL, PROPERTIES, Subject
from console.endpoints.recompute import Population, members_by_rule
from console.endpoints.rules import Named
from console.endpoints.targeting import GroupsOf, RuleSet, compile_rules
from protocol.questions import Filter
from sensors.calls import comparisons_in
from sensors.definitions import SensorDefinition
from sensors.language import NameIndex

_AT_ONCE: Final = 500
_log: Final = logging.getLogger(__name__)

# (number, name, kind, rule)
GroupRow = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What all groups' rules amount to; `problems` says why a rule is not evaluated, by group."""

    rule_set: RuleSet
    groups_of: GroupsOf
    problems: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many endpoints a rule is true of, and the first of them by name."""

    count: int
    first: tuple[tuple[UUID, str], ...]


def current_rules() -> Rules:
    """Return the rules of all groups, compiled."""
    rows = tuple(ComputerGroup.objects.order_by("pk").values_list("pk", "name", "kind", "rule"))
    return _rules_of(rows, language.definitions())


def follow_endpoints(endpoint_ids: Iterable[UUID]) -> set[int]:
    """Find the groups of endpoints that changed; return the groups whose members changed.

    Only groups with rules are found: who is in a manual group stays there.
    """
    wanted = list(dict.fromkeys(endpoint_ids))
    if not wanted:
        return set()
    current = current_rules()
    evaluated = current.rule_set.rules.keys()
    if not evaluated:
        return set()
    touched: set[int] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        keys, subjects = _subjects(current.rule_set, among=part)
        found: dict[UUID, list[int]] = {
            key: current.groups_of(subject) for key, subject in zip(keys, subjects, strict=True)
        }
        touched |= write_endpoints(found, evaluated=evaluated)
    return touched


def evaluate_groups(group_ids: Collection[int], *, now: datetime) -> None:
    """Find the members of these groups, and of all that ask about them, among all endpoints."""
    current = current_rules().rule_set
    asked = current.rules.keys() & group_ids
    stale = asked | language.dependents_of(group_ids, current.rules, current.groups)
    if not stale:
        return
    needed = current.with_needed(stale)
    population = Population(*_subjects(needed))
    for group_id, lanes in members_by_rule(needed, population):
        if group_id in stale:
            write_group(group_id, list(population.chosen(lanes)), now=now)


def rules_with(group: Named, rule: Filter | None) -> RuleSet:
    """Return the rules as they would be with this group (0: a new one) and its rule.

    Raises `GroupsInCircle`.
    """
    current = current_rules().rule_set
    groups = (*(other for other in current.groups if other.pk != group.pk), group)
    rules = {pk: known for pk, known in current.rules.items() if pk != group.pk}
    if rule is not None:
        rules[group.pk] = rule
    return RuleSet.of(groups, rules, list(current.sensors.values()))


def preview_rule(
    rule: Filter, group: Named, *, reached: set[UUID] | None, first: int = 50
) -> Preview:
    """Tell of whom a group's rule would be true now; of `reached` only, where that is given.

    Raises `GroupsInCircle`.
    """
    needed = rules_with(group, rule).with_needed([group.pk])
    ids, subjects = _subjects(needed)
    keys = [
        (str(subject.fields["host_name"]), pk) for pk, subject in zip(ids, subjects, strict=True)
    ]
    population = Population(keys, subjects)
    lanes = dict(members_by_rule(needed, population))[group.pk]
    found = [
        (name, pk) for name, pk in population.chosen(lanes) if reached is None or pk in reached
    ]
    shown = heapq.nsmallest(first, found)
    return Preview(len(found), tuple((pk, name) for name, pk in shown))


def subject_of(endpoint: Endpoint, rules: RuleSet) -> Subject:
    """Return one endpoint as these rules see it."""
    [subject] = _subjects(rules, among=[endpoint.pk], all_fields=True)[1]
    return subject


@functools.lru_cache(maxsize=8)
def _rules_of(rows: tuple[GroupRow, ...], known: tuple[SensorDefinition, ...]) -> Rules:
    names = NameIndex(known)
    groups = tuple(Named(pk, name, kind) for pk, name, kind, _ in rows)
    rules: dict[int, Filter] = {}
    problems: dict[int, str] = {}
    for pk, name, kind, text in rows:
        if kind != ComputerGroup.Kind.FILTER:
            continue
        try:
            rules[pk] = language.read_rule(text, names)
        except RuleRefused as refusal:
            # Its sensor is gone, say. Its members stay as they were until somebody mends it.
            _log.warning("the rule of computer group %s is not evaluated: %s", name, refusal.detail)
            problems[pk] = refusal.detail
    while True:
        try:
            rule_set = RuleSet.of(groups, rules, known)
        except GroupsInCircle as refusal:
            # Two saves at once may close a circle that neither could see.
            _log.warning("computer groups are not evaluated: %s", refusal.detail)
            for group in groups:
                if group.name in refusal.names:
                    problems[group.pk] = refusal.detail
                    rules.pop(group.pk, None)
        else:
            return Rules(rule_set, compile_rules(rule_set), problems)


def _subjects(
    rules: RuleSet, *, among: Sequence[UUID] | None = None, all_fields: bool = False
) -> tuple[list[UUID], list[Subject]]:
    """Load the endpoints that are enrolled, with what these rules need of them and the name."""
    used = {
        comparison.call.key for rule in rules.rules.values() for comparison in comparisons_in(rule)
    }
    needed = {"host_name"}.union(*(PROPERTIES[key].needs for key in used & PROPERTIES.keys()))
    columns = FIELDS if all_fields else tuple(name for name in FIELDS if name in needed)
    endpoints = Endpoint.objects.filter(revoked_at=None)
    if among is not None:
        endpoints = endpoints.filter(pk__in=among)
    keys: list[UUID] = []
    subjects: list[Subject] = []
    for key, *values in endpoints.values_list("pk", *columns).iterator(chunk_size=5000):
        keys.append(key)
        subjects.append(Subject(dict(zip(columns, values, strict=True))))
    by_key = dict(zip(keys, subjects, strict=True))
    if LABEL in used or all_fields:
        _add_labels(by_key, among)
    if COMPUTER_GROUP in used or all_fields:
        _add_manual_groups(by_key, among)
    if rules.calls:
        _add_facts(by_key, rules.calls, among)
    return keys, subjects


def _add_labels(subjects: Mapping[UUID, Subject], among: Sequence[UUID] | None) -> None:
    names = dict(Label.objects.values_list("pk", "name"))
    labelled = Label.endpoints.through.objects.all()
    for endpoint_id, label_id in _pairs(labelled, "endpoint_id", "label_id", among):
        subject = subjects.get(endpoint_id)
        if subject is not None and label_id in names:
            subject.labels = (*subject.labels, names[label_id])


def _add_manual_groups(subjects: Mapping[UUID, Subject], among: Sequence[UUID] | None) -> None:
    manual = Membership.objects.filter(group__kind=ComputerGroup.Kind.MANUAL)
    for endpoint_id, group_id in _pairs(manual, "endpoint_id", "group_id", among):
        subject = subjects.get(endpoint_id)
        if subject is not None:
            subject.groups = subject.groups | {group_id}


def _add_facts(
    subjects: Mapping[UUID, Subject], calls: Collection[str], among: Sequence[UUID] | None
) -> None:
    told: dict[UUID, dict[str, Any]] = {}
    facts = EndpointFact.objects.filter(call__in=calls)
    if among is not None:
        facts = facts.filter(endpoint__in=among)
    for endpoint_id, call, rows in facts.values_list("endpoint_id", "call", "rows").iterator():
        told.setdefault(endpoint_id, {})[call] = rows
    for endpoint_id, rows_by_call in told.items():
        if endpoint_id in subjects:
            subjects[endpoint_id].facts = rows_by_call


def _pairs(
    rows: Any, endpoint: str, other: str, among: Sequence[UUID] | None
) -> Iterator[tuple[UUID, int]]:
    if among is not None:
        rows = rows.filter(**{f"{endpoint}__in": among})
    found: Iterator[tuple[UUID, int]] = rows.values_list(endpoint, other).iterator(chunk_size=5000)
    return found
