"""Three ways to evaluate a rule agree: the language's own, one function for all, all columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.endpoints.patterns import PatternSet
from console.endpoints.properties import COMPUTER_GROUP, FIELDS, PROPERTIES, Subject, cells_of
from console.endpoints.recompute import Population, members_by_rule
from console.endpoints.rules import Named, definitions, read_rule, vocabulary
from console.endpoints.targeting import RuleSet, compile_rules
from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, SensorCall
from sensors.calls import canonical
from sensors.catalogue import BUILT_IN
from sensors.conditions import compile_filter, operators_for
from sensors.definitions import ValueType

NAMES = vocabulary(BUILT_IN.values())
KNOWN = definitions(BUILT_IN.values())
FACT = next(known for known in KNOWN if known.key == "hardware.chassis")
FACT_CALL = SensorCall(key=FACT.key, name=FACT.name)
MANUAL, EVERYBODY, NOBODY = (
    Named(1, "Chosen", "manual"),
    Named(2, "All", "all"),
    Named(3, "No", "none"),
)
FIRST, SECOND = Named(10, "First", "filter"), Named(11, "Second", "filter")
GROUPS = (MANUAL, EVERYBODY, NOBODY, FIRST, SECOND)

WORDS = st.sampled_from(["web-1", "WEB-2", "db.example", "", "Straße", "ΣΑΣ", "x86_64", "6.1.0"])
ADDRESSES = st.sampled_from(["10.1.2.3", "10.200.0.1", "192.0.2.7", "fe80::1%eth0", "::1", "junk"])
LABELS = st.lists(st.sampled_from(["crown jewel", "Test", "Straße"]), unique=True).map(tuple)
VALUES: dict[ValueType, Any] = {
    ValueType.TEXT: st.sampled_from(
        ["web", "WEB-1", "e", "strasse", "straße", "σας", "crown jewel"]
    ),
    ValueType.VERSION: st.sampled_from(["6.1", "12", "0.1.0"]),
    ValueType.BOOLEAN: st.sampled_from(["true", "False"]),
    ValueType.IP_ADDRESS: st.sampled_from(["10.1.2.3", "::1"]),
}
NETWORKS = st.sampled_from(["10.0.0.0/8", "10.200.0.0/16", "::/0", "fe80::/10", "192.0.2.7"])
PATTERNS = st.sampled_from(["web-[0-9]", ".*", "(?:db|web).*", "STRA.E"])


@st.composite
def subjects(draw: Any) -> Subject:
    """Describe an endpoint."""
    fields: dict[str, object] = {name: draw(WORDS) for name in FIELDS}
    fields["os"] = draw(st.sampled_from(["linux", "windows", "macos"]))
    fields["addresses"] = draw(st.lists(ADDRESSES, max_size=3))
    told = draw(st.none() | st.lists(st.tuples(WORDS, WORDS).map(list), max_size=2))
    return Subject(
        fields,
        labels=draw(LABELS),
        groups=frozenset({MANUAL.pk}) if draw(st.booleans()) else frozenset(),
        facts={} if told is None else {canonical(FACT_CALL): told},
    )


@st.composite
def comparisons(draw: Any, groups: tuple[str, ...]) -> Comparison:
    """Compare a property, a fact or the membership of a group."""
    key = draw(st.sampled_from([*PROPERTIES, FACT.key]))
    if key == COMPUTER_GROUP:
        call = SensorCall(key=key, name="Computer Group")
        operator = draw(st.sampled_from(["is", "is not"]))
        return Comparison(call=call, operator=operator, value=draw(st.sampled_from(groups)))
    definition = FACT if key == FACT.key else PROPERTIES[key].definition
    column = draw(st.sampled_from(definition.columns))
    operator = draw(st.sampled_from(operators_for((column,))))
    if operator.endswith("empty"):
        value = ""
    elif "cidr" in operator:
        value = draw(NETWORKS)
    elif "matching" in operator:
        value = draw(PATTERNS)
    else:
        value = draw(VALUES.get(column.type, VALUES[ValueType.TEXT]))
    call = SensorCall(key=definition.key, name=definition.name)
    named = column.name if len(definition.columns) > 1 else ""
    return Comparison(call=call, operator=operator, value=value, column=named)


def rules(groups: tuple[str, ...]) -> st.SearchStrategy[Filter]:
    """Nest comparisons."""
    return st.recursive(
        comparisons(groups),
        lambda inner: (
            st.builds(Not, part=inner)
            | st.builds(AllOf, parts=st.lists(inner, min_size=1, max_size=3))
            | st.builds(AnyOf, parts=st.lists(inner, min_size=1, max_size=3))
        ),
        max_leaves=6,
    )


def by_the_language(rule: Filter, subject: Subject, member_of: set[str]) -> bool:
    """Evaluate as `sensors.conditions` does; being in a group is a row with its name."""
    columns = {known.key: known.columns for known in KNOWN}

    def rows(call: SensorCall) -> Any:
        if call.key == COMPUTER_GROUP:
            return [(name,) for name in member_of]
        if call.key in PROPERTIES:
            return [(cell,) for cell in cells_of(subject, call.key)]
        return subject.facts.get(canonical(call))

    return compile_filter(rule, lambda call: columns[call.key])(rows)


@given(
    first=rules(("Chosen", "All", "No")),
    second=rules(("Chosen", "First", "All", "nowhere")),
    everyone=st.lists(subjects(), max_size=6),
)
def test_all_ways_agree(first: Filter, second: Filter, everyone: list[Subject]) -> None:
    rule_set = RuleSet.of(GROUPS, {SECOND.pk: second, FIRST.pk: first}, KNOWN)
    groups_of = compile_rules(rule_set)
    population = Population(range(len(everyone)), everyone)
    columns = {
        group: set(population.chosen(lanes))
        for group, lanes in members_by_rule(rule_set, population)
    }

    for place, subject in enumerate(everyone):
        member_of = {"All"} | ({"Chosen"} if subject.groups else set())
        expected = []
        for group, rule in ((FIRST, first), (SECOND, second)):
            if by_the_language(rule, subject, member_of):
                expected.append(group.pk)
                member_of.add(group.name)
        assert sorted(groups_of(subject)) == expected
        assert [pk for pk in (10, 11) if place in columns[pk]] == expected


def test_columns_of_many_values_agree_with_those_of_few() -> None:
    everyone = [
        Subject({**dict.fromkeys(FIELDS, ""), "os": "linux", "addresses": [], "host_name": name})
        for name in (f"web-{number}" for number in range(600))
    ]
    rule = (
        'Computer Name is "WEB-17" or Computer Name ending with "55" or Computer Name > "web-598"'
    )
    rule_set = RuleSet.of((FIRST,), {FIRST.pk: read_rule(rule, NAMES)}, KNOWN)
    groups_of = compile_rules(rule_set)
    population = Population(range(600), everyone)

    [(_, lanes)] = members_by_rule(rule_set, population)

    expected = [place for place, subject in enumerate(everyone) if groups_of(subject)]
    assert list(population.chosen(lanes)) == expected == [17, 55, 155, 255, 355, 455, 555, 599]


def test_nobody_is_an_answer() -> None:
    rule_set = RuleSet.of((FIRST,), {FIRST.pk: read_rule('Is Linux is "true"', NAMES)}, KNOWN)
    population: Population[int] = Population([], [])

    [(_, lanes)] = members_by_rule(rule_set, population)

    assert list(population.chosen(lanes)) == []


@pytest.mark.parametrize(
    "hostile",
    ['"); import os; os.abort()', "__import__('os').abort()", "\\", "'''", "{fold}", "\n    0/0"],
)
def test_what_users_write_never_becomes_program(hostile: str) -> None:
    rule = Comparison(
        call=SensorCall(key="endpoint.computer_name", name=hostile), operator="is", value=hostile
    )
    groups_of = compile_rules(RuleSet.of((FIRST,), {FIRST.pk: rule}, KNOWN))
    fields = {**dict.fromkeys(FIELDS, ""), "os": "linux", "addresses": [], "host_name": hostile}

    assert groups_of(Subject(fields)) == [FIRST.pk]


def test_many_patterns_are_matched_in_several_sets() -> None:
    patterns = PatternSet()
    numbers = [patterns.add(f"(?:web|db){{0,20}}-{number}") for number in range(400)]
    patterns.close()

    assert len(patterns._sets) > 1
    for number in (0, 3, 399):
        assert patterns.match([f"web-{number}", "none"]) == {numbers[number]}
