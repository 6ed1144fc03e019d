"""Lists count and page as many rows as anybody looks through, however many there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.audit.services import record_audit_event
from console.core import paging
from console.core.paging import BoundedPaginator, CountedUpTo
from console.endpoints.models import Endpoint
from tests.console.computers import ADMINISTRATOR, NOW
from tests.console.pages import browser, text_of
from tests.console.questions import scene

pytestmark = pytest.mark.django_db

ENDPOINTS, AUDIT = "/endpoints/endpoint/", "/audit/auditevent/"


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch, valkey: redis.Redis) -> None:
    valkey.flushdb()
    monkeypatch.setattr(paging, "MOST_COUNTED", 120)
    scene.prepare()


def paged(rows: int) -> BoundedPaginator:
    """Return the pages of so many endpoints."""
    scene.endpoints(rows)
    return BoundedPaginator(Endpoint.objects.order_by("host_name"), 50)


def counts_in(queries: Any) -> list[str]:
    """List the statements that count."""
    return [query["sql"] for query in queries if "COUNT(" in query["sql"]]


class TestPaginator:
    @pytest.mark.parametrize(
        ("rows", "said", "pages"), [(0, "0", 1), (120, "120", 3), (121, "120+", 3)]
    )
    def test_counts_up_to_a_bound(self, rows: int, said: str, pages: int) -> None:
        paginator = paged(rows)

        assert (str(paginator.count), paginator.num_pages) == (said, pages)

    def test_ends_with_the_last_row_counted(self) -> None:
        paginator = paged(130)

        assert [len(paginator.page(number)) for number in (1, 2, 3)] == [50, 50, 20]

    def test_writes_thousands_as_people_do(self) -> None:
        assert (str(CountedUpTo(10_000)), f"{CountedUpTo(10_000)}") == ("10,000+", "10,000+")


class TestLists:
    @pytest.fixture
    def client(self) -> Client:
        """Return an administrator's browser."""
        return browser(name="root", is_superuser=True)

    def test_of_endpoints_say_that_there_are_more(self, client: Client) -> None:
        scene.endpoints(130)

        with CaptureQueriesContext(connection) as queries:
            first = text_of(client.get(f"{ENDPOINTS}?os=linux"))
        last = text_of(client.get(f"{ENDPOINTS}?os=linux&p=3"))
        behind = client.get(f"{ENDPOINTS}?os=linux&p=4")

        assert re.search(r"120\+\s+endpoints", first)
        assert "Select all 120+ endpoints" in first
        assert "host-00119" in last
        assert "host-00120" not in last
        assert behind.status_code == 302
        assert all("LIMIT 121" in sql for sql in counts_in(queries) if "_endpoint" in sql)

    def test_of_all_endpoints_know_how_many_they_are(self, client: Client) -> None:
        scene.endpoints(130)

        first = text_of(client.get(f"{ENDPOINTS}?o=-1"))
        last = text_of(client.get(f"{ENDPOINTS}?p=3"))

        assert re.search(r"130\s+endpoints", first)
        assert "host-00129" in last

    def test_of_endpoints_count_what_a_search_left(self, client: Client) -> None:
        scene.endpoints(130)

        page = text_of(client.get(f"{ENDPOINTS}?q=host-0012"))

        assert re.search(r"10\s+endpoints", page)

    def test_of_the_audit_log_say_that_there_are_more(self, client: Client) -> None:
        for number in range(125):
            record_audit_event(
                actor=ADMINISTRATOR,
                action="test.event",
                subject_type="test",
                subject_id=str(number),
                subject_name="test",
                now=NOW,
            )

        assert "120+" in text_of(client.get(AUDIT))
