"""Random questions about the sample sensors, as the parser would make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from protocol.questions import Comparison, Filter, Not, Selection, SensorCall
from sensors.conditions import OPERATORS, Relation, operators_for
from sensors.definitions import Column, Parameter, ParameterType, SensorDefinition, ValueType
from sensors.language.parameters import fill_parameters
from sensors.language.tree import all_of, any_of
from tests.sensors.samples import SENSORS

ALPHABET = "aB \"'\\.,[]()=:-\n“”é\u00df$0and"
OPERANDS = {
    ValueType.INTEGER: ("0", "-5", "443"),
    ValueType.DECIMAL: ("1.5", "-2"),
    ValueType.BYTES: ("10", "1.5 GiB"),
    ValueType.SECONDS: ("60", "7 days"),
    ValueType.INSTANT: ("2024-05-01", "2024-05-01 10:00:00.000+00:00"),
    ValueType.BOOLEAN: ("True", "false", "0"),
    ValueType.IP_ADDRESS: ("10.0.0.1", "fe80::1"),
    ValueType.VERSION: ("1.0~rc1", "5.15.0-91-generic"),
    ValueType.HASH: ("a" * 32, "B" * 64),
}

texts = st.text(ALPHABET, min_size=1, max_size=6)


@st.composite
def calls(draw: st.DrawFn) -> tuple[SensorDefinition, SensorCall]:
    """Draw a call of any sample sensor, its parameters filled in."""
    sensor = draw(st.sampled_from(SENSORS))
    given = {
        parameter.key: draw(_parameter_values(parameter))
        for parameter in sensor.parameters
        if parameter.default is None or draw(st.booleans())
    }
    parameters = fill_parameters(sensor, given)
    return sensor, SensorCall(
        key=sensor.key, name=sensor.name, parameters=parameters, columns=len(sensor.columns)
    )


def _parameter_values(parameter: Parameter) -> st.SearchStrategy[str]:
    if parameter.type is ParameterType.BOOLEAN:
        return st.sampled_from(("0", "1"))
    return st.sampled_from(parameter.choices) if parameter.choices else st.just("") | texts


@st.composite
def comparisons(
    draw: st.DrawFn, called: st.SearchStrategy[tuple[SensorDefinition, SensorCall]]
) -> Filter:
    """Draw a comparison with any column, or all of them."""
    sensor, call = draw(called)
    column = draw(st.sampled_from((None, *sensor.columns)))
    chosen: Sequence[Column] = sensor.columns if column is None else (column,)
    operator = OPERATORS[draw(st.sampled_from(operators_for(chosen)))]
    kind = chosen[0].type if len(chosen) == 1 else ValueType.TEXT
    value = draw(_operands(operator.relation, kind)) if operator.takes_value else ""
    several = column is not None and len(sensor.columns) > 1
    name = column.name if column is not None and several else ""
    return Comparison(call=call, operator=operator.name, value=value, column=name)


def _operands(relation: Relation, kind: ValueType) -> st.SearchStrategy[str]:
    if relation is Relation.IN_CIDR:
        return st.sampled_from(("10.0.0.0/8", "fe80::/10"))
    if relation is Relation.MATCHES:
        return st.sampled_from((".*", r".*\.exe", "a|b", '"+'))
    typed = relation in (Relation.IS, Relation.GREATER, Relation.LESS) or "at " in relation
    return st.sampled_from(OPERANDS[kind]) if typed and kind in OPERANDS else texts


def conditions(leaf: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    """Draw a condition of such comparisons."""
    return st.recursive(leaf, _joined, max_leaves=6)


def _joined(part: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    joins: tuple[Callable[[list[Filter]], Filter], ...] = (all_of, any_of)
    several = st.lists(part, min_size=2, max_size=3)
    negations = part.map(lambda drawn: Not(part=drawn))
    return st.tuples(st.sampled_from(joins), several).map(lambda d: d[0](d[1])) | negations


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    """Draw what is wanted of a sensor, with or without a condition on its rows."""
    sensor, call = draw(calls())
    own = st.just((sensor, call))
    return Selection(call=call, only=draw(st.none() | conditions(comparisons(own))))


filters = conditions(comparisons(calls()))
wanted = st.lists(selections(), min_size=1, max_size=4, unique_by=lambda s: s.call.key)
