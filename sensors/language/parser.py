"""Read text as a question, or as a filter: see docs/questions.md for the language.

By recursive descent, since only known names tell where a name ends. Whatever the text, the only
outcome besides a tree is a `QuestionRefused` with the place: size and depth are limited before
anything recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from protocol.questions import Comparison, Filter, Not, Selection, SensorCall
from sensors.calls import canonical
from sensors.conditions import Operator, check_comparison
from sensors.definitions import Column, Parameter, SensorDefinition
from sensors.exceptions import ConditionRefused, OperatorRefused, ParameterRefused
from sensors.language.names import NameIndex, index_of
from sensors.language.parameters import fill_parameters, find_parameter
from sensors.language.reader import Reader, Span, shown
from sensors.language.tree import ParsedQuestion, all_of, any_of, columns_of

DEPTH: Final = 32
SELECTIONS: Final = 16
COMPARISONS: Final = 64
_MACHINES: Final = ("machines", "computers", "endpoints")


class _Named(NamedTuple):
    """A sensor as a text calls it."""

    sensor: SensorDefinition
    call: SensorCall


def parse_question(text: str, sensors: Iterable[SensorDefinition]) -> ParsedQuestion:
    """Read a question about these sensors.

    A `NameIndex` serves as `sensors`, and spares indexing them for every text. What is not among
    them does not exist, whatever the reason. Raises `QuestionRefused`.
    """
    return Grammar(text, index_of(sensors)).question()


def parse_filter(text: str, sensors: Iterable[SensorDefinition]) -> Filter:
    """Read a filter over these sensors: what stands behind `with` in a question.

    Raises `QuestionRefused`.
    """
    return Grammar(text, index_of(sensors)).whole_filter()


class Grammar:
    """The rules of the language over one text. Use once.

    `lenient` is for completion: it overlooks unknown names and wrong values before the cursor.
    """

    def __init__(self, text: str, index: NameIndex, *, lenient: bool = False) -> None:
        """Refuse a text that is too large to be read."""
        self.reader = Reader(text, index)
        self._index = index
        self._lenient = lenient
        self._depth = 0
        self._comparisons = 0
        self._name = Span("", 0, 0)

    def question(self) -> ParsedQuestion:
        """`Get` selections `from` targets."""
        self.reader.expect("Get")
        chosen = [self._selection()]
        while self.reader.accept("and") or self.reader.accept(","):
            chosen.append(self._another_selection(chosen))
        condition, group = self._target()
        self.reader.pass_over(".", "?")
        self._end()
        return ParsedQuestion(
            selections=[selection for _, selection in chosen],
            filter=condition,
            columns=columns_of([sensor for sensor, _ in chosen]),
            group=group,
        )

    def whole_filter(self) -> Filter:
        """Read a filter and nothing else."""
        condition = self._disjunction(self._factor)
        self._end()
        return condition

    # ------------------------------------------------------------ what is wanted

    def _selection(self) -> tuple[SensorDefinition, Selection]:
        named = self._named()
        only = self._row_condition(named)
        if only is None and self.reader.stands_on(":"):
            raise self.reader.unexpected("; rows are chosen by `where` and a column")
        return named.sensor, Selection(call=named.call, only=only)

    def _another_selection(
        self, before: Sequence[tuple[SensorDefinition, Selection]]
    ) -> tuple[SensorDefinition, Selection]:
        start = self.reader.at
        selected = self._selection()
        span = self._since(start)
        if len(before) == SELECTIONS:
            raise self.reader.refusal(f"a question asks for at most {SELECTIONS} sensors", span)
        key = canonical(selected[1].call)
        if any(canonical(old.call) == key and old.only == selected[1].only for _, old in before):
            raise self.reader.refusal(f"“{selected[0].name}” is asked for twice", span)
        return selected

    def _target(self) -> tuple[Filter | None, str | None]:
        if not self.reader.accept("from"):
            raise self.reader.unexpected(self._hint())
        self.reader.accept("all")
        self.reader.expect(*_MACHINES)
        group = self._group()
        condition = None
        if self.reader.accept("with"):
            condition = self._disjunction(self._factor)
        return condition, group if group is not None else self._group()

    def _group(self) -> str | None:
        return self.reader.group_name() if self.reader.accept("in group") else None

    # ------------------------------------------------------------ sensors

    def _named(self, *, compared: bool = False) -> _Named:
        start = self.reader.at
        found = self.reader.sensor_name(compared=compared)
        sensor = found.item if found else self._unknown()
        self._name = self._since(start)
        return _Named(sensor, self._call(sensor, self._name))

    def _unknown(self) -> SensorDefinition:
        """Refuse a name that nobody knows; if lenient, skip it unless the cursor stands in it."""
        span = self.reader.unknown_name()
        if not span.text.strip():
            raise self.reader.unexpected()
        if self._lenient and span.end < len(self.reader.text.rstrip()):
            self.reader.move(span.end)
            return _UNKNOWN
        near = self._index.similar(span.text)
        raise self.reader.refusal(
            f"there is no sensor {shown(span.text)}{_did_you_mean(near)}", span, near
        )

    def _call(self, sensor: SensorDefinition, name: Span) -> SensorCall:
        given: dict[str, Span] = {}
        if self.reader.accept("["):
            self._parameters(sensor, given)
        texts = {key: span.text for key, span in given.items()}
        try:
            filled = fill_parameters(sensor, texts)
        except ParameterRefused as refused:
            self._object(refused.message, given.get(refused.key, name), refused.expected)
            filled = texts
        return SensorCall(
            key=sensor.key, name=sensor.name, parameters=filled, columns=len(sensor.columns)
        )

    def _parameters(self, sensor: SensorDefinition, given: dict[str, Span]) -> None:
        """Read what stands in brackets: by place, by key, or left out between commas."""
        place = 0
        while True:
            open_ones = [item for item in sensor.parameters if item.key not in given]
            key = self.reader.parameter_key(open_ones)
            parameter = self._parameter(sensor, key, place)
            value = self.reader.parameter_value(parameter)
            if key is not None or value.start != value.end:
                self._give(given, sensor, parameter, value)
            place += 1
            if self.reader.accept("]"):
                return
            self.reader.expect(",")

    def _parameter(
        self, sensor: SensorDefinition, key: Span | None, place: int
    ) -> Parameter | None:
        if key is None:
            return sensor.parameters[place] if place < len(sensor.parameters) else None
        try:
            return find_parameter(sensor, key.text)
        except ParameterRefused as refused:
            self._object(refused.message, key, refused.expected)
            return None

    def _give(
        self,
        given: dict[str, Span],
        sensor: SensorDefinition,
        parameter: Parameter | None,
        value: Span,
    ) -> None:
        if parameter is None:
            count = len(sensor.parameters)
            self._object(f"“{sensor.name}” takes {count or 'no'} parameters", value)
        elif parameter.key in given:
            self._object(f"{parameter.key} is given twice", value)
        else:
            given[parameter.key] = value

    # ------------------------------------------------------------ which endpoints

    def _factor(self) -> Filter:
        # A sensor may be called `Not Patched`: names come before the words of the language.
        start = self.reader.at
        if self.reader.sensor_name(compared=True) is not None:
            self.reader.move(start)
            return self._comparison_of_sensor()
        return self._negation_or_group(self._factor) or self._comparison_of_sensor()

    def _comparison_of_sensor(self) -> Filter:
        sensor, call = self._named(compared=True)
        if not sensor.only_looks:
            self._object(no_filter(sensor), self._name)
        column = None
        if self.reader.accept(":"):
            column = self.reader.column_name(sensor.columns)
            if column is None:
                raise self.reader.unexpected()
        found = self.reader.operator(_chosen(sensor.columns, column))
        if found is None:
            raise self.reader.unexpected(self._hint())
        return self._comparison(_Named(sensor, call), column, found)

    # ------------------------------------------------------------ which rows

    def _row_condition(self, named: _Named) -> Filter | None:
        """Read one comparison with any column, or whatever stands behind `where`."""
        if self.reader.accept("where"):
            return self._disjunction(
                lambda: self._row_factor(named), lambda: self._row_goes_on(named)
            )
        found = self.reader.operator(named.sensor.columns)
        return self._comparison(named, None, found) if found else None

    def _row_goes_on(self, named: _Named) -> bool:
        """Take an `and` that joins two conditions of a row, and leave one before a selection."""
        start = self.reader.at
        if not self.reader.accept("and"):
            return False
        after = self.reader.at
        goes_on = self._is_row_condition(named)
        self.reader.move(after if goes_on else start)
        return goes_on

    def _is_row_condition(self, named: _Named) -> bool:
        sensor = self._index.tree.longest_at(self.reader.text, self.reader.at)
        while sensor is None and self.reader.accept("not"):
            pass
        if sensor is None and self.reader.accept("("):
            return True
        column = self.reader.column_name(named.sensor.columns)
        if column is None or (sensor is not None and self.reader.at < sensor.end):
            return False
        return self.reader.operator(named.sensor.columns) is not None

    def _row_factor(self, named: _Named) -> Filter:
        columns = named.sensor.columns
        start = self.reader.at
        column = self.reader.column_name(columns)
        found = self.reader.operator(_chosen(columns, column))
        if found is None and column is not None:
            # The first words of an operator may be a column's name, too.
            after = self.reader.at
            self.reader.move(start)
            column, found = None, self.reader.operator(columns)
            if found is None:
                self.reader.move(after)
                raise self.reader.unexpected()
        if found is not None:
            return self._comparison(named, column, found)
        nested = self._negation_or_group(lambda: self._row_factor(named))
        if nested is None:
            raise self.reader.unexpected()
        return nested

    # ------------------------------------------------------------ conditions

    def _disjunction(
        self, factor: Callable[[], Filter], joined: Callable[[], bool] | None = None
    ) -> Filter:
        """Read what `or` and `and` join; `joined` takes an `and` that belongs here."""
        parts = [self._conjunction(factor, joined)]
        while self.reader.accept("or"):
            parts.append(self._conjunction(factor, joined))
        return any_of(parts)

    def _conjunction(
        self, factor: Callable[[], Filter], joined: Callable[[], bool] | None
    ) -> Filter:
        parts = [factor()]
        while joined() if joined else self.reader.accept("and"):
            parts.append(factor())
        return all_of(parts)

    def _negation_or_group(self, factor: Callable[[], Filter]) -> Filter | None:
        start = self.reader.at
        if self.reader.accept("not"):
            self._descend(start)
            negated: Filter = Not(part=factor())
        elif self.reader.accept("("):
            self._descend(start)
            negated = self._disjunction(factor)
            self.reader.expect(")")
        else:
            return None
        self._depth -= 1
        return negated

    def _descend(self, start: int) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise self.reader.refusal(f"nested deeper than {DEPTH} levels", self._since(start))

    def _comparison(
        self, named: _Named, column: str | None, found: tuple[Operator, Span]
    ) -> Comparison:
        operator, operator_span = found
        columns = named.sensor.columns
        chosen = _chosen(columns, column)
        value = (
            self.reader.value(chosen) if operator.takes_value else operator_span._replace(text="")
        )
        self._comparisons += 1
        if self._comparisons > COMPARISONS:
            raise self.reader.refusal(f"more than {COMPARISONS} comparisons", operator_span)
        try:
            check_comparison(operator.name, value.text, chosen)
        except ConditionRefused as refused:
            wrong = operator_span if isinstance(refused, OperatorRefused) else value
            self._object(refused.message, wrong, refused.expected)
        return Comparison(
            call=named.call,
            operator=operator.name,
            value=value.text,
            # A sensor of one column has nothing to choose.
            column=column or "" if len(columns) > 1 else "",
        )

    # ------------------------------------------------------------ refusals

    def _end(self) -> None:
        if not self.reader.at_end():
            raise self.reader.unexpected(self._hint())

    def _object(self, message: str, span: Span, expected: Sequence[str] = ()) -> None:
        """Refuse what has no sense, though it can be read; if lenient, let it be."""
        if not self._lenient:
            raise self.reader.refusal(message, span, expected)

    def _hint(self) -> str:
        """Name longer names when what follows a name may have been meant as a part of it."""
        start, end = self._name.start, self._name.end
        if self.reader.at_end() or self.reader.text[end : self.reader.at].strip():
            return ""
        phrase = self.reader.text[start : self.reader.unknown_name().end]
        near = self._index.similar(phrase)
        return _did_you_mean([name for name in near if len(name) > end - start])

    def _since(self, start: int) -> Span:
        said = self.reader.text[start : self.reader.at].rstrip()
        return Span(said, start, start + len(said))


def no_filter(acting: SensorDefinition) -> str:
    """Say why a sensor that does not only look cannot decide which endpoints answer."""
    does = "starts a job" if acting.starts_job else "changes jobs"
    return f"“{acting.name}” {does}: no endpoint can be chosen by it"


def _chosen(columns: Sequence[Column], name: str | None) -> Sequence[Column]:
    return columns if name is None else [column for column in columns if column.name == name]


def _did_you_mean(names: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(f'“{name}”' for name in names)}?" if names else ""


_UNKNOWN: Final = SensorDefinition(key="", name="", description="", category="", columns=())
