"""A broadcast reaches those who wait for it, once a connection, and nobody else."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.core.redis import UPWARD_STREAM
from console.gateway.batches import decode_batch
from console.gateway.broadcasts import (
    Broadcast,
    leave_broadcasts,
    open_broadcast,
    receivers_of,
    withdraw_broadcasts,
)
from protocol.codec import UPWARD
from protocol.instructions import AskQuestion
from protocol.messages import Message, QuestionAnswered
from protocol.questions import FAILED, Selection, SensorCall
from protocol.signing import FLEET, seal
from tests.console.gateway.conftest import GatewayUnderTest, eventually

StartGateway = Callable[..., Awaitable[GatewayUnderTest]]

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def make_broadcast(sequence: int = 1) -> Broadcast:
    """Seal a question for the fleet."""
    now = datetime.now(UTC)
    question_id = uuid.uuid4()
    call = SensorCall(key="computer.name", name="Computer Name", columns=1)
    expires_at = now + timedelta(minutes=10)
    envelope = seal(
        AskQuestion(question_id=question_id, selections=[Selection(call=call)]),
        private_key=KEY,
        audience=FLEET,
        sequence=sequence,
        issued_at=int(now.timestamp() * 1e6),
        expires_at=int(expires_at.timestamp() * 1e6),
    )
    return Broadcast(question_id, envelope, expires_at)


def upward(valkey: redis.Redis, kind: type[Message]) -> list[tuple[UUID, Message]]:
    """Return the messages of one kind that the gateway has handed on."""
    entries: list[Any] = list(valkey.xrange(UPWARD_STREAM) or ())
    batches = [decode_batch(fields[b"batch"]) for _, fields in entries]
    items = [item for batch in batches for item in batch.items]
    messages = [(item.endpoint_id, UPWARD.decode(item.encoded)) for item in items]
    return [(endpoint_id, each) for endpoint_id, each in messages if isinstance(each, kind)]


class TestBroadcasting:
    async def test_reaches_everybody_who_waits_and_nobody_else(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        ids = [uuid.uuid4() for _ in range(5)]
        endpoints = [
            await under_test.connected(endpoint_id, number=number)
            for number, endpoint_id in enumerate(ids)
        ]

        open_broadcast(broadcast := make_broadcast(), ids[:3])

        await eventually(lambda: len(upward(valkey, QuestionAnswered)) == 3)
        assert [len(each.seen.questions) for each in endpoints] == [1, 1, 1, 0, 0]
        assert {endpoint_id for endpoint_id, _ in upward(valkey, QuestionAnswered)} == set(ids[:3])
        await eventually(lambda: receivers_of(broadcast.id) == set(ids[:3]))

    async def test_reaches_who_comes_later_and_who_is_asked_later(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        first, late, joiner = (uuid.uuid4() for _ in range(3))
        here = await under_test.connected(first)
        joined = await under_test.connected(joiner)
        broadcast = make_broadcast()
        open_broadcast(broadcast, [first, late])
        await eventually(lambda: here.seen.questions)

        arrived = await under_test.connected(late)
        open_broadcast(broadcast, [joiner])

        await eventually(lambda: arrived.seen.questions and joined.seen.questions)
        assert len(here.seen.questions) == 1

    async def test_comes_again_over_a_new_connection_until_it_is_answered(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        broadcast = make_broadcast()
        open_broadcast(broadcast, [endpoint_id])
        endpoint = await under_test.connected(endpoint_id)
        await eventually(lambda: endpoint.seen.questions)
        endpoint.abort()

        again = await under_test.connected(endpoint_id)
        await eventually(lambda: again.seen.questions)
        leave_broadcasts({broadcast.id: [endpoint_id]})
        again.abort()
        open_broadcast(second := make_broadcast(2), [endpoint_id])
        at_last = await under_test.connected(endpoint_id)

        await eventually(lambda: at_last.seen.questions)
        assert [each.question_id for each in at_last.seen.questions] == [second.id]

    async def test_that_was_withdrawn_reaches_nobody(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        open_broadcast(cancelled := make_broadcast(), [endpoint_id])
        witness = await under_test.connected()
        withdraw_broadcasts([cancelled.id])
        open_broadcast(kept := make_broadcast(2), [endpoint_id])

        endpoint = await under_test.connected(endpoint_id)

        await eventually(lambda: endpoint.seen.questions)
        assert [each.question_id for each in endpoint.seen.questions] == [kept.id]
        assert not witness.seen.questions

    async def test_that_has_expired_reaches_nobody(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        past = datetime.now(UTC) - timedelta(seconds=1)
        open_broadcast(dataclasses.replace(make_broadcast(), expires_at=past), [endpoint_id])
        open_broadcast(kept := make_broadcast(2), [endpoint_id])

        endpoint = await under_test.connected(endpoint_id)

        await eventually(lambda: endpoint.seen.questions)
        assert [each.question_id for each in endpoint.seen.questions] == [kept.id]

    async def test_is_found_by_a_gateway_that_started_later(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        await start_gateway()
        endpoint_id = uuid.uuid4()
        open_broadcast(make_broadcast(), [endpoint_id])

        under_test = await start_gateway()
        endpoint = await under_test.connected(endpoint_id)

        await eventually(lambda: endpoint.seen.questions)

    async def test_is_answered_in_the_stead_of_an_agent_that_is_too_old(
        self, start_gateway: StartGateway, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        broadcast = make_broadcast()
        open_broadcast(broadcast, [endpoint_id])
        endpoint = under_test.endpoint(endpoint_id)
        endpoint.capabilities = ["intel.apply"]
        await endpoint.connect()

        await eventually(lambda: upward(valkey, QuestionAnswered))

        [(answered_by, answer)] = upward(valkey, QuestionAnswered)
        assert isinstance(answer, QuestionAnswered)
        assert (answered_by, answer.question_id) == (endpoint_id, broadcast.id)
        assert answer.outcome == FAILED
        assert "too old" in answer.failures[0].reason
        assert not endpoint.seen.questions

    @pytest.mark.parametrize("damaged", [b"", b"short"])
    async def test_survives_an_announcement_that_nobody_wrote(
        self, start_gateway: StartGateway, valkey: redis.Redis, damaged: bytes
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        endpoint = await under_test.connected(endpoint_id)
        valkey.publish("vedette:broadcast", damaged)
        valkey.publish("vedette:broadcast-withdrawn", damaged)

        open_broadcast(make_broadcast(), [endpoint_id])

        await eventually(lambda: endpoint.seen.questions)
