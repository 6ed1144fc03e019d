"""Explain why an endpoint is, or is not, in a computer group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from console.access.models import User
from console.endpoints.evaluation import current_rules, subject_of
from console.endpoints.models import ComputerGroup, Endpoint, Membership
from console.endpoints.properties import COMPUTER_GROUP, PROPERTIES, Subject, cells_of
from console.endpoints.rules import columns_of, groups_meant, vocabulary, write_rule
from console.endpoints.targeting import RuleSet
from console.endpoints.trial import sensors_of
from console.endpoints.visible_groups import groups_visible_to
from protocol.questions import AllOf, Comparison, Filter, Not
from sensors.calls import canonical
from sensors.conditions import Rows, compile_filter
from sensors.definitions import Column

# An answer of a sensor may have ten thousand rows.
MOST_VALUES: Final = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a rule. `holds` is None where an endpoint never told what is asked.

    `kind` is `all`, `any`, `not`, `compare` or `sentence`; `found` holds the values that were
    compared, the first of them, and `more` how many there were besides. They stay empty where
    `is_withheld`: who asks may not read that sensor.
    """

    kind: str
    text: str
    holds: bool | None
    found: tuple[str, ...] = ()
    more: int = 0
    is_withheld: bool = False
    parts: tuple[Reason, ...] = ()


def explain(group: ComputerGroup, endpoint: Endpoint, *, user: User) -> Reason:
    """Say what decides about an endpoint's being in a group, with the values found.

    Of sensors that this user may not read it is said whether they match, and not what they hold;
    groups that are hidden from them are not named.
    """
    is_member = Membership.objects.filter(group=group, endpoint=endpoint).exists()
    if endpoint.revoked_at is not None:
        return Reason("sentence", "It was revoked, and left every group.", is_member)
    if group.kind != ComputerGroup.Kind.FILTER:
        return Reason("sentence", _sentence(group, is_member=is_member), is_member)
    current = current_rules()
    rule = current.rule_set.rules.get(group.pk)
    if rule is None:
        problem = current.problems.get(group.pk, "")
        return Reason("sentence", f"The rule is not evaluated: {problem}", None)
    subject = subject_of(endpoint, current.rule_set)
    return _Explainer(current.rule_set, subject, endpoint, user).of(rule)


class _Explainer:
    """Explains rules of one endpoint to one user."""

    def __init__(self, rules: RuleSet, subject: Subject, endpoint: Endpoint, user: User) -> None:
        self._rules = rules
        self._subject = subject
        self._names = vocabulary(rules.sensors.values())
        self._groups = tuple(
            Membership.objects.filter(endpoint=endpoint)
            .order_by("group__name")
            .values_list("group__name", flat=True)
        )
        self._shown_groups = set(groups_visible_to(user).values_list("name", flat=True))
        self._readable = PROPERTIES.keys() | {sensor.key for sensor in sensors_of(user)}

    def of(self, rule: Filter) -> Reason:
        """Explain a rule with all its parts, also those that did not matter."""
        if isinstance(rule, Comparison):
            return self._comparison(rule)
        if isinstance(rule, Not):
            part = self.of(rule.part)
            holds = None if part.holds is None else not part.holds
            return Reason("not", "not", holds, parts=(part,))
        parts = tuple(self.of(part) for part in rule.parts)
        if isinstance(rule, AllOf):
            return Reason("all", "all of", _joined(parts, settles=False), parts=parts)
        return Reason("any", "any of", _joined(parts, settles=True), parts=parts)

    def _comparison(self, comparison: Comparison) -> Reason:
        text = write_rule(comparison, self._names)
        rows = self._rows(comparison)
        if rows is None:
            return Reason("compare", text, None)
        holds = compile_filter(comparison, self._columns)(lambda _: rows)
        key = comparison.call.key
        if key not in self._readable:
            return Reason("compare", text, holds, is_withheld=True)
        values = [" | ".join(row) for row in rows if key != COMPUTER_GROUP or self._may_name(row)]
        shown = tuple(values[:MOST_VALUES])
        return Reason("compare", text, holds, shown, len(values) - len(shown))

    def _may_name(self, row: Sequence[str]) -> bool:
        return row[0] == "" or row[0] in self._shown_groups

    def _rows(self, comparison: Comparison) -> Rows | None:
        key = comparison.call.key
        if key == COMPUTER_GROUP:
            meant = {group.name for group in groups_meant(comparison, self._rules.groups)}
            # The operator's negation is about being in any of them.
            return [(name,) for name in self._groups if name in meant] or [("",)]
        if key in PROPERTIES:
            return [(cell,) for cell in cells_of(self._subject, key)]
        return self._subject.facts.get(canonical(comparison.call))

    def _columns(self, call: object) -> Sequence[Column]:
        return columns_of(call, self._rules.sensors)  # type: ignore[arg-type]  # what filters hold


def _joined(parts: Sequence[Reason], *, settles: bool) -> bool | None:
    decided = [part.holds for part in parts]
    if settles in decided:
        return settles
    return None if None in decided else not settles


def _sentence(group: ComputerGroup, *, is_member: bool) -> str:
    if group.kind == ComputerGroup.Kind.ALL:
        return "Every endpoint that is enrolled is in this group."
    if group.kind == ComputerGroup.Kind.NONE:
        return "No endpoint is ever in this group."
    if is_member:
        return "Somebody put it into this group by hand."
    return "Nobody put it into this group by hand."
