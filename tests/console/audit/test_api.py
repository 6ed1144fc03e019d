from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from console.audit.services import record_audit_event
from console.core.actor import Actor
from tests.console.api_client import api_client, make_user
from tests.console.computers import NOW

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/audit-events/"


@pytest.fixture(autouse=True)
def events() -> None:
    for number in range(3):
        record_audit_event(
            actor=Actor(f"user-{number}", source_address="192.0.2.1"),
            action=f"action-{number}",
            now=NOW + timedelta(minutes=number),
        )


class TestAuditEvents:
    def test_are_listed_newest_first(self) -> None:
        client = api_client(make_user("ada", "audit.view_auditevent"))

        rows = client.get(EVENTS).json()["results"]

        assert [row["sequence"] for row in rows] == [3, 2, 1]
        assert rows[0]["previous_digest"] == rows[1]["digest"]
        assert client.get(f"{EVENTS}2/").json()["actor_name"] == "user-1"

    def test_can_be_narrowed(self) -> None:
        client = api_client(make_user("ada", "audit.view_auditevent"))

        def found(query: str) -> list[int]:
            return [row["sequence"] for row in client.get(f"{EVENTS}?{query}").json()["results"]]

        assert found("actor_name=user-1") == [2]
        assert found("action=action-2") == [3]
        since = quote((NOW + timedelta(minutes=1)).isoformat())
        assert found(f"since={since}") == [3, 2]
        assert found(f"until={since}") == [1]
        assert found("outcome=REFUSED") == []

    def test_can_neither_be_written_nor_removed(self) -> None:
        client = api_client(make_user("ada", "audit.view_auditevent"))

        assert client.post(EVENTS, {}).status_code == 405
        assert client.delete(f"{EVENTS}1/").status_code == 405
        assert client.patch(f"{EVENTS}1/", {}).status_code == 405
