"""The pages of endpoints: permissions, the token that is shown once, and the way to revoke."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from console.audit.models import AuditEvent
from console.certificates.models import EnrolmentToken
from console.endpoints.models import Endpoint
from console.endpoints.presence import queue_heard
from console.endpoints.services import revoke_endpoint
from tests.console.computers import (
    ADMINISTRATOR,
    enrolled_endpoint,
    enrolment_token,
    prepare_console,
)
from tests.console.pages import browser, messages_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/endpoints/endpoint/"
SEES, REVOKES = "endpoints.view_endpoint", "endpoints.revoke_endpoint"
ADDS, OPENS = "certificates.add_enrolmenttoken", "directconnect.open_session"
HOSTILE = "<script>alert('x')</script>"
FILLED = {"name": "Branch office", "uses": "3", "lifetime": "24"}


@pytest.fixture(autouse=True)
def nobody_online(valkey: redis.Redis) -> None:
    valkey.flushdb()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


def page_of(endpoint: Endpoint) -> str:
    """Return the address of an endpoint's page."""
    return f"{LIST}{endpoint.pk}/change/"


@dataclass(frozen=True)
class Button:
    """A button that a page shows."""

    is_disabled: bool


def _live_button(page: str) -> Button:
    (found,) = re.findall(r"<button([^>]*)>(?:(?!</button>).)*Open live session", page, re.DOTALL)
    return Button("disabled" in found)


def _come_online(valkey: redis.Redis, endpoint: Endpoint) -> None:
    with valkey.pipeline() as pipeline:
        queue_heard(pipeline, {endpoint.pk: timezone.now().timestamp()}, gateway="gateway-1")
        pipeline.execute()


class TestPermissions:
    @pytest.mark.parametrize("path", ["", "add/", f"{uuid.uuid4()}/change/", "add/installer/"])
    def test_leads_whoever_is_not_logged_in_to_the_login(self, path: str) -> None:
        response = Client().get(LIST + path)

        assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/login/")

    def test_refuses_users_who_may_not_see_endpoints(self) -> None:
        client, endpoint = browser(), enrolled_endpoint()

        assert client.get(LIST).status_code == 403
        assert client.get(page_of(endpoint)).status_code == 404

    def test_refuses_what_the_user_may_not_do(self) -> None:
        client, endpoint = browser(SEES), enrolled_endpoint()

        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(f"{LIST}add/", FILLED).status_code == 403
        assert client.post(f"{LIST}add/installer/", {"token": "x"}).status_code == 403
        assert client.get(f"{LIST}{endpoint.pk}/revoke/").status_code == 403

    def test_shows_only_what_the_user_may_do(self) -> None:
        page = text_of(browser(SEES).get(page_of(enrolled_endpoint())))

        assert "Revoke …" not in page
        assert "Open live session" not in page

    @pytest.mark.parametrize("object_id", ["x", str(uuid.uuid4())])
    def test_answers_404_for_an_endpoint_that_is_not_there(self, object_id: str) -> None:
        assert browser(SEES).get(f"{LIST}{object_id}/change/").status_code == 404


class TestShowing:
    def test_shows_what_an_endpoint_calls_itself_as_text(self) -> None:
        endpoint = enrolled_endpoint()
        Endpoint.objects.filter(pk=endpoint.pk).update(
            host_name=HOSTILE,
            os_name=HOSTILE,
            kernel=HOSTILE,
            addresses=[HOSTILE],
            agent_version=HOSTILE[:32],
        )
        client = browser(SEES, REVOKES)

        for path in (LIST, page_of(endpoint), f"{LIST}{endpoint.pk}/revoke/"):
            page = text_of(client.get(path))
            assert HOSTILE not in page
            assert "&lt;script&gt;" in page

    def test_names_the_endpoint_in_the_heading_as_it_calls_itself(self) -> None:
        page = text_of(browser(SEES).get(page_of(enrolled_endpoint())))

        heading = page[page.index("<h1") : page.index("</h1>")]
        assert "web-1" in heading

    def test_shows_who_is_online(self, valkey: redis.Redis) -> None:
        client, endpoint = browser(SEES), enrolled_endpoint()
        assert "Offline" in text_of(client.get(LIST))
        _come_online(valkey, endpoint)

        assert "Online" in text_of(client.get(LIST))

    def test_refreshes_only_the_part_that_changes(self) -> None:
        endpoint = enrolled_endpoint()

        part = text_of(browser(SEES).get(f"{LIST}{endpoint.pk}/status/"))

        assert "<html" not in part
        assert "This computer" in part

    def test_offers_a_live_session_as_soon_as_the_endpoint_is_online(
        self, valkey: redis.Redis
    ) -> None:
        endpoint = enrolled_endpoint()
        client, refresh = browser(SEES, OPENS), f"{LIST}{endpoint.pk}/status/"

        assert _live_button(text_of(client.get(page_of(endpoint)))).is_disabled
        assert _live_button(text_of(client.get(refresh))).is_disabled
        _come_online(valkey, endpoint)

        # What is kept over refreshes has another name in another state, and so gives way.
        assert not _live_button(text_of(client.get(refresh))).is_disabled
        assert 'id="operations-online" hx-preserve' in text_of(client.get(refresh))

    def test_offers_nothing_more_once_the_endpoint_was_revoked(self) -> None:
        endpoint = enrolled_endpoint()
        client = browser(SEES, OPENS, REVOKES)
        revoke_endpoint(endpoint, reason="stolen", actor=ADMINISTRATOR, now=timezone.now())

        part = text_of(client.get(f"{LIST}{endpoint.pk}/status/"))

        assert "This endpoint was revoked" in part
        assert "Open live session" not in part
        assert "Revoke …" not in part

    def test_separates_the_thousands_of_counters(self) -> None:
        endpoint = enrolled_endpoint()
        counters = {"process": {"seen": 1234567, "recorded": 1000000, "lost": 2345}}
        report = {"counters": counters, "signals": 1024, "outbox_dropped": 9876}
        Endpoint.objects.filter(pk=endpoint.pk).update(status=report, intel_revision=3)

        page = text_of(browser(SEES).get(page_of(endpoint)))

        for number in ("1,234,567", "1,000,000", "2,345", "1,024 Signals", "9,876 dropped"):
            assert number in page
        assert "1234567" not in page


class TestAddEndpoint:
    def test_shows_the_token_once(self) -> None:
        prepare_console()
        client = browser(SEES, ADDS)

        page = text_of(client.post(f"{LIST}add/", FILLED))

        row = EnrolmentToken.objects.get()
        plain = page.split('id="plain">')[1].split("<")[0]
        assert (row.name, row.uses_allowed) == ("Branch office", 3)
        assert plain in page.split('id="command">')[1].split("</code>")[0]
        assert plain not in text_of(client.get(f"{LIST}add/"))
        assert plain not in text_of(client.get(LIST))

    @pytest.mark.parametrize(
        "changes", [{"name": ""}, {"uses": "0"}, {"uses": "x"}, {"lifetime": "9999"}]
    )
    def test_says_what_is_wrong_with_a_field(self, changes: dict[str, Any]) -> None:
        page = text_of(browser(SEES, ADDS).post(f"{LIST}add/", FILLED | changes))

        assert 'class="v-error" role="alert"' in page
        assert not EnrolmentToken.objects.exists()

    def test_sends_the_installer_as_a_file_that_nobody_keeps(self) -> None:
        prepare_console()
        client = browser(SEES, ADDS)

        response = client.post(f"{LIST}add/installer/", {"token": enrolment_token()})

        assert response["Content-Disposition"].startswith("attachment;")
        assert "no-store" in response["Cache-Control"]
        event = AuditEvent.objects.get(action="enrolment_token.hand_out_installer")
        assert (event.actor_name, event.source_address) == ("ada", "127.0.0.1")

    def test_sends_no_installer_for_a_token_that_is_none(self) -> None:
        prepare_console()
        client = browser(SEES, ADDS)

        response = client.post(f"{LIST}add/installer/", {"token": "x" * 43}, follow=True)

        assert messages_of(response) == ["This enrolment token is not known here."]
        assert not AuditEvent.objects.filter(action__endswith="hand_out_installer").exists()

    @pytest.mark.parametrize("host", ["[2001:db8::1]:8443", "[2001:db8::1]"])
    def test_names_a_console_that_is_reached_by_its_ipv6_address(
        self, host: str, settings: Settings
    ) -> None:
        settings.VEDETTE_NAMES = ["console.example", "2001:db8::1"]
        settings.ALLOWED_HOSTS = ["[2001:db8::1]"]
        prepare_console()

        page = text_of(browser(SEES, ADDS).post(f"{LIST}add/", FILLED, headers={"Host": host}))

        assert "https://[2001:db8::1]:17443/install" in page


class TestRevoking:
    def test_asks_for_the_name_before_it_cuts_off(self) -> None:
        client, endpoint = browser(SEES, REVOKES), enrolled_endpoint()
        sent = {"reason": "stolen", "confirmation": "web-2"}

        page = text_of(client.post(f"{LIST}{endpoint.pk}/revoke/", sent))

        endpoint.refresh_from_db()
        assert endpoint.revoked_at is None
        assert 'class="v-error" role="alert"' in page

    def test_asks_for_a_reason(self) -> None:
        client, endpoint = browser(SEES, REVOKES), enrolled_endpoint()

        client.post(f"{LIST}{endpoint.pk}/revoke/", {"reason": "", "confirmation": "web-1"})

        endpoint.refresh_from_db()
        assert endpoint.revoked_at is None

    def test_cuts_off_and_says_so(self) -> None:
        client, endpoint = browser(SEES, REVOKES), enrolled_endpoint()
        sent = {"reason": "stolen", "confirmation": "web-1"}

        response = client.post(f"{LIST}{endpoint.pk}/revoke/", sent, follow=True)

        endpoint.refresh_from_db()
        assert endpoint.revoked_at is not None
        assert "web-1 was revoked" in messages_of(response)[0]
        assert "This endpoint was revoked" in text_of(response)
