"""Alerts: stored once, bound to their endpoint, bounded, and told to open pages."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis

from console.audit.models import AuditEvent
from console.core.live_topics import stream_key
from console.endpoints.models import Endpoint
from protocol.codec import UPWARD
from protocol.events import Ancestor, FileEvent, Process, ProcessStarted
from protocol.messages import AlertRaised, MatchedTerm
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from threatresponse.alerts.evidence import LARGEST_EVENT
from threatresponse.alerts.exceptions import TooManyAlerts
from threatresponse.alerts.models import Alert
from threatresponse.alerts.services import UNKNOWN_RULE, change_alert_state, store_alerts
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = pytest.mark.django_db

AT = int(NOW.timestamp() * 1_000_000)
HOSTILE = "<script>alert('x')</script>\n\x1b[31m\u202e\0'; DROP TABLE alerts;--"


def process(**changes: Any) -> Process:
    """Describe a process with one ancestor."""
    parent = Ancestor(key=1, pid=10, path="/usr/sbin/nginx", command_line="nginx: worker")
    described = Process(
        key=2,
        pid=11,
        started_at=AT,
        path="/bin/sh",
        arguments=("sh", "-c", "id"),
        user="www-data",
        ancestors=(parent,),
    )
    return msgspec.structs.replace(described, **changes)


def raised(intel_id: UUID | None = None, **changes: Any) -> AlertRaised:
    """Make an alert as an endpoint raises it."""
    alert = AlertRaised(
        id=uuid.uuid4(),
        intel_id=intel_id or uuid.uuid4(),
        intel_revision=3,
        at=AT,
        event=ProcessStarted(at=AT, process=process()),
        process=process(),
        matched=[
            MatchedTerm(property="process.path", condition="ends with", value="sh", found="/bin/sh")
        ],
    )
    return msgspec.structs.replace(alert, **changes)


def received(endpoint: Endpoint, *alerts: AlertRaised) -> list[tuple[UUID, Any, int]]:
    """Pass alerts over the wire, as the ingester gets them."""
    return [(endpoint.pk, UPWARD.decode(UPWARD.encode(alert)), AT) for alert in alerts]


def signal() -> IntelDocument:
    """Create a rule."""
    draft = SignalDraft(
        name="Shell", definition="process.name is 'sh'", platforms=["linux"], techniques=["T1059"]
    )
    return create_intel(draft, actor=ADMINISTRATOR, now=NOW)


class TestStoreAlerts:
    def test_keeps_the_process_its_ancestry_the_terms_and_the_technique(self) -> None:
        endpoint, rule = enrolled_endpoint(), signal()

        store_alerts(received(endpoint, raised(rule.pk)))

        alert = Alert.objects.get()
        assert (alert.endpoint_id, alert.intel_id) == (endpoint.pk, rule.pk)
        assert (alert.intel_name, alert.techniques) == ("Shell", ["T1059"])
        assert (alert.process_path, alert.user_name) == ("/bin/sh", "www-data")
        assert alert.event["process"]["ancestors"][0]["path"] == "/usr/sbin/nginx"
        assert alert.matched[0]["found"] == "/bin/sh"
        assert alert.happened_at == alert.received_at == NOW

    def test_stores_what_is_told_twice_once(self) -> None:
        batch = received(enrolled_endpoint(), raised(), raised())

        store_alerts([*batch, *batch])
        Alert.objects.update(state=Alert.State.RESOLVED)
        store_alerts(batch)

        assert Alert.objects.filter(state=Alert.State.RESOLVED).count() == 2

    def test_lets_no_endpoint_touch_the_alert_of_another(self) -> None:
        owner, thief = enrolled_endpoint("owner"), enrolled_endpoint("thief")
        alert = raised()
        store_alerts(received(owner, alert))

        store_alerts(received(thief, msgspec.structs.replace(alert, intel_revision=99)))

        stored = Alert.objects.get()
        assert (stored.endpoint_id, stored.intel_revision) == (owner.pk, 3)

    def test_drops_the_alerts_of_endpoints_that_are_gone(self) -> None:
        store_alerts([(uuid.uuid4(), raised(), AT)])

        assert not Alert.objects.exists()

    def test_stores_alerts_of_rules_that_nobody_knows(self) -> None:
        store_alerts(received(enrolled_endpoint(), raised()))

        alert = Alert.objects.get()
        assert (alert.intel_id, alert.intel_name) == (None, UNKNOWN_RULE)

    def test_keeps_the_alert_when_its_rule_is_deleted(self) -> None:
        rule = signal()
        store_alerts(received(enrolled_endpoint(), raised(rule.pk)))

        rule.delete()

        alert = Alert.objects.get()
        assert (alert.intel_id, alert.intel_name) == (None, "Shell")

    def test_stores_hostile_text_as_text(self) -> None:
        nasty = process(path=HOSTILE, user=HOSTILE, arguments=(HOSTILE,))
        event = ProcessStarted(at=AT, process=nasty)

        store_alerts(received(enrolled_endpoint(), raised(event=event, process=nasty)))

        alert = Alert.objects.get()
        assert alert.process_path == HOSTILE.replace("\0", "\ufffd")
        assert alert.event["process"]["arguments"] == [HOSTILE.replace("\0", "\ufffd")]

    def test_takes_the_process_from_beside_the_event(self) -> None:
        event = FileEvent(at=AT, process=None, operation="create", path="/tmp/x")  # noqa: S108

        store_alerts(received(enrolled_endpoint(), raised(event=event)))

        alert = Alert.objects.get()
        assert alert.event["process"]["path"] == alert.process_path == "/bin/sh"

    def test_bounds_what_an_endpoint_can_make_it_keep(self) -> None:
        long = "x" * 60_000
        many = tuple(Ancestor(n, n, long[:8000], long[:8000], long[:8000]) for n in range(8))
        nasty = process(path=long, user=long, arguments=(long,) * 5, ancestors=many)
        term = MatchedTerm(property=long[:3000], condition="is", value="v", found="f")
        event = ProcessStarted(at=AT, process=nasty)

        store_alerts(received(enrolled_endpoint(), raised(event=event, matched=[term] * 100)))

        alert = Alert.objects.get()
        assert alert.event["cut"] is True
        assert len(msgspec.json.encode(alert.event)) <= LARGEST_EVENT
        assert len(msgspec.json.encode(alert.matched)) <= 2 * LARGEST_EVENT
        assert len(alert.process_path) <= 4096

    @pytest.mark.parametrize(
        "at",
        [
            pytest.param(2**63 - 1, id="beyond the calendar"),
            pytest.param(-(2**62), id="before it"),
            pytest.param(0, id="the epoch"),
            pytest.param(AT + 2 * 86_400 * 1_000_000, id="the day after tomorrow"),
        ],
    )
    def test_believes_no_impossible_clock(self, at: int) -> None:
        event = ProcessStarted(at=at, process=process(started_at=at))

        store_alerts(received(enrolled_endpoint(), raised(at=at, event=event)))

        assert Alert.objects.get().happened_at == NOW

    def test_believes_a_clock_that_is_an_hour_off(self) -> None:
        hour = 3600 * 1_000_000

        store_alerts(received(enrolled_endpoint(), raised(at=AT + hour)))

        assert Alert.objects.get().happened_at == NOW + timedelta(hours=1)

    def test_takes_any_revision_that_the_wire_carries(self) -> None:
        store_alerts(
            received(enrolled_endpoint(), raised(intel_revision=-5), raised(intel_revision=2**63))
        )

        assert {alert.intel_revision for alert in Alert.objects.all()} == {0, 2**62}


@pytest.mark.django_db(transaction=True)
class TestNews:
    def test_open_pages_hear_of_the_count_and_the_newest(self, valkey: redis.Redis) -> None:
        valkey.flushdb()
        endpoint = enrolled_endpoint()

        store_alerts(received(endpoint, *(raised() for _ in range(50))))

        entries: Any = valkey.xrange(stream_key("alerts"))
        ((_, fields),) = entries
        news = msgspec.json.decode(fields[b"news"])
        assert news["count"] == 50
        assert len(news["rows"]) == 20
        assert news["rows"][0]["endpoint_name"] == "web-1"

    def test_nothing_is_said_of_what_was_stored_before(self, valkey: redis.Redis) -> None:
        batch = received(enrolled_endpoint(), raised())
        store_alerts(batch)
        valkey.flushdb()

        store_alerts(batch)

        assert valkey.xlen(stream_key("alerts")) == 0


class TestChangeAlertState:
    def test_changes_many_with_one_audit_row(self) -> None:
        store_alerts(received(enrolled_endpoint(), raised(), raised(), raised()))
        ids = list(Alert.objects.values_list("pk", flat=True))
        now = datetime.now(UTC)

        assert change_alert_state(ids, Alert.State.RESOLVED, actor=ADMINISTRATOR, now=now) == 3
        assert change_alert_state(ids, Alert.State.RESOLVED, actor=ADMINISTRATOR, now=now) == 0

        event = AuditEvent.objects.get(action="alert.change_state")
        assert event.detail["state"] == "RESOLVED"
        assert sorted(event.detail["ids"]) == sorted(map(str, ids))

    def test_refuses_more_than_a_transaction_should_change(self) -> None:
        ids = [uuid.uuid4() for _ in range(1001)]

        with pytest.raises(TooManyAlerts):
            change_alert_state(ids, Alert.State.RESOLVED, actor=ADMINISTRATOR, now=NOW)
