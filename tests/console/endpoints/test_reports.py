"""What endpoints report: stored in batches, bounded, and never older over newer."""

import math
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.endpoints.models import Endpoint
from console.endpoints.services import (
    record_hello,
    record_status,
    revoke_endpoint,
)
from protocol.messages import Hello, KindCounters, SourceHealth, StatusReport
from tests.console.computers import (
    ADMINISTRATOR,
    NOW,
    enrolled_endpoint,
    platform,
)

pytestmark = pytest.mark.django_db

MICROSECONDS = 1_000_000


def _hello(host_name: str = "web-1", **changes: Any) -> Hello:
    values: dict[str, Any] = {
        "version_oldest": 1,
        "version_newest": 1,
        "agent_version": "0.2.0",
        "boot_id": "boot",
        "sent_at": 0,
        "platform": platform(host_name),
        "capabilities": ["intel.apply"],
        "intel_revision": 3,
        "sequence": 0,
    }
    return Hello(**{**values, **changes})


def _report(**changes: Any) -> StatusReport:
    values: dict[str, Any] = {
        "sent_at": 1,
        "started_at": 1,
        "sources": [SourceHealth(name="ebpf", state="running", kinds=["process"])],
        "counters": {"process": KindCounters(seen=5)},
        "cpu_percent": 0.5,
        "memory_bytes": 1,
        "store_bytes": 1,
        "store_oldest_at": 1,
        "disk_free_bytes": 1,
        "outbox_bytes": 0,
        "outbox_dropped": 0,
        "intel_revision": 4,
        "signals": 1,
        "problems": [],
    }
    return StatusReport(**{**values, **changes})


def _at(moment: datetime) -> int:
    return int(moment.timestamp() * MICROSECONDS)


class TestReports:
    def test_of_hellos_update_what_is_known(self) -> None:
        endpoint = enrolled_endpoint("old-name")

        record_hello([(endpoint.pk, _hello("new-name"), _at(NOW))])

        endpoint.refresh_from_db()
        assert (endpoint.host_name, endpoint.agent_version) == ("new-name", "0.2.0")
        assert endpoint.capabilities == ["intel.apply"]
        assert endpoint.last_seen_at == NOW

    def test_of_status_are_stored_whole(self) -> None:
        endpoint = enrolled_endpoint()

        record_status([(endpoint.pk, _report(), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.status["sources"][0]["name"] == "ebpf"
        assert endpoint.status["counters"]["process"]["seen"] == 5
        assert "t" not in endpoint.status
        assert (endpoint.status_at, endpoint.intel_revision) == (NOW, 4)

    def test_count_as_the_newest_even_when_they_come_again(self) -> None:
        endpoint = enrolled_endpoint()
        old = (endpoint.pk, _report(signals=1), _at(NOW))
        new = (endpoint.pk, _report(signals=2), _at(NOW + timedelta(minutes=1)))

        record_status([old, new])
        record_status([old])
        record_hello([(endpoint.pk, _hello("stale"), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.status["signals"] == 2
        assert endpoint.host_name == "web-1"

    def test_leave_revocation_and_certificate_alone(self) -> None:
        endpoint = enrolled_endpoint()
        revoke_endpoint(endpoint, reason="", actor=ADMINISTRATOR, now=NOW)

        record_hello([(endpoint.pk, _hello(), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.revoked_at == NOW

    def test_of_strangers_are_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        record_hello([(uuid4(), _hello(), _at(NOW))])

        assert Endpoint.objects.count() == 0
        assert "not known" in caplog.text

    def test_of_many_endpoints_take_two_statements(self) -> None:
        endpoints = [enrolled_endpoint(f"web-{number}") for number in range(20)]
        batch = [(endpoint.pk, _report(), _at(NOW)) for endpoint in endpoints]

        with CaptureQueriesContext(connection) as queries:
            record_status(batch)

        written = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert len(written) == 2
        assert Endpoint.objects.filter(status_at=NOW).count() == 20

    def test_of_a_rogue_are_cut_to_what_can_be_stored(self) -> None:
        endpoint, neighbour = enrolled_endpoint(), enrolled_endpoint("neighbour")
        rogue = platform("h" * 10_000 + "\x00", os="beos", addresses=["a" * 9999] * 9999)

        record_hello(
            [
                (endpoint.pk, _hello(platform=rogue, intel_revision=2**63), _at(NOW)),
                (neighbour.pk, _hello("neighbour"), _at(NOW)),
            ]
        )
        record_status(
            [
                (
                    endpoint.pk,
                    _report(
                        cpu_percent=math.nan,
                        memory_bytes=2**64 - 1,
                        intel_revision=-5,
                        problems=["<script>\x00" * 10_000],
                        counters={"../../etc/passwd\x00": KindCounters()},
                    ),
                    _at(NOW),
                ),
                (neighbour.pk, _report(), _at(NOW)),
            ]
        )

        endpoint.refresh_from_db()
        neighbour.refresh_from_db()
        assert len(endpoint.host_name) == 255
        assert endpoint.status["cpu_percent"] is None
        assert endpoint.intel_revision == 0
        assert "\x00" not in str(endpoint.status)
        assert neighbour.status_at == NOW

    def test_of_a_rogue_move_no_terminal(self) -> None:
        endpoint = enrolled_endpoint()

        record_hello([(endpoint.pk, _hello("<b>\x1b]0;owned\x07\nnext"), _at(NOW))])

        endpoint.refresh_from_db()
        assert endpoint.host_name == "<b>\ufffd]0;owned\ufffd\ufffdnext"
