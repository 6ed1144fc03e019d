"""Mailboxes: filled and emptied many at once, and gone when nothing in them is good any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from console.core.redis import WAKE_CHANNEL, instructions_key
from console.gateway import mailboxes
from console.gateway.wakeups import SealedInstruction, decode_wake_up

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
LATER = SOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    """Begin with an empty Redis."""
    valkey.flushdb()


@pytest.fixture
def wake_ups(valkey: redis.Redis) -> Iterator[Any]:
    """Listen as a gateway does."""
    with valkey.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(WAKE_CHANNEL)
        channel.get_message(timeout=10)
        yield channel


def letter(
    endpoint_id: uuid.UUID, sequence: int = 1, *, size: int = 10, expires_at: datetime = SOON
) -> mailboxes.Letter:
    """Make an instruction of this size."""
    return SealedInstruction(endpoint_id, sequence, bytes(size)), expires_at


class TestPut:
    def test_fills_thousands_of_mailboxes_and_wakes_after_each_part(
        self, valkey: redis.Redis, wake_ups: Any
    ) -> None:
        ids = [uuid.uuid4() for _ in range(1001)]

        assert mailboxes.put(letter(endpoint_id) for endpoint_id in ids) == 1001

        assert all(valkey.hexists(instructions_key(endpoint_id), "1") for endpoint_id in ids)
        parts = [decode_wake_up(wake_ups.get_message(timeout=10)["data"]) for _ in range(3)]
        assert [len(part.carried) for part in parts] == [500, 500, 1]

    def test_never_gives_redis_much_more_than_a_mebibyte_at_once(self, wake_ups: Any) -> None:
        mailboxes.put(letter(uuid.uuid4(), size=600_000) for _ in range(4))

        parts = [decode_wake_up(wake_ups.get_message(timeout=10)["data"]) for _ in range(2)]
        assert [len(part.endpoint_ids) for part in parts] == [2, 2]

    def test_keeps_a_mailbox_as_long_as_its_longest_lived_instruction(
        self, valkey: redis.Redis
    ) -> None:
        endpoint_id = uuid.uuid4()

        mailboxes.put([letter(endpoint_id, 1, expires_at=LATER), letter(endpoint_id, 2)])
        mailboxes.put([letter(endpoint_id, 3)])

        assert valkey.expiretime(instructions_key(endpoint_id)) == int(LATER.timestamp())


class TestWithdraw:
    def test_takes_out_what_is_named_and_nothing_else(self, valkey: redis.Redis) -> None:
        first, second = uuid.uuid4(), uuid.uuid4()
        mailboxes.put([letter(first, 1), letter(first, 2), letter(second, 1)])

        mailboxes.withdraw([(first, 1), (second, 1), (uuid.uuid4(), 5)])

        assert valkey.hkeys(instructions_key(first)) == [b"2"]
        assert not valkey.exists(instructions_key(second))


class TestMissing:
    def test_names_what_is_not_there(self) -> None:
        present, absent = uuid.uuid4(), uuid.uuid4()
        mailboxes.put([letter(present)])

        assert list(mailboxes.missing([(present, 1), (present, 2), (absent, 1)])) == [
            (present, 2),
            (absent, 1),
        ]
