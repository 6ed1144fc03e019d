"""The gateway as endpoints see it: who is let in, what is taken, what is answered."""

from __future__ import annotations

import uuid
from typing import Any

import redis

from console.core.redis import UPWARD_STREAM, committed_stream
from console.endpoints.presence import online_ids
from console.gateway.batches import Batch, decode_batch
from protocol.codec import UPWARD
from protocol.messages import AlertRaised, Hello
from tests.console.gateway.conftest import eventually
from tests.simulator import make_alert


def batches(valkey: redis.Redis) -> list[tuple[bytes, Batch]]:
    """Read everything that gateways handed over."""
    entries: Any = valkey.xrange(UPWARD_STREAM)
    return [(key, decode_batch(fields[b"batch"])) for key, fields in entries]


def messages(valkey: redis.Redis, kind: type[Any]) -> list[tuple[uuid.UUID, Any]]:
    """List the messages of one kind with the endpoints that the gateway says they are from."""
    found = [
        (item.endpoint_id, UPWARD.decode(item.encoded))
        for _, batch in batches(valkey)
        for item in batch.items
    ]
    return [(endpoint_id, message) for endpoint_id, message in found if isinstance(message, kind)]


class TestGateway:
    async def test_welcomes_an_endpoint_and_hands_its_hello_over(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()

        endpoint = await under_test.connected(endpoint_id)

        assert endpoint.seen.welcomes == 1
        [(sender, _)] = await eventually(lambda: messages(valkey, Hello))
        assert sender == endpoint_id

    async def test_acknowledges_only_what_is_committed(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint = await under_test.connected()
        alert = make_alert()

        endpoint.deliver(alert)
        await eventually(lambda: messages(valkey, AlertRaised))
        assert alert.id in endpoint.outbox

        numbers = " ".join(str(batch.number) for _, batch in batches(valkey))
        valkey.xadd(committed_stream(under_test.gateway.name), {"batches": numbers})
        await eventually(lambda: alert.id in endpoint.seen.acknowledged)

    async def test_shows_an_endpoint_as_online_while_it_is_connected(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        endpoint = await under_test.connected(endpoint_id)
        await eventually(lambda: valkey.zscore("presence", str(endpoint_id)))
        score = valkey.zscore("presence", str(endpoint_id)) or 0.0
        assert online_ids(valkey, [endpoint_id], now=score) == {endpoint_id}

        endpoint.abort()

        await eventually(lambda: valkey.zscore("presence", str(endpoint_id)) is None)
