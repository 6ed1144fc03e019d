"""The JSON form says what a text says, and is refused by path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.questions import Comparison, Filter, Not, Selection
from sensors.conditions import VALUE_LENGTH
from sensors.exceptions import BuilderRefused
from sensors.language import (
    filter_from_json,
    filter_to_json,
    parse_question,
    question_from_json,
    question_to_json,
    to_text,
)
from sensors.language.parser import COMPARISONS, DEPTH, SELECTIONS
from tests.sensors.samples import INDEX, INDEX_WITH_HEAVY
from tests.sensors.strategies import filters, texts, wanted

LINUX = {"sensor": "Is Linux", "operator": "is", "value": "true"}
HOST = {"sensor": "Computer Name"}


def refused(form: object) -> BuilderRefused:
    with pytest.raises(BuilderRefused) as caught:
        question_from_json(form, INDEX)
    return caught.value


def asked(**fields: Any) -> dict[str, Any]:
    return {"selections": [HOST], **fields}


class TestRoundTrip:
    @given(wanted, st.none() | filters, st.none() | texts)
    @settings(max_examples=50, deadline=None)
    def test_keeps_every_question(
        self, selections: list[Selection], condition: Filter | None, group: str | None
    ) -> None:
        form = json.loads(json.dumps(question_to_json(selections, condition, group)))
        parsed = question_from_json(form, INDEX)

        assert (parsed.selections, parsed.filter, parsed.group) == (selections, condition, group)

    @given(filters)
    @settings(deadline=None)
    def test_keeps_every_filter(self, condition: Filter) -> None:
        assert filter_from_json(filter_to_json(condition), INDEX) == condition


class TestReading:
    def test_gives_what_the_text_gives(self) -> None:
        form = {
            "selections": [
                {"sensor": "host name", "parameters": {}},
                {
                    "sensor": "Running Processes",
                    "only": {"column": "user", "operator": "is", "value": "root"},
                },
                {"sensor": "Installed Application Exists", "parameters": {"NAME": "audit"}},
            ],
            "filter": {"op": "or", "parts": [{"op": "not", "parts": [LINUX]}, LINUX]},
            "group": "Servers",
        }
        text = (
            "Get Computer Name and Running Processes where User is root, "
            "Installed Application Exists[audit] from machines in group Servers "
            "with not Is Linux is true or Is Linux is true"
        )

        assert question_from_json(form, INDEX) == parse_question(text, INDEX)

    def test_needs_no_more_than_selections(self) -> None:
        parsed = question_from_json(asked(), INDEX)

        assert to_text(parsed.selections, parsed.filter, parsed.group, INDEX) == (
            "Get Computer Name from all machines"
        )

    def test_drops_the_column_where_there_is_one(self) -> None:
        condition = filter_from_json({**LINUX, "column": "Is Linux"}, INDEX)

        assert isinstance(condition, Comparison)
        assert condition.column == ""

    def test_keeps_negations(self) -> None:
        assert isinstance(filter_from_json({"op": "not", "parts": [LINUX]}, INDEX), Not)


class TestSensorThatStartsAJob:
    def test_may_be_selected_and_its_rows_chosen_but_no_endpoint(self) -> None:
        chosen = {"column": "State", "operator": "is", "value": "started"}
        form = {"sensor": "Search Disk", **chosen}

        question_from_json(
            {"selections": [{"sensor": "Search Disk", "only": chosen}]}, INDEX_WITH_HEAVY
        )
        with pytest.raises(BuilderRefused) as caught:
            question_from_json(asked(filter={"op": "not", "parts": [form]}), INDEX_WITH_HEAVY)

        assert caught.value.path == "filter.parts[0].sensor"


class TestRefusals:
    @pytest.mark.parametrize(
        ("form", "path"),
        [
            ([], "question"),
            (None, "question"),
            ({1: 2}, "question"),
            (asked(colour="red"), "question"),
            ({}, "selections"),
            ({"selections": []}, "selections"),
            ({"selections": [HOST] * (SELECTIONS + 1)}, "selections"),
            ({"selections": [HOST, HOST]}, "selections[1]"),
            ({"selections": ["x"]}, "selections[0]"),
            ({"selections": [{}]}, "selections[0].sensor"),
            ({"selections": [{"sensor": "Computr Name"}]}, "selections[0].sensor"),
            ({"selections": [{**HOST, "rows": 1}]}, "selections[0]"),
            ({"selections": [{**HOST, "parameters": []}]}, "selections[0].parameters"),
            ({"selections": [{**HOST, "parameters": {"a": 1}}]}, "selections[0].parameters.a"),
            ({"selections": [{**HOST, "parameters": {"a": ""}}]}, "selections[0].parameters.a"),
            (
                {"selections": [{"sensor": "Installed Application Exists"}]},
                "selections[0].parameters.name",
            ),
            ({"selections": [{**HOST, "only": LINUX}]}, "selections[0].only"),
            ({"selections": [{**HOST, "only": []}]}, "selections[0].only"),
            ({"selections": [{**HOST, "only": {}}]}, "selections[0].only.operator"),
            (asked(filter={"op": "xor", "parts": [LINUX]}), "filter.op"),
            (asked(filter={"op": 1, "parts": [LINUX]}), "filter.op"),
            (asked(filter={"op": "and"}), "filter.parts"),
            (asked(filter={"op": "and", "parts": []}), "filter.parts"),
            (asked(filter={"op": "not", "parts": [LINUX, LINUX]}), "filter.parts"),
            (asked(filter={"op": "and", "parts": [LINUX], "sensor": "x"}), "filter"),
            (asked(filter={"op": "and", "parts": [LINUX, {}]}), "filter.parts[1].sensor"),
            (asked(filter={**LINUX, "column": "Size"}), "filter.column"),
            (asked(filter={**LINUX, "operator": "greater than"}), "filter.operator"),
            (asked(filter={**LINUX, "operator": "resembles"}), "filter.operator"),
            (asked(filter={**LINUX, "value": "maybe"}), "filter.value"),
            (asked(filter={**LINUX, "value": 1}), "filter.value"),
            (asked(filter={**LINUX, "value": "\0"}), "filter.value"),
            (asked(filter={**LINUX, "value": "\ud800"}), "filter.value"),
            (asked(filter={**LINUX, "value": "x" * (VALUE_LENGTH + 1)}), "filter.value"),
            (asked(filter={**LINUX, "operator": "is empty"}), "filter.value"),
            (asked(group=7), "group"),
        ],
    )
    def test_name_the_path(self, form: object, path: str) -> None:
        error = refused(form)

        assert error.path == path
        assert str(error).startswith(f"{path}: ")

    def test_name_similar_sensors(self) -> None:
        error = refused({"selections": [{"sensor": "Computr Name"}]})

        assert str(error).endswith("there is no sensor “Computr Name” (expected Computer Name)")

    def test_stop_at_the_depth_limit(self) -> None:
        form: dict[str, Any] = LINUX
        for _ in range(DEPTH):
            form = {"op": "not", "parts": [form]}

        assert question_from_json(asked(filter=form), INDEX)
        error = refused(asked(filter={"op": "not", "parts": [form]}))
        assert error.path == "filter" + ".parts[0]" * (DEPTH + 1)

    def test_stop_at_the_limit_of_comparisons(self) -> None:
        half = {"op": "and", "parts": [LINUX] * (COMPARISONS // 2 + 1)}
        error = refused(asked(filter={"op": "or", "parts": [half, half]}))

        assert error.path == f"filter.parts[1].parts[{COMPARISONS // 2 - 1}]"
