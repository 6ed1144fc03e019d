from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.console.computers import NOW, enrolled_endpoint
from threatresponse.alerts.listing import PAGE, AlertQuestion, cursor_of, part_of
from threatresponse.alerts.models import Alert

pytestmark = pytest.mark.django_db


def stored(count: int = 1, **fields: Any) -> list[Alert]:
    """Store alerts of one endpoint, all received at one instant."""
    values: dict[str, Any] = {
        "endpoint": fields.pop("endpoint", None) or enrolled_endpoint(),
        "intel_revision": 1,
        "intel_name": "Shell",
        "happened_at": NOW,
        "received_at": NOW,
        "event": {},
    }
    return Alert.objects.bulk_create(
        Alert(id=uuid.uuid4(), **(values | fields)) for _ in range(count)
    )


class TestAlertQuestion:
    def test_counts_what_cannot_be_read_as_absent(self) -> None:
        asked = {"state": "x", "technique": "T1' OR 1=1", "endpoint": "7", "intel": "\0", "q": " "}

        assert AlertQuestion.of(asked) == AlertQuestion()

    def test_cuts_a_text_that_is_too_long(self) -> None:
        assert len(AlertQuestion.of({"q": "x" * 10_000}).text) == 200

    def test_finds_sub_techniques_too(self) -> None:
        endpoint = enrolled_endpoint()
        [exact] = stored(endpoint=endpoint, techniques=["T1059"])
        [below] = stored(endpoint=endpoint, techniques=["T1059.004"])
        stored(endpoint=endpoint, techniques=["T1105"])

        question = AlertQuestion.of({"technique": "t1059"})

        assert set(question.narrow(Alert.objects.all())) == {exact, below}

    @pytest.mark.parametrize("text", ["NGINX", "web-1", "shell", "www", "ngi\0nx"])
    def test_searches_what_a_row_shows(self, text: str) -> None:
        stored(process_path="/usr/sbin/nginx", user_name="www-data")

        question = AlertQuestion.of({"q": text})

        assert question.narrow(Alert.objects.all()).count() == 1

    def test_takes_percent_signs_literally(self) -> None:
        stored(process_path="/usr/sbin/nginx")

        assert not AlertQuestion.of({"q": "%"}).narrow(Alert.objects.all()).exists()


class TestPartOf:
    def test_continues_where_the_part_before_ended(self) -> None:
        stored(PAGE + 7)

        first = part_of(Alert.objects.all(), "")
        second = part_of(Alert.objects.all(), first.next_cursor)

        ids = [alert.pk for alert in (*first.alerts, *second.alerts)]
        assert (len(first.alerts), len(second.alerts), second.next_cursor) == (PAGE, 7, "")
        assert len(set(ids)) == PAGE + 7

    def test_does_not_shift_when_alerts_arrive(self) -> None:
        endpoint = enrolled_endpoint()
        stored(PAGE + 1, endpoint=endpoint)
        first = part_of(Alert.objects.all(), "")
        stored(3, endpoint=endpoint, received_at=NOW + timedelta(minutes=1))

        second = part_of(Alert.objects.all(), first.next_cursor)

        assert len(second.alerts) == 1

    @pytest.mark.parametrize("cursor", ["x", "_", f"2026-01-01_{uuid.UUID(int=1)}", "2026_x", "\0"])
    def test_begins_at_the_start_for_an_unreadable_cursor(self, cursor: str) -> None:
        [alert] = stored()

        assert part_of(Alert.objects.all(), cursor).alerts == [alert]
        assert cursor_of(alert).endswith(str(alert.pk))
