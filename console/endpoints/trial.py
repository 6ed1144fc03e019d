"""Try a rule before it is saved: what it means, whom it holds, what may follow at the cursor.

A user tries rules with what they may use and sees what they reach: a name that is hidden from them
is refused as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from console.access.models import User
from console.endpoints.evaluation import Preview, preview_rule
from console.endpoints.exceptions import RuleRefused
from console.endpoints.labels import labels_visible_to
from console.endpoints.models import ComputerGroup
from console.endpoints.properties import COMPUTER_GROUP, LABEL, PROPERTIES
from console.endpoints.reach import reach_of
from console.endpoints.rules import Named, named, read_form, read_rule, vocabulary, write_rule
from console.endpoints.visible_groups import (
    VIEW,
    groups_visible_to,
    naming_known_groups_only,
    reached_ids,
)
from protocol.questions import Comparison, Filter
from sensors.calls import comparisons_in
from sensors.conditions import operators_for
from sensors.definitions import SensorDefinition
from sensors.language import Completion, NameIndex, complete, filter_to_json

SensorsOf = Callable[[User], Iterable[SensorDefinition]]

# What `console.questions` lets a user's rules name; without it, nothing but properties.
_sensors_of: Final[list[SensorsOf]] = []


def allow_sensors(sensors_of: SensorsOf) -> None:
    """Let users name in rules the sensors that this returns for them."""
    _sensors_of.append(sensors_of)


@dataclass(frozen=True, slots=True)
class Trial:
    """A rule in both forms, and whom it would hold."""

    text: str
    form: dict[str, Any]
    preview: Preview


def sensors_of(user: User) -> list[SensorDefinition]:
    """List the sensors whose answers a user may read, so that their rules may name them."""
    return [sensor for source in _sensors_of for sensor in source(user)]


def names_for(user: User) -> NameIndex:
    """Index what a user's rules may name."""
    return vocabulary(sensors_of(user))


def read_rule_of(user: User, *, text: str = "", form: object = None) -> Filter:
    """Read a rule as text, or as the form in which it was clicked together.

    Raises `RuleRefused`.
    """
    names = names_for(user)
    rule = read_rule(text, names) if form is None else read_form(form, names)
    _check_groups(user, rule)
    return rule


def try_rule(
    user: User, group: ComputerGroup | None, *, text: str = "", form: object = None
) -> Trial:
    """Tell of whom a rule would be true, of the endpoints that this user reaches.

    Raises `RuleRefused`, or `GroupsInCircle` when the group would depend on itself.
    """
    rule = read_rule_of(user, text=text, form=form)
    known = Named(0, "", ComputerGroup.Kind.FILTER) if group is None else named(group)
    with naming_known_groups_only(user, known.name):
        preview = preview_rule(rule, known, reached=reached_ids(reach_of(user, VIEW)))  # type: ignore[arg-type]  # ids of endpoints
    written = text if form is None else write_rule(rule, names_for(user))
    return Trial(written, filter_to_json(rule), preview)


def complete_rule(user: User, text: str, position: int) -> Completion:
    """List what may stand at the cursor of an unfinished rule."""
    return complete(text, position, names_for(user), only_filter=True)


def choices_for(user: User) -> list[dict[str, Any]]:
    """Describe, as JSON, what can be compared: names, columns, operators, known values."""
    labels = list(labels_visible_to(user).values_list("name", flat=True))
    groups = list(groups_visible_to(user).values_list("name", flat=True))
    known = {LABEL: labels, COMPUTER_GROUP: groups}
    definitions = [listed.definition for listed in PROPERTIES.values()]
    taken = {definition.name.casefold() for definition in definitions}
    definitions += [one for one in sensors_of(user) if one.name.casefold() not in taken]
    return [_choice(one, known.get(one.key, [])) for one in definitions]


def _choice(definition: SensorDefinition, values: list[str]) -> dict[str, Any]:
    truths = ["True", "False"] if definition.columns[0].type == "boolean" else []
    several = len(definition.columns) > 1
    return {
        "name": definition.name,
        "category": definition.category,
        "description": definition.description,
        "columns": [
            {"name": column.name, "operators": operators_for((column,))}
            for column in definition.columns
        ],
        "operators": operators_for(definition.columns),
        "has_columns": several,
        "parameters": [
            {"key": one.key, "title": one.title, "default": one.default}
            for one in definition.parameters
        ],
        "values": values or truths,
    }


def _check_groups(user: User, rule: Filter) -> None:
    # What a rule finds in a group's name must not tell who hides behind it.
    if reach_of(user, VIEW).everything:
        return
    known = {name.casefold() for name in groups_visible_to(user).values_list("name", flat=True)}
    for comparison in comparisons_in(rule):
        if comparison.call.key == COMPUTER_GROUP and not _is_known(comparison, known):
            raise RuleRefused(
                f"There is no computer group “{comparison.value}”.",
                expected=tuple(sorted(known)),
            )


def _is_known(comparison: Comparison, known: set[str]) -> bool:
    return comparison.operator in ("is", "is not") and comparison.value.casefold() in known
