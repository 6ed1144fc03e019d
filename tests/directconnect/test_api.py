"""The REST resource of live sessions."""

from __future__ import annotations

import uuid

import pytest
import redis
from django.utils import timezone

from console.audit.models import AuditEvent
from console.endpoints.models import Endpoint
from directconnect.models import Session
from tests.console.computers import enrolled_endpoint
from tests.directconnect.online import hear
from tests.directconnect.people import ADDRESS, api_of, user_with

pytestmark = pytest.mark.django_db

URL = "/api/v1/sessions/"
ANALYST = ("directconnect.open_session", "endpoints.view_endpoint")


@pytest.fixture
def endpoint(valkey: redis.Redis) -> Endpoint:
    """Enrol an endpoint and let a gateway hear it."""
    valkey.flushdb()
    endpoint = enrolled_endpoint()
    hear(valkey, endpoint, at=timezone.now().timestamp())
    return endpoint


class TestOpen:
    def test_answers_with_a_pending_session(self, endpoint: Endpoint) -> None:
        response = api_of(user_with(*ANALYST)).post(URL, {"endpoint": str(endpoint.pk)})

        assert response.status_code == 201
        assert response.json()["state"] == "PENDING"
        assert response.json()["endpoint_name"] == "web-1"
        assert "ticket" not in response.content.decode()
        assert AuditEvent.objects.get(action="session.open").source_address == ADDRESS

    def test_says_that_an_endpoint_is_offline(
        self, endpoint: Endpoint, valkey: redis.Redis
    ) -> None:
        valkey.flushdb()

        response = api_of(user_with(*ANALYST)).post(URL, {"endpoint": str(endpoint.pk)})

        assert response.status_code == 503
        assert response.json()["detail"] == "web-1 is offline."

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"endpoint": "../../etc"}, 400),
            ({"endpoint": str(uuid.UUID(int=1))}, 404),
        ],
    )
    @pytest.mark.usefixtures("valkey")
    def test_refuses_endpoints_that_are_none(self, body: dict[str, str], status: int) -> None:
        assert api_of(user_with(*ANALYST)).post(URL, body).status_code == status

    def test_shows_no_endpoint_to_those_who_may_not_see_it(self, endpoint: Endpoint) -> None:
        api = api_of(user_with("directconnect.open_session"))

        assert api.post(URL, {"endpoint": str(endpoint.pk)}).status_code == 404


class TestPermissions:
    def test_a_session_is_for_its_own_user(self, endpoint: Endpoint) -> None:
        owner = api_of(user_with(*ANALYST))
        path = f"{URL}{owner.post(URL, {'endpoint': str(endpoint.pk)}).json()['id']}/"
        stranger = api_of(user_with(*ANALYST))
        auditor = api_of(user_with(*ANALYST, "directconnect.view_session"))

        assert owner.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
        assert stranger.post(f"{path}close/").status_code == 404
        assert stranger.get(URL).json()["results"] == []
        assert auditor.get(path).status_code == 200
        assert auditor.post(f"{path}close/").status_code == 403
        assert auditor.get(f"{path}events/").status_code == 403

    @pytest.mark.usefixtures("valkey")
    def test_nobody_is_let_in_without_a_login_or_without_permission(self) -> None:
        assert api_of(None).get(URL).status_code == 401
        assert api_of(user_with("alerts.view_alert")).get(URL).status_code == 403
        assert api_of(user_with("alerts.view_alert")).post(URL, {}).status_code == 403


class TestClose:
    def test_ends_the_session(self, endpoint: Endpoint) -> None:
        api = api_of(user_with(*ANALYST))
        path = f"{URL}{api.post(URL, {'endpoint': str(endpoint.pk)}).json()['id']}/"

        assert api.post(f"{path}close/").json()["state"] == "CLOSED"
        assert AuditEvent.objects.get(action="session.close").source_address == ADDRESS

    # Channels would end a connection that is in a transaction when the search asks the database.
    @pytest.mark.django_db(transaction=True)
    def test_leaves_nothing_to_search(self, endpoint: Endpoint) -> None:
        api = api_of(user_with(*ANALYST))
        path = f"{URL}{api.post(URL, {'endpoint': str(endpoint.pk)}).json()['id']}/"
        api.post(f"{path}close/")

        response = api.get(f"{path}events/")

        assert response.status_code == 409
        assert "closed by the user" in response.json()["detail"]

    @pytest.mark.parametrize("query", [{"limit": "501"}, {"offset": "-1"}, {"limit": "x"}])
    def test_refuses_windows_that_cannot_be(
        self, endpoint: Endpoint, query: dict[str, str]
    ) -> None:
        api = api_of(user_with(*ANALYST))
        path = f"{URL}{api.post(URL, {'endpoint': str(endpoint.pk)}).json()['id']}/"

        assert api.get(f"{path}events/", query).status_code == 400
        assert Session.objects.get().state == "PENDING"
