"""Instructions: signed per endpoint, copied to Redis after the commit, closed at the end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction
from model_bakery import baker

from console.certificates.models import Certificate
from console.certificates.signing import ensure_signing_key
from console.core.actor import Actor
from console.core.redis import REVOKED_CERTIFICATES, REVOKED_CHANNEL, WAKE_CHANNEL, instructions_key
from console.endpoints.hooks import endpoint_revoked
from console.endpoints.models import Endpoint
from console.gateway.models import OutboundInstruction
from console.gateway.services import (
    complete_instructions,
    expire_instructions,
    restore_revoked_certificates,
    restore_waiting_instructions,
    send_instruction,
)
from console.gateway.wakeups import CARRIED_BYTES, WakeUp, decode_wake_up
from protocol.instructions import ApplyIntel, ReplaceCertificate
from protocol.messages import InstructionCompleted
from protocol.signing import Verifier

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(days=3650)
NOW_US = int(NOW.timestamp() * 1_000_000)
ACTOR = Actor.system("tests")
INSTRUCTION = ReplaceCertificate(address="localhost:17475")
State = OutboundInstruction.State


@pytest.fixture(autouse=True)
def empty_redis(valkey: redis.Redis) -> None:
    """Begin with an empty Redis."""
    valkey.flushdb()


@pytest.fixture
def trusted_key() -> Ed25519PublicKey:
    """Make the console's signing key."""
    row = ensure_signing_key(NOW)
    return Ed25519PublicKey.from_public_bytes(bytes(row.public_key))


def send(endpoints: list[Any], instruction: Any = INSTRUCTION, **options: Any) -> int:
    """Send an instruction that lives for an hour."""
    arguments: dict[str, Any] = {"now": NOW, "lifetime": timedelta(hours=1), **options}
    return send_instruction(
        [endpoint.pk for endpoint in endpoints], instruction, actor=ACTOR, **arguments
    )


@pytest.mark.usefixtures("trusted_key")
class TestSendInstruction:
    def test_seals_one_envelope_for_each_endpoint(
        self, trusted_key: Ed25519PublicKey, valkey: redis.Redis
    ) -> None:
        endpoints = baker.make(Endpoint, _quantity=3)

        assert send(endpoints) == 3

        for endpoint in endpoints:
            verifier = Verifier(trusted_keys=[trusted_key], endpoint_id=endpoint.pk)
            envelope = valkey.hget(instructions_key(endpoint.pk), "1")
            assert isinstance(envelope, bytes)
            assert verifier.open(envelope, now=NOW_US) == (INSTRUCTION, 1)

    def test_counts_for_each_endpoint_by_itself(self) -> None:
        first, second = baker.make(Endpoint, _quantity=2)

        send([first])
        send([first, second])

        rows = OutboundInstruction.objects.order_by("endpoint", "sequence")
        assert sorted(rows.values_list("endpoint", "sequence")) == sorted(
            [(first.pk, 1), (first.pk, 2), (second.pk, 1)]
        )

    def test_never_lets_a_later_instruction_overtake_an_earlier_one(
        self, valkey: redis.Redis
    ) -> None:
        endpoint = baker.make(Endpoint)
        send([endpoint])
        # As if the program that committed the first one had not written it to Redis yet.
        valkey.delete(instructions_key(endpoint.pk))

        send([endpoint])

        assert sorted(map(int, valkey.hkeys(instructions_key(endpoint.pk)))) == [1, 2]

    def test_only_names_the_endpoints_of_a_large_one(self, valkey: redis.Redis) -> None:
        endpoint = baker.make(Endpoint)
        name = "".join(f"{number:x}" for number in range(CARRIED_BYTES))
        with valkey.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(WAKE_CHANNEL)
            channel.get_message(timeout=10)

            send([endpoint], ReplaceCertificate(address=name))

            message = channel.get_message(timeout=10)
        assert message is not None
        assert decode_wake_up(message["data"]) == WakeUp([endpoint.pk])
        assert valkey.hkeys(instructions_key(endpoint.pk)) == [b"1"]

    def test_leaves_out_the_revoked_and_the_unknown(self) -> None:
        revoked = baker.make(Endpoint, revoked_at=NOW)
        unknown = baker.prepare(Endpoint)

        assert send([revoked, unknown]) == 0

    def test_sends_nothing_before_the_commit(self, valkey: redis.Redis) -> None:
        endpoint = baker.make(Endpoint)
        with valkey.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(WAKE_CHANNEL)
            channel.get_message(timeout=10)

            with transaction.atomic():
                send([endpoint])
                assert channel.get_message(timeout=0.05) is None
                assert not valkey.exists(instructions_key(endpoint.pk))

            message = channel.get_message(timeout=10)
        assert message is not None
        [carried] = decode_wake_up(message["data"]).carried
        assert (carried.endpoint_id, carried.sequence) == (endpoint.pk, 1)

    def test_replaces_an_older_set_of_rules_that_still_waits(self, valkey: redis.Redis) -> None:
        endpoint = baker.make(Endpoint)

        send([endpoint], ApplyIntel(revision=1, signals=[]))
        send([endpoint])
        send([endpoint], ApplyIntel(revision=2, signals=[]))

        assert set(valkey.hkeys(instructions_key(endpoint.pk))) == {b"2", b"3"}
        assert OutboundInstruction.objects.get(sequence=1).state == State.EXPIRED


@pytest.mark.usefixtures("trusted_key")
class TestCompleteInstructions:
    @pytest.mark.parametrize(
        ("outcome", "state"),
        [("done", State.DONE), ("refused", State.REFUSED), ("nonsense", State.FAILED)],
    )
    def test_records_the_outcome_and_withdraws_the_copy(
        self, valkey: redis.Redis, outcome: str, state: State
    ) -> None:
        endpoint = baker.make(Endpoint)
        send([endpoint])
        message = InstructionCompleted(
            id=uuid.uuid4(), sequence=1, outcome=outcome, detail="be\x00cause"
        )

        with transaction.atomic():
            complete_instructions([(endpoint.pk, message, NOW_US)])

        row = OutboundInstruction.objects.get()
        assert (row.state, row.completed_at) == (state, NOW)
        assert "\x00" not in row.detail
        assert bytes(row.envelope) == b""
        assert not valkey.exists(instructions_key(endpoint.pk))

    def test_changes_nothing_the_second_time_or_for_others(self) -> None:
        first, second = baker.make(Endpoint, _quantity=2)
        send([first, second])
        done = InstructionCompleted(id=uuid.uuid4(), sequence=1, outcome="done")
        failed = InstructionCompleted(id=uuid.uuid4(), sequence=1, outcome="failed")

        with transaction.atomic():
            complete_instructions([(first.pk, done, NOW_US), (first.pk, failed, NOW_US)])

        states = dict(OutboundInstruction.objects.values_list("endpoint", "state"))
        assert states == {first.pk: State.DONE, second.pk: State.WAITING}


@pytest.mark.usefixtures("trusted_key")
class TestRestore:
    def test_writes_to_redis_again_what_it_lost(self, valkey: redis.Redis) -> None:
        endpoint = baker.make(Endpoint)
        send([endpoint])
        valkey.flushdb()

        assert restore_waiting_instructions(now=NOW) == 1
        assert restore_waiting_instructions(now=NOW) == 0

        assert valkey.hexists(instructions_key(endpoint.pk), "1")

    def test_closes_what_expired(self, valkey: redis.Redis) -> None:
        endpoint = baker.make(Endpoint)
        send([endpoint])

        assert expire_instructions(now=NOW + timedelta(hours=2)) == 1

        assert OutboundInstruction.objects.get().state == State.EXPIRED
        assert not valkey.exists(instructions_key(endpoint.pk))

    def test_names_the_revoked_certificates_again(self, valkey: redis.Redis) -> None:
        baker.make(
            Certificate,
            fingerprint="ab" * 32,
            revoked_at=NOW,
            not_before=NOW,
            not_after=NOW + timedelta(days=1),
        )

        restore_revoked_certificates(now=NOW)

        assert valkey.smembers(REVOKED_CERTIFICATES) == {b"ab" * 32}


class TestRevocation:
    def test_is_announced_to_gateways(self, valkey: redis.Redis) -> None:
        endpoint_id = uuid.uuid4()
        baker.make(
            Certificate,
            subject_id=endpoint_id,
            fingerprint="cd" * 32,
            revoked_at=NOW,
            not_before=NOW,
            not_after=NOW + timedelta(days=1),
        )
        with valkey.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(REVOKED_CHANNEL)
            channel.get_message(timeout=10)

            endpoint_revoked.send(sender=Endpoint, endpoint_id=endpoint_id, at=NOW)

            message = channel.get_message(timeout=10)
        assert message is not None
        assert message["data"] == b"cd" * 32
