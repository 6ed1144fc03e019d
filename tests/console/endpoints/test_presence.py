from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import redis

from console.endpoints import presence
from console.endpoints.presence import SILENCE_LIMIT, queue_gone, queue_heard

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def empty(valkey: redis.Redis) -> None:
    valkey.flushdb()


def _heard(valkey: redis.Redis, *endpoints: UUID, at: float = NOW) -> None:
    with valkey.pipeline() as pipeline:
        queue_heard(pipeline, dict.fromkeys(endpoints, at), gateway="gateway-1")
        pipeline.execute()


class TestPresence:
    def test_knows_when_and_by_which_gateway_an_endpoint_was_heard(
        self, valkey: redis.Redis
    ) -> None:
        here, away = uuid4(), uuid4()
        _heard(valkey, here)

        found = presence.presence_of(valkey, [here, away], now=NOW + 1)

        assert found == {here: presence.Presence(NOW, "gateway-1")}
        assert presence.online_ids(valkey, [away, here], now=NOW + 1) == {here}

    def test_ends_with_silence_whatever_became_of_the_gateway(self, valkey: redis.Redis) -> None:
        endpoint = uuid4()
        _heard(valkey, endpoint)

        assert presence.online_ids(valkey, [endpoint], now=NOW + SILENCE_LIMIT) == {endpoint}
        later = NOW + SILENCE_LIMIT + 0.1
        assert presence.online_ids(valkey, [endpoint], now=later) == set()
        assert presence.all_online_ids(valkey, now=later) == set()

    def test_ends_when_the_clock_is_set_back_and_nobody_says_it_again(
        self, valkey: redis.Redis
    ) -> None:
        endpoint = uuid4()
        _heard(valkey, endpoint)

        hour_before = NOW - 3600
        assert presence.online_ids(valkey, [endpoint], now=hour_before) == set()
        assert presence.all_online_ids(valkey, now=hour_before) == set()
        # Two computers of a console differ by seconds.
        assert presence.online_ids(valkey, [endpoint], now=NOW - 2) == {endpoint}
        assert presence.all_online_ids(valkey, now=NOW - 2) == {endpoint}

    def test_ends_at_once_when_the_gateway_says_so(self, valkey: redis.Redis) -> None:
        endpoint, other = uuid4(), uuid4()
        _heard(valkey, endpoint, other)

        with valkey.pipeline() as pipeline:
            queue_gone(pipeline, [endpoint])
            pipeline.execute()

        assert presence.all_online_ids(valkey, now=NOW) == {other}

    def test_of_nobody_asks_nothing(self, valkey: redis.Redis) -> None:
        with valkey.pipeline() as pipeline:
            queue_heard(pipeline, {}, gateway="gateway-1")
            queue_gone(pipeline, [])
            assert pipeline.execute() == []
        assert presence.presence_of(valkey, [], now=NOW) == {}
