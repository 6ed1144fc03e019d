"""Answers, comparisons and exports over REST: what a user reaches, and nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
import redis
from asgiref.sync import async_to_sync
from rest_framework.test import APIClient

from console.access.models import User
from console.endpoints.models import ComputerGroup
from console.questions import exports
from console.questions.answers import record_answers
from console.questions.export_writing import write_export
from console.questions.models import AnswerExport, AnswerRow, Question
from protocol.questions import FAILED, SensorFailure
from tests.console.api_client import api_client
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

QUESTIONS = "/api/v1/questions/"
BROKEN = SensorFailure(name="Computer Name", reason="It broke.")


@pytest.fixture
def group(valkey: redis.Redis) -> ComputerGroup:
    valkey.flushdb()
    scene.prepare()
    return scene.group_named("Berlin")


@pytest.fixture
def ids(group: ComputerGroup) -> list[UUID]:
    """Two endpoints in Berlin, and two that are not."""
    return [*scene.endpoints(2, group=group), *scene.endpoints(2)]


@pytest.fixture
def ada(ids: list[UUID]) -> User:
    """An administrator."""
    return scene.administrator()


@pytest.fixture
def ben(group: ComputerGroup, ids: list[UUID]) -> User:
    """Somebody who asks and sees in Berlin."""
    return scene.person("ben", groups=[group], content_sets=["Base", "Reserved"])


@pytest.fixture
def question(ada: User, ids: list[UUID]) -> Question:
    """A question of the administrator's; three answered, one failed."""
    asked = scene.asked(ada)
    rows = [(f"web-{number}", f"10.0.0.{number}") for number in range(3)]
    record_answers(
        [
            *(
                scene.answer(asked, endpoint_id, [row, ("all", "")])
                for endpoint_id, row in zip(ids, rows, strict=False)
            ),
            scene.answer(asked, ids[3], outcome=FAILED, failures=[BROKEN]),
        ]
    )
    asked.refresh_from_db()
    return asked


def path(question: Question, rest: str = "") -> str:
    return f"{QUESTIONS}{question.pk}/{rest}"


def pages(client: APIClient, address: str, name: str = "results") -> Iterator[Any]:
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.content
        yield from answer.json()[name]
        address = answer.json()["next"]


class TestRows:
    def test_are_merged_and_cut_to_the_reach(self, question: Question, ben: User) -> None:
        found = api_client(ben).get(path(question, "rows/")).json()

        rows = [(row["values"][0], row["count"]) for row in found["rows"]]
        assert rows[0] == ("all", 2)
        assert sorted(rows[1:]) == [("web-0", 1), ("web-1", 1)]
        assert found["total"] == 3
        assert [column["label"] for column in found["columns"]] == ["Computer Name", "IP Address"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("search=web&sort=0", ["web-0", "web-1", "web-2"]),
            ("sort=-computer name", ["web-2", "web-1", "web-0", "all"]),
            ("sort=1,-count", ["web-0", "web-1", "web-2", "all"]),
            ("sort=count,0", ["web-0", "web-1", "web-2", "all"]),
            ("group_by=IP Address&sort=1", ["", "", "", ""]),
        ],
    )
    def test_are_ordered_and_grouped(
        self, question: Question, ada: User, query: str, expected: list[str]
    ) -> None:
        found = api_client(ada).get(path(question, f"rows/?{quote(query, safe='=&')}")).json()

        assert [row["values"][0] for row in found["rows"]] == expected

    def test_are_filtered(self, question: Question, ada: User) -> None:
        filters = [
            {"column": "computer name", "operator": "containing", "value": "WEB"},
            {"column": 1, "operator": "in cidr", "value": "10.0.0.0/31"},
        ]
        query = "&".join(f"filter={quote(json.dumps(each))}" for each in filters)

        found = api_client(ada).get(path(question, f"rows/?{query}&sort=0")).json()

        assert [row["values"][0] for row in found["rows"]] == ["web-0", "web-1"]

    def test_lead_from_window_to_window(self, question: Question, ada: User) -> None:
        address = path(question, "rows/?limit=3&sort=0&search=")

        rows = list(pages(api_client(ada), address, "rows"))

        assert [row["values"][0] for row in rows] == ["all", "web-0", "web-1", "web-2"]

    @pytest.mark.parametrize(
        "query",
        [
            "filter=[",
            "filter=7",
            'filter={"column":0}',
            'filter={"column":9,"operator":"is","value":""}',
            'filter={"column":0,"operator":"resembles","value":""}',
            'filter={"column":0,"operator":"matching","value":"(("}',
            'filter={"column":0,"operator":"is","value":"","more":1}',
            "sort=nothing",
            "group_by=7",
            "limit=1001",
            "offset=-1",
            "limit=x",
        ],
    )
    def test_refuse_what_does_not_fit(self, question: Question, ada: User, query: str) -> None:
        answer = api_client(ada).get(path(question, f"rows/?{quote(query, safe='=')}"))

        assert answer.status_code == 400
        assert answer.json()["errors"]

    def test_of_endpoints_are_paged(self, question: Question, ben: User, ids: list[UUID]) -> None:
        rows = list(pages(api_client(ben), path(question, "endpoint-rows/?limit=1")))

        assert [row["endpoint"] for row in rows] == [str(each) for each in ids[:2] for _ in "12"]

    def test_of_one_endpoint(self, question: Question, ada: User, ids: list[UUID]) -> None:
        address = path(question, f"endpoint-rows/?endpoint={ids[1]}")

        rows = list(pages(api_client(ada), address))

        assert {row["values"][0] for row in rows} == {"web-1", "all"}

    def test_lead_to_their_endpoints(self, question: Question, ben: User, ids: list[UUID]) -> None:
        client = api_client(ben)
        rows = client.get(path(question, "rows/")).json()["rows"]

        given = list(pages(client, path(question, f"rows/{rows[0]['id']}/endpoints/?limit=1")))

        assert [each["endpoint"] for each in given] == [str(each) for each in ids[:2]]

    @pytest.mark.parametrize("grouping", ["", "?group_by=1"])
    def test_lead_nowhere_from_a_row_out_of_reach(
        self, question: Question, ben: User, grouping: str
    ) -> None:
        hidden = AnswerRow.objects.get(question=question, values__0="web-2").pk

        answer = api_client(ben).get(path(question, f"rows/{hidden}/endpoints/{grouping}"))

        assert answer.status_code == 404

    @pytest.mark.parametrize("rest", ["endpoint-rows/", "unanswered/", "rows/1/endpoints/"])
    @pytest.mark.parametrize("cursor", ["!!", "AAAA", quote("c2VydmVyL3g"), "%00", "L" * 4000])
    def test_know_no_page_that_was_made_up(
        self, question: Question, ada: User, rest: str, cursor: str
    ) -> None:
        answer = api_client(ada).get(path(question, f"{rest}?cursor={cursor}"))

        assert answer.status_code in {400, 404}


class TestComparison:
    def test_tells_what_changed(self, question: Question, ada: User, ids: list[UUID]) -> None:
        later = scene.asked(ada)
        record_answers([scene.answer(later, ids[0], [("web-0", "10.9.9.9"), ("all", "")])])

        found = api_client(ada).get(path(later, "comparison/")).json()
        named = api_client(ada).get(path(later, f"comparison/?with={question.pk}")).json()

        assert found == named
        assert found["compared_endpoints"] == 1
        assert {(row["kind"], row["values"][1]) for row in found["rows"]} == {
            ("appeared", "10.9.9.9"),
            ("vanished", "10.0.0.0"),
        }

    @pytest.mark.parametrize("query", ["", f"?with={uuid.UUID(int=7)}"])
    def test_needs_an_earlier_one(self, question: Question, ada: User, query: str) -> None:
        assert api_client(ada).get(path(question, f"comparison/{query}")).status_code == 400


class TestExports:
    def test_are_made_at_once_when_small(self, question: Question, ben: User) -> None:
        client = api_client(ben)

        made = client.post(path(question, "exports/"), {"format": "csv", "view": {"raw": True}})

        assert made.status_code == 201
        export = made.json()
        assert (export["state"], export["rows_done"], export["rows_total"]) == ("done", 3, 3)
        answer = client.get(export["download_url"])
        disposition = answer["Content-Disposition"]
        assert disposition == f'attachment; filename="{export["file_name"]}"'
        assert answer["Content-Type"].startswith("text/csv")
        assert b"web-2" not in content_of(answer)

    def test_are_made_by_a_job_when_large(
        self, question: Question, ben: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "AT_ONCE", 0)
        client = api_client(ben)

        export = client.post(path(question, "exports/"), {"format": "jsonl"}).json()
        address = path(question, f"exports/{export['id']}/")

        assert (export["state"], export["download_url"]) == ("waiting", None)
        assert client.get(f"{address}file/").status_code == 409
        write_export(UUID(export["id"]))
        assert client.get(address).json()["state"] == "done"
        assert len(content_of(client.get(f"{address}file/")).splitlines()) == 3
        assert client.post(f"{address}cancel/").status_code == 409

    def test_can_be_given_up(
        self, question: Question, ben: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "AT_ONCE", 0)
        client = api_client(ben)
        export = client.post(path(question, "exports/"), {"format": "xlsx"}).json()

        answer = client.post(path(question, f"exports/{export['id']}/cancel/"))

        assert answer.json()["state"] == "cancelled"

    def test_are_nobody_elses(self, question: Question, ben: User, ada: User) -> None:
        export = api_client(ben).post(path(question, "exports/"), {"format": "csv"}).json()
        client = api_client(ada)

        for rest in ("", "file/"):
            address = path(question, f"exports/{export['id']}/{rest}")
            assert client.get(address).status_code == 404
        assert client.get(path(question, "exports/")).json() == []

    @pytest.mark.parametrize(
        "sent",
        [
            {},
            {"format": "pdf"},
            {"format": "csv", "view": 7},
            {"format": "csv", "view": {"columns": [9]}},
            {"format": "csv", "view": {"merged": "perhaps"}},
            {"format": "csv", "view": {"filters": [{"column": "x"}]}},
        ],
        ids=str,
    )
    def test_refuse_what_does_not_fit(
        self, question: Question, ada: User, sent: dict[str, Any]
    ) -> None:
        assert api_client(ada).post(path(question, "exports/"), sent).status_code == 400
        assert not AnswerExport.objects.exists()


def content_of(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([part async for part in response])

    content = async_to_sync(read)()
    # Not `close`: the end of an answer closes connections, and the test still needs its own.
    for close in response._resource_closers:
        close()
    return content
