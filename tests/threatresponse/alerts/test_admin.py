"""The pages of alerts: who may see and change them, and that hostile text stays text."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.test import Client

from console.audit.models import AuditEvent
from console.endpoints.models import Endpoint
from tests.console.computers import ADMINISTRATOR, NOW, enrolled_endpoint
from tests.console.pages import browser, messages_of, text_of
from threatresponse.alerts.models import Alert
from threatresponse.intel.services import SignalDraft, create_intel

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/alerts/alert/"
HOSTILE = "<script>alert('x')</script>\n\x1b[31m\u202e"
SEES, CHANGES = "alerts.view_alert", "alerts.change_alert"


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


def stored(endpoint: Endpoint | None = None, **fields: Any) -> Alert:
    """Store an alert."""
    values: dict[str, Any] = {
        "intel_revision": 1,
        "intel_name": "Shell from the web server",
        "techniques": ["T1059.004"],
        "happened_at": NOW,
        "received_at": NOW,
        "process_path": "/bin/sh",
        "event": {"kind": "process", "process": {"path": "/bin/sh", "pid": 11}},
    }
    return Alert.objects.create(
        id=uuid.uuid4(), endpoint=endpoint or enrolled_endpoint(), **(values | fields)
    )


def page_of(alert: Alert) -> str:
    """Return the address of an alert's page."""
    return f"{LIST}{alert.pk}/change/"


class TestPermissions:
    def test_leads_whoever_is_not_logged_in_to_the_login(self) -> None:
        for path in (LIST, page_of(stored())):
            response = Client().get(path)
            assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/login/")

    def test_refuses_users_who_may_not_see_alerts(self) -> None:
        client, alert = browser(), stored()

        assert client.get(LIST).status_code == 403
        assert client.get(page_of(alert)).status_code == 403

    def test_lets_nobody_change_a_state_who_may_only_look(self) -> None:
        client, alert = browser(SEES), stored()

        response = client.post(f"{LIST}state/", {"ids": [alert.pk], "state": "RESOLVED"})

        alert.refresh_from_db()
        assert (response.status_code, alert.state) == (403, "UNRESOLVED")
        assert 'name="ids"' not in text_of(client.get(LIST))

    @pytest.mark.parametrize("path", ["add/", f"{uuid.UUID(int=1)}/delete/"])
    def test_has_no_page_to_add_or_delete(self, path: str) -> None:
        client = browser(SEES, CHANGES, is_superuser=True)

        assert client.get(LIST + path).status_code in {302, 403, 404}


class TestList:
    def test_shows_unresolved_alerts_first_and_counts_the_others(self) -> None:
        client, endpoint = browser(SEES), enrolled_endpoint()
        waiting = stored(endpoint)
        done = stored(endpoint, state=Alert.State.RESOLVED)

        page = text_of(client.get(LIST))

        assert str(waiting.pk) in page
        assert str(done.pk) not in page
        assert 'Resolved <span class="alerts-count">1</span>' in page

    def test_says_what_to_do_when_nothing_waits(self) -> None:
        page = text_of(browser(SEES, "intel.add_inteldocument").get(LIST))

        assert "No alert waits." in page
        assert "Deploy a Signal" in page

    def test_can_be_narrowed_to_one_endpoint(self) -> None:
        client = browser(SEES, "endpoints.view_endpoint")
        here, there = (stored(enrolled_endpoint(name)) for name in ("web-1", "web-2"))

        page = text_of(client.get(LIST, {"endpoint": str(here.endpoint_id)}))

        assert str(here.pk) in page
        assert str(there.pk) not in page
        assert '<span class="v-chip">on web-1</span>' in page

    def test_can_be_narrowed_to_one_signal(self) -> None:
        client, endpoint = browser(SEES, "intel.view_inteldocument"), enrolled_endpoint()
        draft = SignalDraft(name=HOSTILE[:27], definition="process.name is sh", platforms=["linux"])
        document = create_intel(draft, actor=ADMINISTRATOR, now=NOW)
        ours, other = stored(endpoint, intel=document), stored(endpoint)

        page = text_of(client.get(LIST, {"intel": str(document.pk)}))

        assert str(ours.pk) in page
        assert str(other.pk) not in page
        assert f'<option value="{document.pk}" selected>&lt;script&gt;' in page

    def test_sends_its_script_only_the_rows(self) -> None:
        alert = stored()

        page = text_of(browser(SEES).get(LIST, {"part": "rows"}))

        assert f'data-alert="{alert.pk}"' in page
        assert "<html" not in page

    def test_shows_hostile_text_as_text(self) -> None:
        endpoint = enrolled_endpoint()
        Endpoint.objects.filter(pk=endpoint.pk).update(host_name=HOSTILE[:64])
        stored(endpoint, process_path=HOSTILE, user_name=HOSTILE, intel_name=HOSTILE)

        page = text_of(browser(SEES).get(LIST))

        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;⟨LF⟩⟨ESC⟩[31m⟨202E⟩" in page

    @pytest.mark.parametrize("query", ["state=x&before=x", "endpoint=x", "q=%00", "technique=<b>"])
    def test_survives_any_address(self, query: str) -> None:
        assert browser(SEES).get(f"{LIST}?{query}").status_code == 200


class TestAlertPage:
    def test_shows_hostile_evidence_as_text(self) -> None:
        process = {
            "path": HOSTILE,
            "command_line": HOSTILE,
            "arguments": [HOSTILE],
            "ancestors": [{"path": HOSTILE, "command_line": HOSTILE}],
        }
        term = {"property": HOSTILE, "condition": "contains", "value": "alert", "found": HOSTILE}
        alert = stored(event={"kind": "process", "process": process}, matched=[term])

        page = text_of(browser(SEES).get(page_of(alert)))

        assert "<script>alert" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page

    def test_marks_what_was_found(self) -> None:
        term = {"property": "process.path", "condition": "ends with", "value": "sh"}
        alert = stored(matched=[term | {"found": "/bin/sh"}])

        page = text_of(browser(SEES).get(page_of(alert)))

        assert '/bin/<mark class="alerts-hit">sh</mark>' in page

    def test_offers_a_live_session_on_the_process(self) -> None:
        alert = stored()
        client = browser(SEES, "directconnect.open_session", "endpoints.view_endpoint")

        page = text_of(client.get(page_of(alert)))

        assert f'action="/live/open/{alert.endpoint_id}/"' in page
        assert "process.pid is 11 AND process.path is &#x27;/bin/sh&#x27;" in page

    def test_offers_nothing_that_the_user_may_not_do(self) -> None:
        page = text_of(browser(SEES).get(page_of(stored())))

        assert "/live/open/" not in page
        assert 'name="state"' not in page

    @pytest.mark.parametrize("object_id", ["x", str(uuid.UUID(int=1))])
    def test_answers_404_for_an_alert_that_is_not_there(self, object_id: str) -> None:
        assert browser(SEES).get(f"{LIST}{object_id}/change/").status_code == 404

    def test_makes_no_request_to_other_sites(self) -> None:
        page = text_of(browser(SEES).get(page_of(stored())))

        assert "attack.mitre.org" not in page


class TestChangeState:
    def test_changes_all_that_were_chosen_and_leads_back(self) -> None:
        client, endpoint = browser(SEES, CHANGES), enrolled_endpoint()
        alerts = [stored(endpoint) for _ in range(3)]
        sent = {"ids": [alert.pk for alert in alerts[:2]], "state": "DISMISSED", "query": "q=sh"}

        response = client.post(f"{LIST}state/", sent, follow=True)

        assert messages_of(response) == ["2 alerts: Dismissed."]
        assert response.redirect_chain == [(f"{LIST}?q=sh", 302)]
        assert Alert.objects.filter(state="DISMISSED").count() == 2
        assert AuditEvent.objects.filter(action="alert.change_state").count() == 1

    def test_leads_back_to_the_page_of_the_alert(self) -> None:
        client, alert = browser(SEES, CHANGES), stored()
        sent = {"ids": [alert.pk], "state": "IN_PROGRESS", "from": "alert"}

        response = client.post(f"{LIST}state/", sent)

        assert response["Location"] == page_of(alert)

    @pytest.mark.parametrize(
        "sent", [{}, {"ids": ["x"], "state": "RESOLVED"}, {"ids": [str(uuid.UUID(int=1))]}]
    )
    def test_says_what_is_missing(self, sent: dict[str, Any]) -> None:
        response = browser(SEES, CHANGES).post(f"{LIST}state/", sent, follow=True)

        assert messages_of(response) == ["Choose alerts, then the state that they are to have."]

    def test_leads_nowhere_but_back_to_the_list(self) -> None:
        client, alert = browser(SEES, CHANGES), stored()
        sent = {"ids": [alert.pk], "state": "RESOLVED", "query": "next=//evil.example&q=a%0d%0a"}

        response = client.post(f"{LIST}state/", sent)

        assert urlsplit(response["Location"]).netloc == ""
        assert "evil" not in response["Location"]
