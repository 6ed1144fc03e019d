"""The cache: what somebody else wrote into Redis is never run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.test import Client

from console.core.cached_values import SealedValues


class Attack:
    """Makes a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    valkey.flushdb()


class TestSealedValues:
    @pytest.mark.parametrize("value", [0, -3, True, None, "text", b"12", [{"a": 1.5}]])
    def test_come_back_as_they_were(self, value: object) -> None:
        cache.set("name", value)

        assert cache.get("name", "nothing") == value
        assert type(cache.get("name")) is type(value)

    def test_count(self) -> None:
        cache.add("name", 0)

        assert cache.incr("name") == 1

    def test_are_not_run_when_somebody_else_wrote_them(
        self, valkey: redis.Redis, tmp_path: Path
    ) -> None:
        cache.set("name", "ours")
        (key,) = valkey.keys("*name")
        made = tmp_path / "made"
        evil = pickle.dumps(Attack(made))

        for content in (
            evil,
            b"\x00" * 32 + evil,
            bytes(SealedValues().dumps("ours"))[:32] + evil,
            b"",
        ):
            valkey.set(key, content)
            assert cache.get("name") is None

        assert not made.exists()


@pytest.mark.django_db
def test_strangers_cannot_fill_the_cache_with_the_schema(valkey: redis.Redis) -> None:
    for number in range(3):
        answer = Client().get(
            f"/api/v1/schema/?n={number}", headers={"Accept-Language": f"{number}"}
        )
        assert answer.status_code == 200
        assert b"openapi: 3" in answer.content

    assert valkey.dbsize() == 0
