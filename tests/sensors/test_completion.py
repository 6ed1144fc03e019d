"""Completion offers what may stand at the cursor, and nothing that the asker may not use."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.language import Completion, NameIndex, QuestionRefused, complete, parse_question
from sensors.language.completion import CHOICES
from tests.sensors.samples import INDEX, INDEX_WITH_HEAVY, SENSORS, sensor

FROM = " from all machines"


def at_cursor(marked: str, *, only_filter: bool = False) -> Completion:
    """Complete a text at its `|`."""
    position = marked.index("|")
    groups = ("Servers", 'Sales "East"')
    return complete(
        marked.replace("|", ""), position, INDEX, groups=groups, only_filter=only_filter
    )


def texts(marked: str) -> list[str]:
    return [choice.text for choice in at_cursor(marked).choices]


class TestSensors:
    def test_are_offered_where_a_name_may_stand(self) -> None:
        offered = texts("Get |")

        assert {"Computer Name", "Host Name", "Not Patched"} <= set(offered)
        assert "Installed Application Exists[" in offered

    def test_that_start_jobs_are_not_offered_in_a_filter(self) -> None:
        offered = {}
        for text in (
            "Get ",
            "Get Is Linux from all machines with not ",
            "Get Sea",
            "Get x with Sea",
        ):
            completion = complete(text, len(text), INDEX_WITH_HEAVY)
            offered[text] = "Search Disk" in {choice.text for choice in completion.choices}

        assert list(offered.values()) == [True, False, True, False]

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("Get comp|", ["Computer Name"]),
            ("Get  COMPUTER   n|", ["Computer Name"]),
            (
                "Get hash|",
                ["Index Query File Path Using Name, Path and Hash", "Running Processes with Hash"],
            ),
            ("Get proc hash|", ["Running Processes with Hash"]),
            ('Get "comp|"', ["Computer Name"]),
            ("Get Computer Name and thr|" + FROM, ["Threat Response - Status"]),
            ("Get Nobody Knows and thr|", ["Threat Response - Status"]),
            ("Get Computer Name from machines with not (is li|", ["Is Linux"]),
        ],
    )
    def test_are_found_by_beginning_and_by_words(self, text: str, names: list[str]) -> None:
        assert texts(text) == names

    def test_bring_their_description(self) -> None:
        choice = at_cursor("Get comp|").choices[0]

        assert (choice.kind, choice.detail) == ("sensor", "About Computer Name.")

    def test_longer_than_one_that_stands_there_are_offered(self) -> None:
        completion = at_cursor("Get Running Processes wi|")

        assert (completion.start, completion.end) == (4, 24)
        assert [choice.text for choice in completion.choices] == ["Running Processes with Hash"]

    def test_are_only_those_given(self) -> None:
        index = NameIndex([sensor("Computer Name")])

        offered = [choice.text for choice in complete("Get ", 4, index).choices]

        assert offered == ["Computer Name"]

    def test_are_at_most_so_many(self) -> None:
        index = NameIndex([sensor(f"S{number}") for number in range(CHOICES + 1)])

        assert len(complete("Get ", 4, index).choices) == CHOICES


class TestWords:
    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("|", ["Get"]),
            ("g|", ["Get"]),
            ("Get Computer Name |", ["where", "and", "from", "containing"]),
            ("Get Computer Name f|", ["from"]),
            ("Get Computer Name from |", ["all", "machines"]),
            ("Get Computer Name from all machines |", ["in group", "with"]),
            ("Get Computer Name from machines in|", ["in group"]),
            ("Get Running Processes where |", ["User", "Name", "PID", "Is Default", "not"]),
            ("Get Running Processes where u|", ["User"]),
            ("Get Running Processes where User is x and pi|", ["PID"]),
            ("Get Computer Name from machines with Running Processes:|", ["User", "Name", "PID"]),
            ("Get Computer Name from machines with Running Processes |", ["containing"]),
            ("Get Computer Name from machines with Running Processes:PID gr|", ["greater than"]),
            ("Get Computer Name from machines with Is Linux is |", ["True", "False", "not"]),
            ("Get Computer Name from machines with Is Linux is t|", ["True"]),
            ("Get Computer Name from machines with Is Linux is  |", ["True", "False"]),
            ('Get Computer Name from machines with Is Linux is "t|"', ['"True"']),
            ("Get Computer Name from machines with Is Linux is true a|", ["and"]),
            ("Get Computer Name from all machines in group s|", ['"Servers"', '"Sales ""East"""']),
            ("Get Installed Application Exists[|", ["name=", "exact=", "order=", "audit"]),
            ("Get Installed Application Exists[au|", ["audit"]),
            ("Get Installed Application Exists[x, |", ["exact=", "order=", "0", "1"]),
            ("Get Installed Application Exists[x, order=|", ['"By Name"', '"By Date"']),
            ("Get Installed Application Exists[x, order=by d|]", ['"By Date"']),
            ("Get Nobody[x, colour=3, |", []),
            ("Get Computer Name[x, |", []),
        ],
    )
    def test_are_offered_where_they_may_stand(self, text: str, first: list[str]) -> None:
        assert texts(text)[: len(first)] == first

    @pytest.mark.parametrize(
        "text",
        [
            "Get Computer Name|",
            "Get Computer Name from|",
            "Show |",
            "Get Computer Name from all machines with Is Linux = \ud800|",
            "Get " + "x" * 20_000 + "|",
            "Get Computer Name from machines with Is Linux is true)|",
        ],
        ids=lambda text: ascii(text[:24]),
    )
    def test_are_not_offered_where_nothing_fits(self, text: str) -> None:
        assert texts(text) == []

    def test_are_offered_in_filters(self) -> None:
        completion = at_cursor("Is Linux is true or is w|", only_filter=True)

        assert [choice.text for choice in completion.choices] == ["Is Windows"]

    def test_overlook_wrong_values_before_the_cursor(self) -> None:
        assert "and" in texts("Get Computer Name from machines with Is Linux > maybe |")

    def test_are_offered_in_a_finished_filter(self) -> None:
        assert "and" in texts("Get Computer Name from machines with Is Linux is true |")


class TestPlace:
    @pytest.mark.parametrize(
        ("text", "start", "end"),
        [
            ("Get Comp|uter Na" + FROM, 4, 12),
            ("Get |Computer Name" + FROM, 4, 4),
            ("Get Computer Name fr|om all", 18, 22),
            ("Get Computer Name from machines with Is Linux is|", 46, 48),
            ('Get Computer Name from machines with Is Linux is "T|"', 49, 52),
        ],
    )
    def test_covers_the_word_at_the_cursor(self, text: str, start: int, end: int) -> None:
        completion = at_cursor(text)

        assert (completion.start, completion.end) == (start, end)

    @pytest.mark.parametrize("position", [-5, 0, 3, 10**9])
    def test_may_be_anywhere(self, position: int) -> None:
        assert complete("Get ", position, SENSORS).end <= 4

    @given(st.text('Get Computr[]()":,=nis', max_size=30), st.integers(0, 30))
    @settings(deadline=None)
    def test_is_always_inside_the_text(self, text: str, position: int) -> None:
        completion = complete(text, position, INDEX)

        assert 0 <= completion.start <= completion.end <= len(text)


class TestChoices:
    @pytest.mark.parametrize(
        "whole",
        [
            'Get Computer Name from machines with Is Windows containing "True"',
            "Get Running Processes where User is root, Computer Name from all machines",
            'Get Installed Application Exists[audit, order="By Date"] from machines in group "S"',
        ],
    )
    def test_never_lead_to_a_text_that_is_refused_earlier(self, whole: str) -> None:
        for position in range(len(whole)):
            completion = complete(whole, position, INDEX, groups=("S",))
            for choice in completion.choices:
                text = whole[: completion.start] + choice.text
                assert refused_at(text) >= completion.start

    def test_come_quickly_from_a_thousand_sensors(self) -> None:
        index = NameIndex([sensor(f"Sensor Number {number} with Hash") for number in range(1000)])

        started = time.process_time()
        complete("Get hash", 8, index)

        assert time.process_time() - started < 0.1


def refused_at(text: str) -> int:
    try:
        parse_question(text, INDEX)
    except QuestionRefused as error:
        return error.column - 1
    return len(text)
