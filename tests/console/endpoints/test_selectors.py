from __future__ import annotations

from uuid import uuid4

import pytest
import redis
from django.contrib.auth.models import AnonymousUser

from console.core.exceptions import NotFound
from console.endpoints.models import Endpoint
from console.endpoints.presence import queue_heard
from console.endpoints.selectors import (
    count_endpoints,
    endpoint_visible_to,
    endpoints_visible_to,
    standings_of,
)
from tests.console.api_client import make_user
from tests.console.computers import NOW, enrolled_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_online(valkey: redis.Redis) -> None:
    valkey.flushdb()


def _heard(valkey: redis.Redis, endpoint: Endpoint) -> None:
    with valkey.pipeline() as pipeline:
        queue_heard(pipeline, {endpoint.pk: NOW.timestamp()}, gateway="gateway-1")
        pipeline.execute()


class TestVisibility:
    def test_asks_for_the_permission(self) -> None:
        endpoint = enrolled_endpoint()
        analyst, stranger = make_user("ada", "endpoints.view_endpoint"), make_user("eve")

        assert list(endpoints_visible_to(analyst)) == [endpoint]
        assert list(endpoints_visible_to(stranger)) == []
        assert list(endpoints_visible_to(AnonymousUser())) == []

    def test_hides_that_an_endpoint_exists(self) -> None:
        endpoint = enrolled_endpoint()

        with pytest.raises(NotFound):
            endpoint_visible_to(make_user("eve"), endpoint.pk)
        with pytest.raises(NotFound):
            endpoint_visible_to(make_user("ada", "endpoints.view_endpoint"), uuid4())


class TestStandings:
    def test_come_in_the_order_that_was_asked_for(self, valkey: redis.Redis) -> None:
        first, second = enrolled_endpoint("a"), enrolled_endpoint("b")
        _heard(valkey, second)

        standings = standings_of([second, first], now=NOW)

        assert [(standing.endpoint, standing.is_online) for standing in standings] == [
            (second, True),
            (first, False),
        ]
        assert standings[0].gateway == "gateway-1"

    def test_of_a_revoked_endpoint_are_offline(self, valkey: redis.Redis) -> None:
        endpoint = enrolled_endpoint()
        _heard(valkey, endpoint)
        Endpoint.objects.update(revoked_at=NOW)
        endpoint.refresh_from_db()

        [standing] = standings_of([endpoint], now=NOW)
        assert not standing.is_online

    def test_are_counted_for_the_user_who_asks(self, valkey: redis.Redis) -> None:
        _heard(valkey, enrolled_endpoint("a"))
        enrolled_endpoint("b")
        analyst = make_user("ada", "endpoints.view_endpoint")

        counts = count_endpoints(analyst, now=NOW)

        assert (counts.enrolled, counts.online) == (2, 1)
        assert count_endpoints(make_user("eve"), now=NOW).enrolled == 0
