"""While Redis is away everybody hears that, and when to come again; nobody hears of a fault."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.test import Client

from console.core.redis_away import RETRY_AFTER
from console.endpoints.public_asgi import public_application
from tests.console.api_client import PASSWORD, api_client, make_administrator, make_user
from tests.console.asgi_client import ask
from tests.console.computers import enrolled_endpoint, prepare_console
from tests.console.pages import browser

pytestmark = pytest.mark.django_db

NOBODY = "unix:///nonexistent/valkey.sock?db=0"


@pytest.fixture(autouse=True)
def console(valkey: redis.Redis) -> None:
    valkey.flushdb()
    prepare_console()


@pytest.fixture
def lose_redis(settings: LazySettings) -> Any:
    """Return what takes Redis away from the programs of this test."""

    def lose() -> None:
        settings.REDIS_URL = NOBODY
        caches = copy.deepcopy(settings.CACHES)
        caches["default"]["LOCATION"] = NOBODY
        settings.CACHES = caches

    return lose


def assert_comes_again(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer["Retry-After"] == str(RETRY_AFTER)


class TestRedisAway:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("get", "/api/v1/endpoints/"), ("post", "/api/v1/sessions/")],
    )
    def test_is_a_problem_of_the_api_with_a_time_to_try_again(
        self, lose_redis: Any, method: str, path: str
    ) -> None:
        endpoint = enrolled_endpoint()
        client = api_client(make_administrator())
        lose_redis()

        answer = getattr(client, method)(path, {"endpoint": str(endpoint.pk)})

        assert_comes_again(answer)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:vedette:problem:unavailable"

    def test_is_a_problem_where_the_key_of_a_request_is_claimed(self, lose_redis: Any) -> None:
        client = api_client(make_administrator())
        lose_redis()

        answer = client.post(
            "/api/v1/enrolment-tokens/", {"name": "office"}, headers={"Idempotency-Key": "k"}
        )

        assert_comes_again(answer)

    def test_is_no_fault_of_a_login(self, lose_redis: Any) -> None:
        make_user("ada", is_staff=True)
        lose_redis()
        wish = {"username": "ada", "password": PASSWORD}

        by_page = Client().post("/login/", wish)
        by_api = Client().post("/api/v1/auth/token/", wish, content_type="application/json")

        assert_comes_again(by_page)
        assert "waits for Redis" in by_page.content.decode()
        assert_comes_again(by_api)

    def test_is_a_page_of_its_own(self, lose_redis: Any) -> None:
        client = browser(name="root", is_superuser=True)
        enrolled_endpoint()
        lose_redis()

        answer = client.get("/endpoints/endpoint/")

        assert_comes_again(answer)
        assert "waits for Redis" in answer.content.decode()

    def test_is_no_fault_of_an_endpoint_that_joins(self, lose_redis: Any) -> None:
        lose_redis()

        refused = ask(
            public_application, "POST", "/enrol", body=b"{}", headers={"Authorization": "Bearer x"}
        )

        assert refused.status == 503
