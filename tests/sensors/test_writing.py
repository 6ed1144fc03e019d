"""Written questions read back as they were, in one canonical text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, Selection, SensorCall
from sensors.definitions import Column
from sensors.exceptions import QuestionRefused
from sensors.language import (
    NameIndex,
    filter_to_text,
    parse_filter,
    parse_question,
    to_text,
)
from tests.sensors.samples import INDEX, SENSORS, sensor
from tests.sensors.strategies import filters, texts, wanted

HOST = SensorCall(key="computer_name", name="Computer Name", columns=1)


class TestToText:
    @given(wanted, st.none() | filters, st.none() | texts)
    @settings(max_examples=100, deadline=None)
    def test_reads_back_as_the_same_tree(
        self, selections: list[Selection], condition: Filter | None, group: str | None
    ) -> None:
        text = to_text(selections, condition, group, INDEX)
        parsed = parse_question(text, INDEX)

        assert (parsed.selections, parsed.filter, parsed.group) == (selections, condition, group)
        assert to_text(parsed.selections, parsed.filter, parsed.group, INDEX) == text

    @given(filters)
    @settings(deadline=None)
    def test_of_a_filter_reads_back_as_the_same_tree(self, condition: Filter) -> None:
        assert parse_filter(filter_to_text(condition, SENSORS), SENSORS) == condition

    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            (
                "get host name FROM machines in group x with is linux = TRUE",
                'Get Computer Name from machines in group "x" with Is Linux is "TRUE"',
            ),
            (
                'Get Computer Name where (Computer Name contains "a") from all computers',
                'Get Computer Name containing "a" from all machines',
            ),
            (
                "Get Installed Application Exists[exact=yes,name=audit] from all machines.",
                "Get Installed Application Exists[audit, 1] from all machines",
            ),
            (
                'Get Installed Application Exists["a,b",,by date] from all machines?',
                'Get Installed Application Exists["a,b", order="By Date"] from all machines',
            ),
            (
                "Get Running Processes where PID > 5 and (not (is x)), User Groups from machines "
                "with Running Processes:PID is empty",
                'Get Running Processes where PID greater than 5 and not (is "x"), User Groups '
                "from machines with Running Processes:PID is empty",
            ),
            (
                "Get Running Processes where User is a and (contains b) from all machines",
                'Get Running Processes where User is "a" and (containing "b") from all machines',
            ),
        ],
    )
    def test_is_canonical(self, text: str, canonical: str) -> None:
        parsed = parse_question(text, INDEX)

        assert to_text(parsed.selections, parsed.filter, parsed.group, INDEX) == canonical

    def test_quotes_names_that_would_swallow_their_neighbours(self) -> None:
        index = NameIndex([sensor("A"), sensor("B"), sensor("A and B")])
        selections = parse_question('Get "A" and "B" from all machines', index).selections

        assert to_text(selections, None, None, index) == 'Get "A" and "B" from all machines'

    def test_quotes_names_that_would_swallow_the_rest(self) -> None:
        index = NameIndex([sensor("A"), sensor("A from all machines")])
        selections = parse_question('Get "A" from all machines', index).selections

        assert to_text(selections, None, None, index) == 'Get "A" from all machines'

    def test_quotes_names_that_cannot_stand_bare(self) -> None:
        odd, plain = sensor("Odd:Is"), sensor("Odd", Column("Is"), Column("Is not"))
        index = NameIndex([odd, plain])
        call = SensorCall(key=plain.key, name=plain.name, columns=2)
        condition = Comparison(call=call, operator="is", value="x", column="Is")

        assert filter_to_text(condition, index) == '"Odd":"Is" is "x"'

    @pytest.mark.parametrize(
        ("call", "operator", "value"),
        [
            (SensorCall(key="secret", name="Secret"), "is", "x"),
            (HOST, "resembles", "x"),
            (HOST, "is", ""),
            (HOST, "is", "x\0"),
            (HOST, "is", "\ud800"),
            (SensorCall(key=HOST.key, name="", parameters={"a": "b"}), "is", "x"),
            (SensorCall(key="installed_application_exists", name=""), "is", "x"),
        ],
    )
    def test_refuses_what_no_text_can_say(
        self, call: SensorCall, operator: str, value: str
    ) -> None:
        condition = Comparison(call=call, operator=operator, value=value)

        with pytest.raises(QuestionRefused):
            to_text([Selection(call=HOST)], condition, None, INDEX)

    @pytest.mark.parametrize("condition", [AllOf(parts=[]), Not(part=AnyOf(parts=[]))])
    def test_refuses_empty_conditions(self, condition: Filter) -> None:
        with pytest.raises(QuestionRefused):
            filter_to_text(condition, INDEX)
