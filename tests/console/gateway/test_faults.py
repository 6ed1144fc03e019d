"""Redis away, queues full, cables pulled: what endpoints are told and what they get later."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.core.redis import (
    INGEST_REFUSAL,
    REVOKED_CERTIFICATES,
    UPWARD_STREAM,
    WAKE_CHANNEL,
    committed_stream,
    instructions_key,
)
from console.gateway.wakeups import SealedInstruction, WakeUp, encode_wake_up
from protocol.instructions import ApplyIntel, SignalRule
from protocol.messages import AlertRaised
from protocol.signing import seal
from tests.console.gateway.conftest import GatewayUnderTest, eventually, running_gateway
from tests.console.gateway.test_hostile_peers import (
    REFUSED_WITHIN,
    announce_revoked,
    assert_refused,
    assert_serves,
    endpoint_with,
)
from tests.console.gateway.test_server import batches, messages
from tests.fleet_certificates import FleetAuthority, der_of
from tests.simulator import make_alert
from tests.valkey import ValkeyServer


def sealed(endpoint_id: uuid.UUID, sequence: int, *, rules: int = 1) -> bytes:
    """Sign an instruction with this many rules."""
    instruction = ApplyIntel(
        revision=sequence,
        signals=[
            SignalRule(
                intel_id=uuid.uuid4(),
                revision=1,
                name=f"rule {number}",
                definition=f"process.command_line contains '{uuid.uuid4()}{uuid.uuid4()}' " * 12,
                platforms=["linux"],
            )
            for number in range(rules)
        ],
    )
    return seal(
        instruction,
        private_key=Ed25519PrivateKey.generate(),
        audience=endpoint_id,
        sequence=sequence,
        issued_at=1,
        expires_at=2,
    )


class TestInstructions:
    async def test_that_waited_are_delivered_in_order_at_hello(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        envelopes = [sealed(endpoint_id, sequence) for sequence in (1, 2, 10)]
        for sequence, envelope in zip((10, 2, 1), reversed(envelopes), strict=True):
            valkey.hset(instructions_key(endpoint_id), str(sequence), envelope)

        endpoint = await under_test.connected(endpoint_id)

        await eventually(lambda: len(endpoint.seen.instructions) == 3)
        assert endpoint.seen.instructions == envelopes

    async def test_are_delivered_once_by_a_wake_up(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        endpoint = await under_test.connected(endpoint_id)
        valkey.hset(instructions_key(endpoint_id), "1", sealed(endpoint_id, 1))

        for _ in range(5):
            valkey.publish(WAKE_CHANNEL, encode_wake_up(WakeUp([endpoint_id, uuid.uuid4()])))

        await eventually(lambda: endpoint.seen.instructions)
        await asyncio.sleep(0.2)
        assert len(endpoint.seen.instructions) == 1

    async def test_come_along_with_a_wake_up_and_never_overtake(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        endpoint = await under_test.connected(endpoint_id)
        envelopes = [sealed(endpoint_id, sequence) for sequence in (1, 2, 3)]

        def announce(sequence: int) -> None:
            carried = SealedInstruction(endpoint_id, sequence, envelopes[sequence - 1])
            valkey.publish(WAKE_CHANNEL, encode_wake_up(WakeUp([], [carried])))

        announce(1)
        await eventually(lambda: endpoint.seen.instructions == envelopes[:1])
        # The third one's program was faster than the second one's: both are in the mailbox.
        for sequence in (2, 3):
            key = instructions_key(endpoint_id)
            valkey.hset(key, str(sequence), envelopes[sequence - 1])
        for sequence in (3, 2, 3, 1):
            announce(sequence)

        await eventually(lambda: len(endpoint.seen.instructions) == 3)
        await asyncio.sleep(0.1)
        assert endpoint.seen.instructions == envelopes

    async def test_are_not_stopped_by_a_wake_up_that_nobody_can_read(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        endpoint = await under_test.connected(endpoint_id)

        valkey.publish(WAKE_CHANNEL, b"\xff\x00 nonsense")
        carried = SealedInstruction(endpoint_id, 1, sealed(endpoint_id, 1))
        valkey.publish(WAKE_CHANNEL, encode_wake_up(WakeUp([], [carried])))

        await eventually(lambda: endpoint.seen.instructions == [carried.envelope])

    async def test_of_hundreds_of_rules_arrive_whole(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        envelope = sealed(endpoint_id, 1, rules=8000)
        assert len(envelope) > 300_000
        valkey.hset(instructions_key(endpoint_id), "1", envelope)

        endpoint = await under_test.connected(endpoint_id)

        await eventually(lambda: endpoint.seen.instructions == [envelope])

    async def test_already_accepted_are_not_sent_again(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        for sequence in (4, 5):
            valkey.hset(instructions_key(endpoint_id), str(sequence), sealed(endpoint_id, sequence))
        endpoint = under_test.endpoint(endpoint_id)
        endpoint.sequence = 4

        await endpoint.connect()

        await eventually(lambda: endpoint.seen.instructions)
        await asyncio.sleep(0.1)
        assert len(endpoint.seen.instructions) == 1


class TestLater:
    async def test_is_said_while_the_console_cannot_store(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway(retry_after_min=0.1, retry_after_max=0.2)
        endpoint = await under_test.connected()
        valkey.set(INGEST_REFUSAL, "the disk is full", px=60_000)
        await asyncio.sleep(1.2)
        alert = make_alert()

        endpoint.deliver(alert)

        [later] = await eventually(lambda: endpoint.seen.laters[:1])
        assert later.reason == "the disk is full"
        assert messages(valkey, AlertRaised) == []
        valkey.delete(INGEST_REFUSAL)
        await eventually(lambda: messages(valkey, AlertRaised))

    async def test_is_said_when_the_stream_is_too_long(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway(backlog_full=3)
        endpoint = await under_test.connected()
        for _ in range(5):
            endpoint.deliver(make_alert())
            await asyncio.sleep(0.1)

        await eventually(lambda: endpoint.seen.laters)
        assert valkey.xlen(UPWARD_STREAM) <= 4


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """Start a Valkey that this test may kill; it keeps its data on the disk."""
    server = ValkeyServer(tmp_path / "valkey.sock", durable=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def fragile(
    own_valkey: ValkeyServer, authority: FleetAuthority
) -> AsyncIterator[GatewayUnderTest]:
    """Run a gateway on a Valkey of its own."""
    client = redis.asyncio.Redis.from_url(own_valkey.url, socket_timeout=5)
    async with running_gateway(
        authority, client, retry_after_min=0.1, retry_after_max=0.3
    ) as under_test:
        yield under_test
    await client.aclose()


def forget_everything(folder: Path) -> None:
    """Delete what a Valkey kept on the disk."""
    for path in (folder / "appendonlydir").iterdir():
        path.unlink()


class TestKilledValkey:
    async def test_loses_no_message_and_the_gateway_goes_on(
        self, fragile: GatewayUnderTest, own_valkey: ValkeyServer
    ) -> None:
        endpoint = await fragile.connected()
        alerts = [make_alert(number) for number in range(60)]
        for number, alert in enumerate(alerts):
            if number == 20:
                own_valkey.kill()
            if number == 40:
                await asyncio.to_thread(own_valkey.start)
            endpoint.deliver(alert)
            await asyncio.sleep(0.01)
        with own_valkey.client() as client:

            def stored() -> set[uuid.UUID]:
                return {message.id for _, message in messages(client, AlertRaised)}

            await eventually(lambda: stored() == {alert.id for alert in alerts}, within=20)
            numbers = " ".join(str(batch.number) for _, batch in batches(client))
            client.xadd(committed_stream(fragile.gateway.name), {"batches": numbers})
            await eventually(lambda: not endpoint.outbox)
        assert endpoint.seen.closes == 0

    async def test_without_its_data_makes_endpoints_send_again(
        self, fragile: GatewayUnderTest, own_valkey: ValkeyServer, tmp_path: Path
    ) -> None:
        endpoint = await fragile.connected()
        alert = make_alert()
        endpoint.deliver(alert)
        with own_valkey.client() as client:
            await eventually(lambda: messages(client, AlertRaised))
            own_valkey.kill()
            forget_everything(tmp_path)
            await asyncio.to_thread(own_valkey.start)

            await eventually(lambda: messages(client, AlertRaised), within=20)

    async def test_keeps_the_revoked_out_although_it_forgot_them(
        self, fragile: GatewayUnderTest, own_valkey: ValkeyServer, tmp_path: Path
    ) -> None:
        certificate = fragile.authority.endpoint_certificate(uuid.uuid4())
        revoked = endpoint_with(fragile, fragile.authority.client_context(certificate))
        other_id = uuid.uuid4()
        other = await fragile.connected(other_id)
        await revoked.connect()
        with own_valkey.client() as client:
            announce_revoked(client, der_of(certificate))
        await asyncio.wait_for(revoked.is_closed.wait(), REFUSED_WITHIN)
        revoked.seen.welcomes = 0

        own_valkey.kill()
        forget_everything(tmp_path)
        await asyncio.to_thread(own_valkey.start)

        with own_valkey.client() as client:
            # Nobody announces it: the gateway finds it when it reads what the new Valkey knows.
            client.hset(instructions_key(other_id), "1", sealed(other_id, 1))
            await eventually(lambda: other.seen.instructions)
            assert client.smembers(REVOKED_CERTIFICATES) == set()
        await assert_refused(revoked)
        await assert_serves(fragile)
        assert other.is_connected.is_set()


class TestDrain:
    async def test_says_when_to_come_back_and_leaves_nobody_online(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoints = [await under_test.connected() for _ in range(5)]
        await eventually(lambda: valkey.zcard("presence") == 5)
        endpoints[0].deliver(make_alert())

        under_test.gateway.stop()

        for endpoint in endpoints:
            await asyncio.wait_for(endpoint.is_closed.wait(), 30)
            [goodbye] = endpoint.seen.goodbyes
            assert 0 < (goodbye.retry_after or 0) <= 5
        await eventually(lambda: valkey.zcard("presence") == 0)
