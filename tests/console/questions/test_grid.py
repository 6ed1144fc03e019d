"""The grid shows merged rows, cut to a reach, and never a row or a count from outside it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.core.exceptions import InvalidInput, NotFound
from console.endpoints.models import ComputerGroup, Membership
from console.endpoints.reach import EVERYTHING, NOTHING, Reach
from console.questions import grid
from console.questions.answers import record_answers
from console.questions.comparison import changed_endpoints, compare
from console.questions.drill_down import (
    cursor_of,
    endpoints_giving,
    endpoints_of_row,
    row_cursor_of,
    rows_by_endpoint,
)
from console.questions.grid import GridRequest, columns_of, iterate, window
from console.questions.grid_sql import ColumnFilter, SortBy, cell
from console.questions.models import Question
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

# name, address; each endpoint gives its own and one that all give
ROWS = [
    [("web-1", "10.0.0.9"), ("shared", "10.0.0.1")],
    [("web-2", "10.0.0.10"), ("shared", "10.0.0.1")],
    [("Datenbänke", "2001:db8::1"), ("shared", "10.0.0.1")],
    [("100%_sure", ""), ("shared", "10.0.0.1")],
]


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    """Make a group of two endpoints of four."""
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


@pytest.fixture
def question(ids: list[UUID]) -> Question:
    asked = scene.asked(scene.administrator())
    record_answers(
        [
            scene.answer(asked, endpoint_id, rows)
            for endpoint_id, rows in zip(ids, ROWS, strict=True)
        ]
    )
    asked.refresh_from_db()
    return asked


@pytest.fixture(params=["one statement", "kept order"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take both ways to a window: they must not differ."""
    if request.param == "kept order":
        monkeypatch.setattr(grid, "_SHORT", 0)
    return str(request.param)


def shown(question: Question, reach: Reach, **request: Any) -> list[tuple[str, int]]:
    found = window(question, reach, GridRequest(**request))
    assert found.total == len(found.rows)
    return [(row.values[0], row.count) for row in found.rows]


@pytest.mark.usefixtures("way")
class TestWindow:
    def test_shows_the_most_frequent_first(self, question: Question) -> None:
        assert shown(question, EVERYTHING)[0] == ("shared", 4)

    def test_counts_only_what_is_in_reach(self, question: Question, group: ComputerGroup) -> None:
        reach = Reach(group_ids=frozenset({group.pk}))

        assert sorted(shown(question, reach)) == [("shared", 2), ("web-1", 1), ("web-2", 1)]
        assert shown(question, NOTHING) == []

    def test_follows_who_joins_and_leaves(
        self, question: Question, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        reach = Reach(group_ids=frozenset({group.pk}))
        shown(question, reach)

        Membership.objects.filter(group=group, endpoint=ids[0]).delete()
        Membership.objects.create(group=group, endpoint_id=ids[2])

        expected = [("Datenbänke", 1), ("shared", 2), ("web-2", 1)]
        assert sorted(shown(question, reach)) == expected

    def test_gives_the_rows_from_an_offset_on(self, question: Question) -> None:
        whole = window(question, EVERYTHING, GridRequest())
        parts = [
            window(question, EVERYTHING, GridRequest(), offset=offset, limit=2)
            for offset in (0, 2, 4, 6)
        ]

        assert [row for part in parts for row in part.rows] == whole.rows
        assert {part.total for part in parts} == {5}

    @pytest.mark.parametrize(
        ("column", "operator", "value", "expected"),
        [
            (0, "containing", "WEB", {"web-1", "web-2"}),
            (0, "not containing", "web", {"shared", "Datenbänke", "100%_sure"}),
            (0, "is", "SHARED", {"shared"}),
            (0, "starting with", "100%_", {"100%_sure"}),
            (0, "containing", "%", {"100%_sure"}),
            (0, "ending with", "_sure", {"100%_sure"}),
            (0, "containing", "BÄNKE", {"Datenbänke"}),
            (0, "matching", "web-[12]", {"web-1", "web-2"}),
            (1, "is empty", "", {"100%_sure"}),
            (1, "in cidr", "10.0.0.8/29", {"web-1", "web-2"}),
            (1, "is", "2001:0db8::0001", {"Datenbänke"}),
        ],
    )
    def test_filters(
        self, question: Question, column: int, operator: str, value: str, expected: set[str]
    ) -> None:
        wanted = ColumnFilter(column=column, operator=operator, value=value)

        assert {name for name, _ in shown(question, EVERYTHING, filters=(wanted,))} == expected

    @pytest.mark.parametrize("text", ["shar", "0.1", "BÄN"])
    def test_searches_every_column(self, question: Question, text: str) -> None:
        found = {name for name, _ in shown(question, EVERYTHING, search=text)}

        assert (
            found
            == {
                "shar": {"shared"},
                "0.1": {"shared", "web-2"},
                "BÄN": {"Datenbänke"},
            }[text]
        )

    def test_sorts_by_name_without_case(self, question: Question) -> None:
        names = [name for name, _ in shown(question, EVERYTHING, sort=(SortBy(column=0),))]

        assert names == ["100%_sure", "Datenbänke", "shared", "web-1", "web-2"]

    def test_sorts_addresses_by_number_and_what_is_none_last(self, question: Question) -> None:
        for descending in (False, True):
            sort = (SortBy(column=1, descending=descending),)
            names = [name for name, _ in shown(question, EVERYTHING, sort=sort)]

            ordered = ["shared", "web-1", "web-2", "Datenbänke"]
            assert names == [*(reversed(ordered) if descending else ordered), "100%_sure"]

    @pytest.mark.parametrize(
        ("kind", "ordered"),
        [
            ("integer", ["-3", "9", "+10", "9007199254740993"]),
            ("bytes", ["9", "10", "9007199254740992", "9007199254740993"]),
            ("decimal", ["-0.5", "0.25", "9", "10.5", "2e3"]),
            ("seconds", ["0", "9.5", "10"]),
            ("instant", ["2026-01-02 00:00:00.000+00:00", "2026-11-02 00:00:00.000+00:00"]),
        ],
    )
    @pytest.mark.parametrize("group_by", [(), (1,)])
    def test_sorts_what_is_not_of_the_type_last_either_way(
        self, ids: list[UUID], kind: str, ordered: list[str], group_by: tuple[int, ...]
    ) -> None:
        question = scene.asked(scene.administrator())
        rows = [(value, value) for value in [*reversed(ordered), ""]]
        if kind != "instant":
            rows += [("no number", "no number"), ("1\n", "1\n")]
        record_answers([scene.answer(question, ids[0], rows)])
        question.columns[1]["type"] = kind

        for descending in (False, True):
            sort = (SortBy(column=1, descending=descending),)
            found = window(question, EVERYTHING, GridRequest(sort=sort, group_by=group_by))

            wanted = list(reversed(ordered)) if descending else ordered
            assert [row.values[1] for row in found.rows][: len(ordered)] == wanted
            assert len(found.rows) == len(rows)

    def test_groups_by_columns(self, question: Question, group: ComputerGroup) -> None:
        found = window(question, EVERYTHING, GridRequest(group_by=(1,)))
        reach = Reach(group_ids=frozenset({group.pk}))
        cut = window(question, reach, GridRequest(group_by=(1,)))

        assert (found.rows[0].values, found.rows[0].count) == (("", "10.0.0.1"), 4)
        assert found.total == 5
        assert (cut.rows[0].values[1], cut.rows[0].count) == ("10.0.0.1", 2)

    @pytest.mark.parametrize(
        "request_",
        [
            GridRequest(filters=(ColumnFilter(column=7, operator="is", value="x"),)),
            GridRequest(filters=(ColumnFilter(column=0, operator="resembling", value="x"),)),
            GridRequest(filters=(ColumnFilter(column=0, operator="matching", value="(("),)),
            GridRequest(sort=(SortBy(column=-1),)),
            GridRequest(group_by=(2,)),
        ],
    )
    def test_refuses_what_does_not_fit(self, question: Question, request_: GridRequest) -> None:
        with pytest.raises(InvalidInput):
            window(question, EVERYTHING, request_)

    def test_survives_a_redis_that_is_away(
        self, question: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nobody = redis.Redis(unix_socket_path="/nonexistent/valkey.sock")
        monkeypatch.setattr(grid, "client", lambda: nobody)

        assert len(shown(question, EVERYTHING)) == 5

    @pytest.mark.parametrize("group_by", [(), (1,)])
    def test_reads_only_the_columns_that_order_the_rows(
        self, question: Question, group_by: tuple[int, ...]
    ) -> None:
        request = GridRequest(sort=(SortBy(column=1),), group_by=group_by)

        with CaptureQueriesContext(connection) as seen:
            window(question, EVERYTHING, request)

        (ordering,) = [each["sql"] for each in seen if cell(1) in each["sql"]]
        assert cell(0) not in ordering

    def test_joins_what_is_equal_where_it_is_grouped_and_ordered_by_address(
        self, question: Question, ids: list[UUID]
    ) -> None:
        request = GridRequest(sort=(SortBy(column=1),), group_by=(1,))
        other = scene.asked(scene.administrator("eve"))
        rows = [("a", "10.0.0.10"), ("b", "10.0.0.10"), ("c", "10.0.0.9"), ("d", "")]
        record_answers([scene.answer(other, each, rows) for each in ids])

        found = window(other, EVERYTHING, request).rows

        assert [(row.values[1], row.count) for row in found] == [
            ("10.0.0.9", 4),
            ("10.0.0.10", 8),
            ("", 4),
        ]

    def test_yields_everything_for_an_export(self, question: Question) -> None:
        request = GridRequest(sort=(SortBy(column=0),))

        exported = list(iterate(question, EVERYTHING, request))

        assert exported == window(question, EVERYTHING, request).rows


class TestColumns:
    def test_of_the_same_name_are_told_apart(self, question: Question) -> None:
        question.columns = [
            {"sensor": "Files", "name": "Path", "type": "path"},
            {"sensor": "Services", "name": "Path", "type": "path"},
            {"sensor": "Services", "name": "Service", "type": "text"},
        ]

        labels = [column.label for column in columns_of(question)]

        assert labels == ["Files: Path", "Services: Path", "Service"]


class TestDrillDown:
    def shared_row(self, question: Question) -> int:
        return window(question, EVERYTHING, GridRequest()).rows[0].id

    def test_lists_the_endpoints_of_a_row_in_pages(
        self, question: Question, ids: list[UUID]
    ) -> None:
        row = self.shared_row(question)

        first = endpoints_of_row(question, EVERYTHING, row, limit=3)
        rest = endpoints_of_row(question, EVERYTHING, row, after=cursor_of(first[-1]), limit=3)

        assert [each.endpoint_id for each in (*first, *rest)] == ids
        assert {each.count for each in first} == {1}

    def test_shows_nobody_out_of_reach(
        self, question: Question, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        reach = Reach(group_ids=frozenset({group.pk}))
        row = self.shared_row(question)

        assert {each.endpoint_id for each in endpoints_of_row(question, reach, row)} == set(ids[:2])
        given = endpoints_giving(question, reach, row)
        assert {each["endpoint"] for each in given} == set(ids[:2])
        assert {each.endpoint_id for each in rows_by_endpoint(question, reach)} == set(ids[:2])
        assert not rows_by_endpoint(question, reach, endpoint_id=ids[3])

    def test_of_joined_rows_lists_the_endpoints_of_all(
        self, question: Question, ids: list[UUID]
    ) -> None:
        request = GridRequest(group_by=(1,), filters=(ColumnFilter(column=1, operator="is empty"),))
        [row] = window(question, EVERYTHING, request).rows

        found = endpoints_of_row(question, EVERYTHING, row.id, request)

        assert [each.endpoint_id for each in found] == [ids[3]]

    def test_of_another_question_is_refused(self, question: Question) -> None:
        other = scene.asked(scene.administrator("eva"))

        with pytest.raises(NotFound):
            endpoints_of_row(other, EVERYTHING, self.shared_row(question))

    def test_lists_unmerged_rows_in_pages(self, question: Question) -> None:
        whole = rows_by_endpoint(question, EVERYTHING)
        pages, after = [], ""
        while page := rows_by_endpoint(question, EVERYTHING, after=after, limit=3):
            pages += page
            after = row_cursor_of(page[-1])

        assert pages == whole
        assert len(whole) == 8

    @pytest.mark.parametrize("after", ["nonsense", "host/no-uuid", "host/no-uuid/x"])
    def test_refuses_a_page_that_never_was(self, question: Question, after: str) -> None:
        with pytest.raises(NotFound):
            rows_by_endpoint(question, EVERYTHING, after=after)
        with pytest.raises(NotFound):
            endpoints_of_row(question, EVERYTHING, self.shared_row(question), after=after)


class TestComparison:
    @pytest.fixture
    def later(self, question: Question, ids: list[UUID]) -> Question:
        asked = scene.asked(scene.administrator("eva"))
        changed = [
            [("web-1", "10.0.0.9"), ("shared", "10.0.0.1")],
            [("web-2", "10.0.0.11"), ("shared", "10.0.0.1")],
            [("Datenbänke", "2001:db8::1")],
        ]
        record_answers(
            [
                scene.answer(asked, endpoint_id, rows)
                for endpoint_id, rows in zip(ids, changed, strict=False)
            ]
        )
        return asked

    def test_tells_what_appeared_vanished_and_changed(
        self, question: Question, later: Question
    ) -> None:
        found = compare(question, later, EVERYTHING)

        assert found.compared_endpoints == 3
        assert {(each.values, each.kind, each.before, each.after) for each in found.rows} == {
            (("web-2", "10.0.0.11"), "appeared", 0, 1),
            (("web-2", "10.0.0.10"), "vanished", 1, 0),
            (("shared", "10.0.0.1"), "count-changed", 3, 2),
        }

    def test_tells_it_for_each_endpoint(
        self, question: Question, later: Question, ids: list[UUID]
    ) -> None:
        first, second = changed_endpoints(question, later, EVERYTHING)

        assert (first.endpoint_id, second.endpoint_id) == (ids[1], ids[2])
        assert first.appeared == [("web-2", "10.0.0.11")]
        assert first.vanished == [("web-2", "10.0.0.10")]
        assert second.vanished == [("shared", "10.0.0.1")]
        assert changed_endpoints(question, later, EVERYTHING, after=str(ids[1])) == [second]

    def test_leaves_out_who_is_not_in_reach(
        self, question: Question, later: Question, group: ComputerGroup, ids: list[UUID]
    ) -> None:
        reach = Reach(group_ids=frozenset({group.pk}))

        assert compare(question, later, reach).total == 2
        changes = changed_endpoints(question, later, reach)
        assert [each.endpoint_id for each in changes] == [ids[1]]

    def test_is_refused_for_other_columns(self, question: Question, later: Question) -> None:
        later.columns = later.columns[:1]

        with pytest.raises(InvalidInput):
            compare(question, later, EVERYTHING)
