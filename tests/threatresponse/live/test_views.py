"""The pages of live sessions: whose they are, what they carry, and how refusals are told."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import redis
from django.test import Client
from django.utils import timezone

from console.access.models import User
from console.endpoints.models import Endpoint
from console.endpoints.presence import queue_heard
from directconnect.models import Session
from tests.console.computers import enrolled_endpoint
from tests.console.pages import browser, messages_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<script>alert('x')</script>"
MAY = ("directconnect.open_session", "endpoints.view_endpoint")


@pytest.fixture(autouse=True)
def nobody_online(valkey: redis.Redis) -> None:
    valkey.flushdb()


def come_online(valkey: redis.Redis, endpoint: Endpoint) -> None:
    with valkey.pipeline() as pipeline:
        queue_heard(pipeline, {endpoint.pk: timezone.now().timestamp()}, gateway="gateway-1")
        pipeline.execute()


def session_of(name: str, endpoint: Endpoint, **fields: Any) -> Session:
    """Store a session of the user of this name."""
    values = {"requested_at": timezone.now(), "ticket_digest": "0" * 64, **fields}
    user = User.objects.get(username=name)
    return Session.objects.create(endpoint=endpoint, opened_by=user, **values)


def carried(page: str) -> Any:
    """Return what the page carries for its script."""
    match = re.search(r'<script id="live-session" type="application/json">(.*?)</script>', page)
    assert match is not None
    return json.loads(match[1])


class TestPermissions:
    @pytest.mark.parametrize("path", ["/live/", "/live/00000000-0000-4000-8000-000000000000/"])
    def test_leads_whoever_is_not_logged_in_to_the_login(self, path: str) -> None:
        response = Client().get(path)

        assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/login/")

    @pytest.mark.parametrize("path", ["/live/", "/live/00000000-0000-4000-8000-000000000000/"])
    def test_refuses_users_who_may_not_open_sessions(self, path: str) -> None:
        assert browser("endpoints.view_endpoint").get(path).status_code == 403

    def test_refuses_their_posts_too(self) -> None:
        endpoint = enrolled_endpoint()
        client = browser("endpoints.view_endpoint")
        session = session_of("ada", endpoint)

        assert client.post(f"/live/open/{endpoint.pk}/").status_code == 403
        assert client.post(f"/live/{session.pk}/close/").status_code == 403

    def test_hides_the_sessions_of_other_users(self) -> None:
        browser(*MAY, name="bob")
        session = session_of("bob", enrolled_endpoint())
        client = browser(*MAY)

        assert client.get(f"/live/{session.pk}/").status_code == 404
        assert client.post(f"/live/{session.pk}/close/").status_code == 404
        assert str(session.pk) not in text_of(client.get("/live/"))

    def test_opens_and_closes_by_post_only(self) -> None:
        endpoint = enrolled_endpoint()
        client = browser(*MAY)

        assert client.get(f"/live/open/{endpoint.pk}/").status_code == 405
        assert client.get(f"/live/{uuid4()}/close/").status_code == 405


class TestListSessions:
    def test_says_what_to_do_when_there_is_none(self) -> None:
        assert "You have no live session yet." in text_of(browser(*MAY).get("/live/"))

    def test_shows_those_that_are_alive_first(self) -> None:
        client, endpoint, now = browser(*MAY), enrolled_endpoint(), timezone.now()
        over = session_of("ada", endpoint, state="FAILED", closed_at=now, close_reason="no answer")
        alive = session_of("ada", endpoint, requested_at=now - timedelta(hours=1))

        page = text_of(client.get("/live/"))

        assert page.index(str(alive.pk)) < page.index(str(over.pk))
        assert "no answer" in page

    def test_shows_names_of_endpoints_as_text(self) -> None:
        client, endpoint = browser(*MAY), enrolled_endpoint()
        Endpoint.objects.filter(pk=endpoint.pk).update(host_name=HOSTILE)
        session_of("ada", endpoint)

        page = text_of(client.get("/live/?part=rows"))

        assert HOSTILE not in page
        assert "&lt;script&gt;" in page


class TestShowSession:
    def test_carries_what_its_script_needs(self) -> None:
        client = browser(*MAY)
        session = session_of("ada", enrolled_endpoint())

        live = carried(text_of(client.get(f"/live/{session.pk}/?search=process.pid+is+7")))

        assert live["socket"] == f"/ws/sessions/{session.pk}/"
        assert (live["state"], live["search"]) == ("PENDING", "process.pid is 7")
        names = {row["name"]: row["conditions"] for row in live["properties"]}
        assert names["process.pid"] == ["is", "is not", "is null", "is not null"]
        assert "registry.key_path" not in names

    def test_keeps_hostile_text_out_of_the_markup(self) -> None:
        client, endpoint = browser(*MAY), enrolled_endpoint()
        Endpoint.objects.filter(pk=endpoint.pk).update(host_name=HOSTILE)
        session = session_of("ada", endpoint)

        page = text_of(client.get(f"/live/{session.pk}/", {"search": f"</script>{HOSTILE}"}))

        assert HOSTILE not in page
        assert carried(page)["search"] == f"</script>{HOSTILE}"

    def test_has_no_script_in_the_page_itself(self) -> None:
        client = browser(*MAY)
        session = session_of("ada", enrolled_endpoint())

        page = text_of(client.get(f"/live/{session.pk}/"))

        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))", page)
        assert scripts == []


class TestOpenLiveSession:
    def test_leads_to_the_session_with_its_search(self, valkey: redis.Redis) -> None:
        client, endpoint = browser(*MAY), enrolled_endpoint()
        come_online(valkey, endpoint)

        response = client.post(f"/live/open/{endpoint.pk}/", {"search": "process.path is '/b c'"})

        session = Session.objects.get()
        address = urlsplit(response["Location"])
        assert address.path == f"/live/{session.pk}/"
        assert parse_qs(address.query) == {"search": ["process.path is '/b c'"]}

    def test_tells_why_an_endpoint_cannot_be_reached(self) -> None:
        client, endpoint = browser(*MAY), enrolled_endpoint()

        response = client.post(f"/live/open/{endpoint.pk}/", follow=True)

        assert messages_of(response) == ["web-1 is offline."]
        assert not Session.objects.exists()

    def test_hides_endpoints_that_the_user_may_not_see(self) -> None:
        client = browser("directconnect.open_session")

        assert client.post(f"/live/open/{enrolled_endpoint().pk}/").status_code == 404

    def test_stands_on_the_endpoints_page(self, valkey: redis.Redis) -> None:
        client, endpoint = browser(*MAY), enrolled_endpoint()
        come_online(valkey, endpoint)

        page = text_of(client.get(f"/endpoints/endpoint/{endpoint.pk}/change/"))

        assert f'action="/live/open/{endpoint.pk}/"' in page
        assert "Open live session" in page


class TestCloseLiveSession:
    def test_ends_the_session_and_says_so(self) -> None:
        client = browser(*MAY)
        session = session_of("ada", enrolled_endpoint())

        response = client.post(f"/live/{session.pk}/close/", follow=True)

        session.refresh_from_db()
        assert session.state == Session.State.CLOSED
        assert messages_of(response) == ["The session with web-1 is closed."]
