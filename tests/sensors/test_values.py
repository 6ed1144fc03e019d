"""Cells of any content read as values or as nothing; operands are refused at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.definitions import ValueType
from sensors.exceptions import ConditionRefused
from sensors.values import (
    CELL_READERS,
    Period,
    fold,
    read_address,
    read_instant,
    read_natural,
    read_network,
    read_operand,
    read_version,
)

HOSTILE = ("", " ", "\0", "x" * 10_000_000, "9" * 10_000_000, "\ud800", "1e999", "١٢", "-", "1_0")


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"), [("ABC", "abc"), ("ΣΑΣ", "σας"), ("\u017f", "s"), ("É", "é")]
    )
    def test_levels_case(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    def test_keeps_different_letters_apart(self) -> None:
        assert fold("ß") != fold("ss")


class TestCells:
    @pytest.mark.parametrize("kind", ValueType)
    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_may_hold_anything(self, kind: ValueType, text: str) -> None:
        CELL_READERS[kind](text)

    @given(st.sampled_from(ValueType), st.text(max_size=50))
    def test_never_raise(self, kind: ValueType, text: str) -> None:
        CELL_READERS[kind](text)

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (ValueType.INTEGER, "12x"),
            (ValueType.INTEGER, "1" * 31),
            (ValueType.DECIMAL, "nan"),
            (ValueType.INSTANT, "yesterday"),
            (ValueType.INSTANT, "2024-05-01" + " " * 40),
            (ValueType.IP_ADDRESS, "10.0.0"),
            (ValueType.IP_ADDRESS, "1" * 65),
            (ValueType.VERSION, "unknown"),
        ],
    )
    def test_of_another_type_are_nothing(self, kind: ValueType, text: str) -> None:
        assert CELL_READERS[kind](text) is None

    def test_take_an_instant_without_zone_for_utc(self) -> None:
        assert read_instant("2024-05-01 10:00:00.250") == datetime(
            2024, 5, 1, 10, 0, 0, 250_000, UTC
        )
        assert read_instant("2024-05-01 12:00:00.000+02:00") == datetime(2024, 5, 1, 10, tzinfo=UTC)

    def test_take_an_address_without_its_clothes(self) -> None:
        assert read_address("::ffff:10.0.0.1") == read_address("10.0.0.1") == (4, 0x0A000001)
        assert read_address("fe80::1%eth0") == read_address("FE80::1")

    @pytest.mark.parametrize(
        "ascending",
        [
            ("1.0~rc1", "1.0", "1.0a", "1.0+b1", "1.0.1", "1.2", "1.10", "2"),
            ("1.0-1", "1.0-2", "1.0-10", "1.0.1-1", "1:0.1"),
            ("v5.9", "5.15.0-91-generic", "5.15.0-101-generic", "6.1"),
            ("10.0.19044.1", "10.0.19045.999", "10.0.19045.1000"),
            ("1." + "9" * 50, "1.1" + "0" * 50),
        ],
    )
    def test_put_versions_in_order(self, ascending: tuple[str, ...]) -> None:
        keys: list[Any] = [read_version(text) for text in ascending]

        assert all(one < other for one, other in pairwise(keys))

    def test_know_that_leading_zeros_do_not_count(self) -> None:
        assert read_version("1.02") == read_version("V1.2")

    def test_order_text_by_the_numbers_in_it(self) -> None:
        assert sorted(("file10", "File9", "file", "10", "9"), key=read_natural) == [
            *("9", "10", "file", "File9", "file10"),
        ]


class TestOperands:
    @pytest.mark.parametrize(
        ("kind", "text", "value"),
        [
            (ValueType.INTEGER, "-5", -5),
            (ValueType.DECIMAL, "1.5e3", 1500.0),
            (ValueType.BYTES, "1048576", 1_048_576),
            (ValueType.BYTES, "1.5 GiB", 1_610_612_736),
            (ValueType.BYTES, "10mb", 10_000_000),
            (ValueType.BYTES, "7 bytes", 7),
            (ValueType.SECONDS, "90", 90.0),
            (ValueType.SECONDS, "7 Days", 604_800.0),
            (ValueType.SECONDS, "1.5h", 5400.0),
            (ValueType.BOOLEAN, "YES", "true"),
            (ValueType.BOOLEAN, "0", "false"),
            (ValueType.HASH, "A" * 40, "a" * 40),
            (ValueType.IP_ADDRESS, "::1", (6, 1)),
            (ValueType.TEXT, "Abc", "abc"),
            (ValueType.PATH, "C:\\X", "c:\\x"),
        ],
    )
    def test_are_read_by_their_type(self, kind: ValueType, text: str, value: object) -> None:
        assert read_operand(kind, text) == value

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("2024-05-01", timedelta(days=1)),
            ("2024-05-01 00:00", timedelta(minutes=1)),
            ("2024-05-01T00:00:00", timedelta(seconds=1)),
            ("2024-05-01 00:00:00.000+00:00", timedelta(milliseconds=1)),
            ("2024-05-01t00:00z", timedelta(minutes=1)),
            (" 2024-05-01 02:00:00.000000+02:00 ", timedelta(milliseconds=1)),
        ],
    )
    def test_mean_a_time_as_exact_as_they_are_written(self, text: str, length: timedelta) -> None:
        assert read_operand(ValueType.INSTANT, text) == Period(
            datetime(2024, 5, 1, tzinfo=UTC), length
        )

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (ValueType.INTEGER, "5.5"),
            (ValueType.INTEGER, "many"),
            (ValueType.DECIMAL, "inf"),
            (ValueType.BYTES, "10 apples"),
            (ValueType.BYTES, "-1"),
            (ValueType.SECONDS, "soon"),
            (ValueType.INSTANT, "tomorrow"),
            (ValueType.INSTANT, "2024-13-01"),
            (ValueType.INSTANT, "20240501"),
            (ValueType.BOOLEAN, "perhaps"),
            (ValueType.HASH, "abc"),
            (ValueType.HASH, "g" * 32),
            (ValueType.IP_ADDRESS, "10.0.0.0/8"),
            (ValueType.VERSION, "new"),
        ],
    )
    def test_of_another_type_are_refused(self, kind: ValueType, text: str) -> None:
        with pytest.raises(ConditionRefused) as caught:
            read_operand(kind, text)

        assert caught.value.expected

    def test_are_shown_cut_when_they_are_long(self) -> None:
        with pytest.raises(ConditionRefused) as caught:
            read_operand(ValueType.INTEGER, "x" * 10_000)

        assert len(str(caught.value)) < 100

    @pytest.mark.parametrize("text", ["10.0.0.0/33", "x", "", "1" * 10_000])
    def test_must_be_networks_where_one_is_needed(self, text: str) -> None:
        with pytest.raises(ConditionRefused):
            read_network(text)

    def test_take_an_address_for_a_network_of_one(self) -> None:
        assert read_network("10.0.0.1") == read_network("10.0.0.1/32")
