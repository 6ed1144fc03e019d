"""Questions to one endpoint: the filter, the rows of several sensors, and what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agent.directories import Directories
from agent.sensors.answering import answer
from agent.sensors.calls import Calls, Known
from agent.sensors.collected import Collected
from agent.sensors.context import Row, SensorContext
from agent.sensors.exceptions import SensorFailed
from protocol.codec import UPWARD
from protocol.instructions import AskQuestion
from protocol.limits import UPWARD_MESSAGE
from protocol.messages import QuestionAnswered
from protocol.questions import (
    PART_BYTES,
    PARTS_AT_MOST,
    ROWS_AT_MOST,
    AnyOf,
    Comparison,
    Filter,
    Not,
    Selection,
    SensorCall,
)
from sensors.definitions import (
    JOB_COLUMNS,
    JOB_PARAMETER,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)
from tests.agent.sensors.asking import ENDPOINT

NAME = Column("Name")
COUNT = Column("Count", ValueType.INTEGER)


def sensor(name: str, *columns: Column, **changed: Any) -> SensorDefinition:
    return SensorDefinition(
        key=name.lower(),
        name=name,
        description="Made for a test.",
        category="Test",
        columns=columns or (Column(name),),
        **changed,
    )


def call(name: str, **parameters: str) -> SensorCall:
    return SensorCall(key=name.lower(), name=name, parameters=parameters)


def compare(name: str, operator: str, value: str, column: str = "") -> Comparison:
    return Comparison(call=call(name), operator=operator, value=value, column=column)


class Endpoint:
    """Sensors with given rows, run right here."""

    def __init__(self) -> None:
        self.definitions: dict[str, SensorDefinition] = {}
        self.functions: dict[str, Callable[..., Iterator[Row]]] = {}
        self.ran: list[str] = []
        self.jobs: list[tuple[str, dict[str, str]]] = []

    def has(self, definition: SensorDefinition, rows: list[Row], failure: str = "") -> None:
        def function(_context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
            self.ran.append(definition.key)
            if failure:
                raise SensorFailed(failure)
            yield from rows

        self.definitions[definition.key] = definition
        self.functions[definition.key] = function

    def parts(
        self, *selections: Selection | SensorCall, filter: Filter | None = None
    ) -> list[QuestionAnswered]:
        calls = Calls(
            Known(definitions=self.definitions, functions=self.functions),
            SensorContext(now=0, platform="linux", directories=Directories.under(Path("/none"))),
            isolate=self._run,
            start_job=self._start,
        )
        asked = AskQuestion(
            question_id=uuid4(),
            selections=[
                one if isinstance(one, Selection) else Selection(call=one) for one in selections
            ],
            filter=filter,
        )
        return answer(asked, calls, endpoint_id=ENDPOINT)

    def ask(
        self, *selections: Selection | SensorCall, filter: Filter | None = None
    ) -> QuestionAnswered:
        (part,) = self.parts(*selections, filter=filter)
        return part

    def _start(self, call: SensorCall, parameters: Mapping[str, str]) -> Row:
        self.jobs.append((call.key, dict(parameters)))
        return "job-1", "started"

    @staticmethod
    def _run(work: Callable[[], Collected], *, timeout: float, foreign: bool = False) -> Collected:
        try:
            return work()
        except SensorFailed as error:
            return Collected(failure=str(error))


@pytest.fixture
def endpoint() -> Endpoint:
    endpoint = Endpoint()
    endpoint.has(sensor("One"), [["only"]])
    endpoint.has(sensor("Many", NAME, COUNT), [["a", "1"], ["b", "20"], ["c", "3"]])
    endpoint.has(sensor("None"), [])
    endpoint.has(sensor("Broken"), [], failure="It is broken.")
    endpoint.has(sensor("Foreign", platforms=("windows",)), [["x"]])
    return endpoint


class TestRows:
    def test_of_one_row_stand_beside_every_row_of_another(self, endpoint: Endpoint) -> None:
        answered = endpoint.ask(call("One"), call("Many"))

        assert answered.outcome == "answered"
        assert answered.rows == [["only", "a", "1"], ["only", "b", "20"], ["only", "c", "3"]]

    def test_of_several_sensors_with_many_are_all_combined(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Letters"), [["x"], ["y"]])

        answered = endpoint.ask(call("Letters"), call("Many"))

        assert len(answered.rows) == 6
        assert answered.rows[3] == ["y", "a", "1"]

    def test_of_a_sensor_without_any_are_empty_beside_others(self, endpoint: Endpoint) -> None:
        assert endpoint.ask(call("None"), call("One")).rows == [["", "only"]]

    def test_are_none_when_no_sensor_has_any(self, endpoint: Endpoint) -> None:
        answered = endpoint.ask(call("None"))

        assert (answered.outcome, answered.rows, answered.failures) == ("answered", [], [])

    def test_are_only_those_asked_for(self, endpoint: Endpoint) -> None:
        only = compare("Many", "at least", "3", "Count")

        answered = endpoint.ask(Selection(call=call("Many"), only=only))

        assert answered.rows == [["b", "20"], ["c", "3"]]

    def test_are_filtered_before_they_are_cut(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Huge"), [[str(number)] for number in range(50_000)])

        answered = endpoint.ask(Selection(call=call("Huge"), only=compare("Huge", "is", "49999")))

        assert answered.rows == [["49999"]]
        assert answered.cut == 0

    def test_that_do_not_fit_are_counted(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Wide"), [[str(number)] for number in range(4_000)])

        parts = endpoint.parts(call("Wide"), call("Many"))

        assert sum(len(part.rows) for part in parts) == ROWS_AT_MOST
        assert parts[0].cut == 4_000 * 3 - ROWS_AT_MOST

    def test_of_another_width_than_promised_are_a_failure(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Wrong", NAME, COUNT), [["a"]])

        answered = endpoint.ask(call("Wrong"))

        assert answered.outcome == "failed"
        assert "1 values for 2 columns" in answered.failures[0].reason


class TestCall:
    def test_is_made_once_for_filter_and_rows(self, endpoint: Endpoint) -> None:
        endpoint.ask(call("One"), call("One"), filter=compare("One", "is", "ONLY"))

        assert endpoint.ran == ["one"]

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("Unknown", "does not know"), ("Foreign", "no such sensor on linux")],
    )
    def test_of_what_is_not_here_fails(self, endpoint: Endpoint, name: str, reason: str) -> None:
        answered = endpoint.ask(call(name))

        assert answered.outcome == "failed"
        assert reason in answered.failures[0].reason

    def test_of_an_unknown_sensor_leaves_the_columns_that_are_expected(
        self, endpoint: Endpoint
    ) -> None:
        unknown = SensorCall(key="new", name="New", columns=3)

        answered = endpoint.ask(unknown, call("One"))

        assert answered.rows == [["", "", "", "only"]]
        assert answered.failures[0].name == "New"

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({}, "needs its parameter 'How many'"),
            ({"many": "x"}, "must be a whole number"),
            ({"many": "1", "other": "x"}, "no parameter 'other'"),
            ({"many": "9" * 2000}, "longer than"),
            ({"many": "1", "pattern": "("}, "regular expression"),
        ],
    )
    def test_with_wrong_parameters_fails_before_it_runs(
        self, endpoint: Endpoint, given: dict[str, str], reason: str
    ) -> None:
        parameters = (
            Parameter(key="many", title="How many", type=ParameterType.INTEGER),
            Parameter(
                key="pattern", title="Pattern", type=ParameterType.REGULAR_EXPRESSION, default=""
            ),
        )
        endpoint.has(sensor("Picky", parameters=parameters), [["x"]])

        answered = endpoint.ask(call("Picky", **given))

        assert reason in answered.failures[0].reason
        assert endpoint.ran == []

    def test_of_a_heavy_sensor_starts_a_job(self, endpoint: Endpoint) -> None:
        heavy = sensor(
            "Heavy",
            *JOB_COLUMNS,
            cost=Cost.HEAVY,
            parameters=(JOB_PARAMETER,),
            result_columns=(NAME,),
        )
        endpoint.has(heavy, [["found"]])

        answered = endpoint.ask(call("One"), call("Heavy", job_id="case-1"))

        assert answered.rows == [["only", "job-1", "started"]]
        assert endpoint.jobs == [("heavy", {"job_id": "case-1"})]
        assert "heavy" not in endpoint.ran


class TestFilter:
    def test_that_is_false_gives_no_rows(self, endpoint: Endpoint) -> None:
        answered = endpoint.ask(call("Many"), filter=compare("One", "is", "other"))

        assert (answered.outcome, answered.rows) == ("not-matching", [])
        assert endpoint.ran == ["one"]

    def test_on_what_other_systems_have_is_false_here(self, endpoint: Endpoint) -> None:
        foreign = compare("Foreign", "is", "x")

        assert endpoint.ask(call("One"), filter=foreign).outcome == "not-matching"
        assert endpoint.ask(call("One"), filter=Not(part=foreign)).outcome == "answered"

    def test_that_cannot_be_decided_is_a_failure(self, endpoint: Endpoint) -> None:
        answered = endpoint.ask(call("One"), filter=compare("Broken", "is", "x"))

        assert answered.outcome == "failed"
        assert answered.failures[0].reason == "It is broken."

    def test_that_is_decided_without_the_broken_part_is_true(self, endpoint: Endpoint) -> None:
        either = AnyOf(parts=[compare("Broken", "is", "x"), compare("One", "is", "only")])

        assert endpoint.ask(call("One"), filter=either).outcome == "answered"

    def test_never_starts_a_job(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Heavy", *JOB_COLUMNS, cost=Cost.HEAVY), [])

        answered = endpoint.ask(call("One"), filter=compare("Heavy", "is", "x"))

        assert answered.outcome == "failed"
        assert endpoint.jobs == []

    @pytest.mark.parametrize(
        "condition",
        [
            compare("One", "sounds like", "x"),
            compare("One", "matching", "("),
            compare("One", "is", "x", "Nowhere"),
        ],
    )
    def test_that_makes_no_sense_is_a_failure(
        self, endpoint: Endpoint, condition: Comparison
    ) -> None:
        answered = endpoint.ask(call("One"), filter=condition)

        assert answered.outcome == "failed"
        assert "cannot evaluate" in answered.failures[0].reason


class TestParts:
    def test_hold_everything_in_order_under_ids_that_do_not_change(
        self, endpoint: Endpoint
    ) -> None:
        endpoint.has(sensor("Text"), [[f"{number} " + "x" * 1000] for number in range(2_000)])

        parts = endpoint.parts(call("Text"))

        assert len(parts) > 5
        assert [part.part for part in parts] == list(range(len(parts)))
        assert {part.parts for part in parts} == {len(parts)}
        assert len({part.id for part in parts}) == len(parts)
        numbers = [int(row[0].split()[0]) for part in parts for row in part.rows]
        assert numbers == list(range(2_000))

    def test_are_never_larger_than_promised(self, endpoint: Endpoint) -> None:
        wide = sensor("Wide", *[Column(f"C{number}") for number in range(40)])
        endpoint.has(wide, [["ä" * 40_000] * 40] * 3)

        parts = endpoint.parts(call("Wide"), call("Broken"))

        assert len(parts) == 3
        for part in parts:
            assert sum(len(v.encode()) for row in part.rows for v in row) <= PART_BYTES
            assert len(UPWARD.encode(part)) < UPWARD_MESSAGE

    def test_are_not_more_than_promised(self, endpoint: Endpoint) -> None:
        endpoint.has(sensor("Text"), [["x" * 32_000]] * 1_000)

        parts = endpoint.parts(call("Text"))

        assert len(parts) == PARTS_AT_MOST
        assert sum(len(part.rows) for part in parts) + parts[0].cut == 1_000
