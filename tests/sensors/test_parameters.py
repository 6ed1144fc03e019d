"""Parameters are checked, spelled one way and filled with their defaults."""

from __future__ import annotations

import pytest

from sensors.definitions import Parameter, ParameterType
from sensors.exceptions import ParameterRefused
from sensors.language.parameters import fill_parameters, read_parameter
from tests.sensors.samples import sensor


def parameter(kind: ParameterType, default: str | None = None) -> Parameter:
    return Parameter(
        key="k", title="K", type=kind, default=default, choices=("Small", "Large"), max_length=128
    )


class TestReadParameter:
    @pytest.mark.parametrize(
        ("kind", "text", "value"),
        [
            (ParameterType.TEXT, "Any text", "Any text"),
            (ParameterType.PATH, "C:\\Users", "C:\\Users"),
            (ParameterType.INTEGER, "-12", "-12"),
            (ParameterType.BOOLEAN, "1", "1"),
            (ParameterType.BOOLEAN, "False", "0"),
            (ParameterType.REGULAR_EXPRESSION, ".*[a-z]", ".*[a-z]"),
            (ParameterType.INSTANT, "2024-05-01", "2024-05-01 00:00:00.000+00:00"),
            (
                ParameterType.INSTANT,
                "2024-05-01T12:00:00.250+02:00",
                "2024-05-01 10:00:00.250+00:00",
            ),
            (ParameterType.HASH, "A" * 64, "a" * 64),
            (ParameterType.CHOICE, "LARGE", "Large"),
        ],
    )
    def test_spells_values_in_one_way(self, kind: ParameterType, text: str, value: str) -> None:
        assert read_parameter(parameter(kind), text) == value

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (ParameterType.TEXT, "x" * 129),
            (ParameterType.TEXT, "\0"),
            (ParameterType.INTEGER, "1.5"),
            (ParameterType.INTEGER, "1" * 19),
            (ParameterType.INTEGER, ""),
            (ParameterType.BOOLEAN, "2"),
            (ParameterType.REGULAR_EXPRESSION, "("),
            (ParameterType.INSTANT, "soon"),
            (ParameterType.HASH, "abc"),
            (ParameterType.CHOICE, "Medium"),
        ],
    )
    def test_refuses_what_is_not_of_the_type(self, kind: ParameterType, text: str) -> None:
        with pytest.raises(ParameterRefused) as caught:
            read_parameter(parameter(kind), text)

        assert caught.value.key == "k"

    @pytest.mark.parametrize("kind", ParameterType)
    def test_accepts_the_default_always(self, kind: ParameterType) -> None:
        assert read_parameter(parameter(kind, default=""), "") == ""


class TestFillParameters:
    SENSOR = sensor(
        "S",
        parameters=(
            Parameter(key="first", title="First"),
            Parameter(key="second", title="Second", default="2"),
        ),
    )

    def test_keeps_the_order_of_the_definition(self) -> None:
        filled = fill_parameters(self.SENSOR, {"SECOND": "b", "first": "a"})

        assert list(filled.items()) == [("first", "a"), ("second", "b")]

    def test_adds_defaults(self) -> None:
        assert fill_parameters(self.SENSOR, {"first": "a"}) == {"first": "a", "second": "2"}

    @pytest.mark.parametrize(
        ("given", "key", "expected"),
        [
            ({}, "first", ("S[first=…]",)),
            ({"first": "a", "secnd": "b"}, "secnd", ("second",)),
            ({"first": "a", "zzz": "b"}, "zzz", ("first", "second")),
        ],
    )
    def test_refuses_missing_and_unknown_ones(
        self, given: dict[str, str], key: str, expected: tuple[str, ...]
    ) -> None:
        with pytest.raises(ParameterRefused) as caught:
            fill_parameters(self.SENSOR, given)

        assert (caught.value.key, caught.value.expected) == (key, expected)

    def test_refuses_any_where_there_are_none(self) -> None:
        with pytest.raises(ParameterRefused, match="takes no parameters"):
            fill_parameters(sensor("T"), {"x": "y"})
