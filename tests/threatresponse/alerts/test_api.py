"""The REST resource of alerts."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from console.audit.models import AuditEvent
from tests.console.computers import NOW, enrolled_endpoint
from tests.directconnect.people import ADDRESS, api_of, user_with
from tests.threatresponse.alerts.test_services import HOSTILE, process, raised, received, signal
from threatresponse.alerts.models import Alert
from threatresponse.alerts.services import store_alerts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

URL = "/api/v1/alerts/"
ANALYST = ("alerts.view_alert", "alerts.change_alert")


class TestPermissions:
    def test_reading_and_changing_need_their_own_permission(self) -> None:
        store_alerts(received(enrolled_endpoint(), raised()))
        path = f"{URL}{Alert.objects.get().pk}/"
        reader = api_of(user_with("alerts.view_alert"))

        assert api_of(None).get(URL).status_code == 401
        assert api_of(user_with("intel.view_inteldocument")).get(URL).status_code == 403
        assert reader.get(path).status_code == 200
        assert reader.patch(path, {"state": "RESOLVED"}).status_code == 403
        assert reader.post(f"{URL}change-state/", {}).status_code == 403
        assert reader.get(f"{URL}{uuid.uuid4()}/").status_code == 404


class TestList:
    def test_pages_by_cursor_newest_first(self) -> None:
        endpoint = enrolled_endpoint()
        for number in range(5):
            at = int((NOW + timedelta(seconds=number)).timestamp() * 1_000_000)
            store_alerts([(endpoint.pk, raised(), at)])
        api = api_of(user_with(*ANALYST))

        seen: list[str] = []
        url: str | None = f"{URL}?page_size=2"
        while url:
            page = api.get(url).json()
            seen += [row["received_at"] for row in page["results"]]
            url = page["next"]

        assert len(seen) == 5
        assert seen == sorted(seen, reverse=True)

    def test_filters(self) -> None:
        rule, endpoint = signal(), enrolled_endpoint()
        store_alerts(received(endpoint, raised(rule.pk), raised()))
        api = api_of(user_with(*ANALYST))

        def count(**query: str) -> int:
            return len(api.get(URL, query).json()["results"])

        assert count(intel=str(rule.pk)) == 1
        assert count(endpoint=str(endpoint.pk)) == 2
        assert count(endpoint=str(uuid.uuid4())) == 0
        assert count(technique="T1059") == 1
        assert count(technique="T105") == 0
        assert count(state="RESOLVED") == 0
        assert count(since=(NOW - timedelta(hours=1)).isoformat()) == 2
        assert count(since=(NOW + timedelta(hours=1)).isoformat()) == 0

    @pytest.mark.parametrize(
        "query", [{"state": "ASLEEP"}, {"endpoint": "../x"}, {"since": "once"}]
    )
    def test_refuses_filters_that_mean_nothing(self, query: dict[str, str]) -> None:
        status = api_of(user_with(*ANALYST)).get(URL, query).status_code

        assert status == 400

    def test_gives_hostile_text_back_unchanged_as_json(self) -> None:
        hostile = HOSTILE.replace("\0", "")
        nasty = process(path=hostile)
        store_alerts(received(enrolled_endpoint(), raised(process=nasty)))

        response = api_of(user_with(*ANALYST)).get(URL)

        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["results"][0]["process_path"] == hostile


class TestState:
    def test_changes_one(self) -> None:
        store_alerts(received(enrolled_endpoint(), raised()))
        path = f"{URL}{Alert.objects.get().pk}/"

        response = api_of(user_with(*ANALYST)).patch(path, {"state": "DISMISSED"})

        assert response.json()["state"] == "DISMISSED"
        assert AuditEvent.objects.get(action="alert.change_state").source_address == ADDRESS

    def test_changes_many_and_ignores_what_is_not_there(self) -> None:
        store_alerts(received(enrolled_endpoint(), raised(), raised()))
        ids = [str(pk) for pk in Alert.objects.values_list("pk", flat=True)]
        api = api_of(user_with(*ANALYST))

        response = api.post(
            f"{URL}change-state/", {"ids": [*ids, str(uuid.uuid4())], "state": "RESOLVED"}
        )

        assert response.json() == {"changed": 2}
        assert api.get(f"{URL}counts/").json()["RESOLVED"] == 2

    @pytest.mark.parametrize(
        "body",
        [
            {"ids": [], "state": "RESOLVED"},
            {"ids": ["x"], "state": "RESOLVED"},
            {"ids": [str(uuid.uuid4())], "state": "ASLEEP"},
            {"ids": [str(uuid.uuid4())] * 1001, "state": "RESOLVED"},
        ],
    )
    def test_refuses_what_it_cannot_do(self, body: dict[str, object]) -> None:
        response = api_of(user_with(*ANALYST)).post(f"{URL}change-state/", body)

        assert response.status_code == 400
