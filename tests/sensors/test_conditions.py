"""Comparisons mean the same for one cell, one row and all rows of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.questions import AllOf, AnyOf, Comparison, Filter, Not, SensorCall
from sensors.conditions import (
    MATCHED_LENGTH,
    OPERATORS,
    VALUE_LENGTH,
    Row,
    Rows,
    check_comparison,
    chosen_columns,
    compile_comparison,
    compile_filter,
    compile_row_condition,
    find_operator,
    operators_for,
)
from sensors.definitions import Column, ValueType
from sensors.exceptions import ConditionRefused, OperatorRefused
from tests.sensors.samples import BY_NAME, EVERY_TYPE
from tests.sensors.strategies import comparisons, conditions

TEXT, INTEGER = ValueType.TEXT, ValueType.INTEGER
CALL = SensorCall(key="processes", name="Processes")
COLUMNS = (Column("User"), Column("PID", INTEGER))
ROWS: Rows = (("root", "1"), ("Anna", "443"), ("", "x"))


def compare(operator: str, value: str = "", column: str = "", call: SensorCall = CALL) -> Filter:
    return Comparison(call=call, operator=operator, value=value, column=column)


def cell_satisfies(kind: ValueType, cell: str, operator: str, value: str) -> bool:
    condition = Comparison(call=CALL, operator=operator, value=value)
    return compile_comparison(condition, kind)(cell)


def holds(condition: Filter, rows: Rows | None = ROWS) -> bool:
    return compile_filter(condition, lambda call: COLUMNS)(lambda call: rows)


class TestComparison:
    @pytest.mark.parametrize(
        ("kind", "cell", "operator", "value"),
        [
            (TEXT, "PolicyAgent", "containing", "policy"),
            (TEXT, "a\0b", "containing", "\0B"),
            (TEXT, "ΟΔΟΣ", "containing", "οδος"),
            (TEXT, "PolicyAgent", "is", "policyagent"),
            (TEXT, "PolicyAgent", "is not", "policy"),
            (TEXT, "PolicyAgent", "starting with", "POLICY"),
            (TEXT, "PolicyAgent", "not starting with", "agent"),
            (TEXT, "PolicyAgent", "ending with", "agent"),
            (TEXT, "PolicyAgent", "matching", "pol.*t"),
            (TEXT, "PolicyAgent", "not matching", "pol"),
            (TEXT, "x\udc80", "matching", "x."),
            (TEXT, "file10", "greater than", "file9"),
            (TEXT, "10.1.2.3", "in cidr", "10.0.0.0/8"),
            (TEXT, "no address", "not in cidr", "10.0.0.0/8"),
            (TEXT, "", "is empty", ""),
            (TEXT, "x", "is not empty", ""),
            (INTEGER, "0443", "is", "443"),
            (INTEGER, "9", "less than", "10"),
            (INTEGER, "10", "not less than", "10"),
            (INTEGER, "10", "at least", "10"),
            (INTEGER, "10", "at most", "10"),
            (INTEGER, "many", "not greater than", "10"),
            (INTEGER, "9" * 30, "greater than", "10"),
            (INTEGER, "1443", "containing", "44"),
            (ValueType.DECIMAL, "1.50", "is", "1.5"),
            (ValueType.BYTES, "2000000", "greater than", "1.5 MB"),
            (ValueType.SECONDS, "700000", "greater than", "1 week"),
            (ValueType.BOOLEAN, "True", "is", "yes"),
            (ValueType.BOOLEAN, "False", "is not", "True"),
            (ValueType.BOOLEAN, "unknown", "is not", "True"),
            (ValueType.IP_ADDRESS, "::ffff:10.0.0.1", "is", "10.0.0.1"),
            (ValueType.IP_ADDRESS, "10.0.0.10", "greater than", "10.0.0.9"),
            (ValueType.IP_ADDRESS, "fe80::1%eth0", "in cidr", "fe80::/10"),
            (ValueType.IP_ADDRESS, "::1", "not in cidr", "0.0.0.0/0"),
            (ValueType.VERSION, "5.15.0-101", "greater than", "5.15.0-91"),
            (ValueType.VERSION, "none", "not at least", "1"),
            (ValueType.PATH, "C:\\Users", "starting with", "c:\\"),
            (ValueType.HASH, "ABCDEF01" * 4, "is", "abcdef01" * 4),
        ],
    )
    def test_holds_by_the_type_of_the_column(
        self, kind: ValueType, cell: str, operator: str, value: str
    ) -> None:
        assert cell_satisfies(kind, cell, operator, value)

    @pytest.mark.parametrize(
        ("cell", "true"),
        [
            ("2024-04-30 23:59:59.999+00:00", ("less than", "at most", "is not")),
            ("2024-05-01 00:00:00.000+00:00", ("is", "at least", "at most")),
            ("2024-05-02 01:59:59.999+02:00", ("is", "at least", "at most")),
            ("2024-05-02 00:00:00.000+00:00", ("greater than", "at least", "is not")),
            ("never", ("is not",)),
        ],
    )
    def test_takes_a_day_for_one_place_in_time(self, cell: str, true: tuple[str, ...]) -> None:
        names = ("is", "is not", "greater than", "less than", "at least", "at most")

        found = {n for n in names if cell_satisfies(ValueType.INSTANT, cell, n, "2024-05-01")}

        assert found == set(true)

    @pytest.mark.parametrize("operator", OPERATORS)
    @pytest.mark.parametrize("cell", ["x" * 10_000_000, "1" * 10_000_000, "\0" * 1000, "\ud800"])
    def test_survives_hostile_cells(self, operator: str, cell: str) -> None:
        value = "" if "empty" in operator else "10.0.0.0" if "cidr" in operator else "1"

        assert cell_satisfies(TEXT, cell, operator, value) in (True, False)

    def test_matches_no_pattern_with_a_cell_that_is_too_long(self) -> None:
        assert cell_satisfies(TEXT, "x" * MATCHED_LENGTH, "matching", ".*")
        assert not cell_satisfies(TEXT, "x" * (MATCHED_LENGTH + 1), "matching", ".*")

    @given(st.data(), st.text(max_size=8))
    @settings(deadline=None)
    def test_is_negated_exactly(self, data: st.DataObject, cell: str) -> None:
        column = data.draw(st.sampled_from(EVERY_TYPE))
        everything = BY_NAME["Everything"]
        call = SensorCall(key=everything.key, name=everything.name)
        drawn = data.draw(comparisons(st.just((everything, call))))
        assert isinstance(drawn, Comparison)
        operator = OPERATORS[drawn.operator]
        pair = [o.name for o in OPERATORS.values() if o.relation is operator.relation]
        if operator.name not in operators_for([column]) or not drawn.column:
            return
        kind = next(item.type for item in EVERY_TYPE if item.name == drawn.column)

        one, other = (cell_satisfies(kind, cell, name, drawn.value) for name in pair)

        assert one is not other


class TestRefusals:
    @pytest.mark.parametrize(
        ("operator", "value", "columns", "wrong"),
        [
            ("resembles", "x", COLUMNS, OperatorRefused),
            ("greater than", "x", COLUMNS, OperatorRefused),
            ("in cidr", "10.0.0.0/8", COLUMNS[1:], OperatorRefused),
            ("less than", "true", (Column("B", ValueType.BOOLEAN),), OperatorRefused),
            ("is", "x", COLUMNS[1:], ConditionRefused),
            ("containing", "", COLUMNS, ConditionRefused),
            ("is empty", "x", COLUMNS, ConditionRefused),
            ("matching", "(", COLUMNS, ConditionRefused),
            ("containing", "x" * (VALUE_LENGTH + 1), COLUMNS, ConditionRefused),
        ],
    )
    def test_tell_operator_from_value(
        self, operator: str, value: str, columns: Sequence[Column], wrong: type[ConditionRefused]
    ) -> None:
        with pytest.raises(ConditionRefused) as caught:
            check_comparison(operator, value, columns)

        assert type(caught.value) is wrong

    def test_name_the_columns_there_are(self) -> None:
        with pytest.raises(ConditionRefused) as caught:
            compile_filter(compare("is", "x", "Size"), lambda call: COLUMNS)

        assert caught.value.expected == ("User", "PID")

    def test_come_when_compiling(self) -> None:
        with pytest.raises(OperatorRefused):
            compile_row_condition(compare("greater than", "5"), COLUMNS)

    def test_leave_what_suits(self) -> None:
        assert find_operator("is not").negated
        assert chosen_columns("pid", COLUMNS) == (1,)
        assert chosen_columns("", COLUMNS) == (0, 1)
        check_comparison("is", "443", COLUMNS[1:])


class TestRowCondition:
    @pytest.mark.parametrize(
        ("condition", "rows"),
        [
            (compare("is", "ROOT", "user"), [0]),
            (compare("is not", "root", "User"), [1, 2]),
            (compare("containing", "4"), [1]),
            (compare("not containing", "4"), [0, 2]),
            (compare("is empty"), []),
            (compare("is empty", "", "User"), [2]),
            (Not(part=compare("greater than", "1", "PID")), [0, 2]),
            (AllOf(parts=[compare("is not empty", "", "User"), compare("is", "1", "PID")]), [0]),
            (AnyOf(parts=[compare("is", "x"), compare("is", "1", "PID")]), [0, 2]),
            (AllOf(parts=[]), [0, 1, 2]),
            (AnyOf(parts=[]), []),
        ],
    )
    def test_chooses_rows(self, condition: Filter, rows: list[int]) -> None:
        test = compile_row_condition(condition, COLUMNS)

        assert [place for place, row in enumerate(ROWS) if test(row)] == rows

    @pytest.mark.parametrize("row", [(), ("root",)])
    def test_takes_missing_cells_for_empty(self, row: Row) -> None:
        assert compile_row_condition(compare("is empty", "", "PID"), COLUMNS)(row)


class TestFilter:
    @pytest.mark.parametrize(
        ("condition", "true"),
        [
            (compare("is", "anna", "User"), True),
            (compare("is not", "anna", "User"), False),
            (compare("is not", "eve", "User"), True),
            (compare("not containing", "44"), False),
            (compare("greater than", "400", "PID"), True),
            (compare("not greater than", "400", "PID"), False),
            (Not(part=compare("is", "eve", "User")), True),
            (AllOf(parts=[compare("is", "eve"), compare("is", "anna")]), False),
            (AllOf(parts=[compare("is", "root"), compare("is", "anna")]), True),
            (AnyOf(parts=[compare("is", "eve"), compare("is", "anna")]), True),
            (AnyOf(parts=[compare("is", "eve"), compare("is", "eve")]), False),
            (compare("is not empty", "", "User"), True),
        ],
    )
    def test_is_true_when_any_row_is(self, condition: Filter, *, true: bool) -> None:
        assert holds(condition) is true

    @pytest.mark.parametrize(
        ("condition", "true"),
        [
            (compare("is", "root", "User"), False),
            (compare("is not", "root", "User"), True),
            (compare("is empty"), True),
            (compare("is not empty"), False),
        ],
    )
    def test_knows_that_no_rows_hold_nothing(self, condition: Filter, *, true: bool) -> None:
        assert holds(condition, ()) is true

    @pytest.mark.parametrize(
        "condition",
        [
            compare("is", "root", "User"),
            compare("is not", "root", "User"),
            Not(part=compare("is", "root", "User")),
            AllOf(parts=[compare("is not", "x"), AllOf(parts=[])]),
            AnyOf(parts=[compare("is", "x"), compare("is", "y")]),
        ],
    )
    def test_is_not_true_of_what_is_not_known(self, condition: Filter) -> None:
        assert holds(condition, None) is False

    def test_is_settled_by_what_is_known(self) -> None:
        other = SensorCall(key="other", name="Other")
        unknown = compare("is", "x", call=other)
        rows = {"processes": ROWS}

        def decide(condition: Filter) -> bool:
            compiled = compile_filter(condition, lambda call: COLUMNS)
            return compiled(lambda call: rows.get(call.key))

        assert decide(AnyOf(parts=[unknown, compare("is", "root")]))
        assert decide(Not(part=AllOf(parts=[unknown, compare("is", "eve")])))
        assert not decide(AllOf(parts=[unknown, compare("is", "root")]))
        assert not decide(Not(part=AllOf(parts=[unknown, compare("is", "root")])))

    def test_serves_many_endpoints(self) -> None:
        decide = compile_filter(compare("is", "root", "User"), lambda call: COLUMNS)

        assert decide(lambda call: ROWS)
        assert not decide(lambda call: ROWS[1:])

    @given(st.data(), st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=3))
    @settings(deadline=None)
    def test_negates_every_condition_exactly(
        self, data: st.DataObject, rows: list[list[str]]
    ) -> None:
        processes = BY_NAME["Running Processes"]
        call = SensorCall(key=processes.key, name=processes.name)
        condition = data.draw(conditions(comparisons(st.just((processes, call)))))

        one, other = (
            compile_filter(item, lambda call: processes.columns)(lambda call: rows)
            for item in (condition, Not(part=condition))
        )

        assert one is not other
