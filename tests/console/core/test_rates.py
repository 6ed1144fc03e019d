from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from console.core.rates import Rate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RATE = Rate("tests", allowed=3, seconds=60)


@pytest.fixture(autouse=True)
def empty(valkey: redis.Redis) -> None:
    valkey.flushdb()


class TestRates:
    def test_count_each_subject_alone(self) -> None:
        assert [RATE.count("a", now=NOW) for _ in range(3)] == [1, 2, 3]
        assert RATE.count("b", now=NOW) == 1
        assert RATE.counted("a", now=NOW) == 3

    def test_begin_again_with_every_window(self) -> None:
        RATE.count("a", now=NOW)

        assert RATE.counted("a", now=NOW + timedelta(seconds=59)) == 1
        assert RATE.counted("a", now=NOW + timedelta(seconds=60)) == 0

    def test_tell_how_long_a_window_lasts(self) -> None:
        assert RATE.retry_after(now=NOW) == 60
        assert RATE.retry_after(now=NOW + timedelta(seconds=59.9)) == 1

    def test_leave_nothing_behind(self, valkey: redis.Redis) -> None:
        RATE.count("a" * 100_000, now=NOW)

        (key,) = valkey.keys("*")
        assert len(key) < 200
        assert 0 < valkey.ttl(key) <= 60
