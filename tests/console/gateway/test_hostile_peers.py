"""Peers that the gateway must survive or refuse, while everybody else is served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from websockets.exceptions import InvalidState

from console.certificates.tls import fingerprint_of
from console.core.redis import REVOKED_CERTIFICATES, REVOKED_CHANNEL
from console.endpoints.presence import GATEWAYS, PRESENCE
from protocol.codec import UPWARD
from protocol.frames import MessageFrame, encode_frame
from protocol.messages import AlertRaised, Heartbeat
from tests.console.gateway.conftest import GatewayUnderTest, eventually
from tests.console.gateway.test_server import batches, messages
from tests.fleet_certificates import FleetAuthority, der_of
from tests.simulator import SimulatedEndpoint, make_alert

ONE_GIB = 2**30
REFUSED_WITHIN = 5.0


def endpoint_with(under_test: GatewayUnderTest, context: ssl.SSLContext) -> SimulatedEndpoint:
    """Make an endpoint that dials with this context."""
    return SimulatedEndpoint(0, context, ("127.0.0.1", under_test.port))


async def assert_refused(endpoint: SimulatedEndpoint) -> None:
    """See that the console ends the connection within five seconds, without a Welcome."""
    # A TimeoutError, which is an OSError too, is no refusal: somebody let the endpoint wait.
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await asyncio.wait_for(endpoint.connect(), REFUSED_WITHIN)
    assert endpoint.seen.welcomes == 0


async def assert_serves(under_test: GatewayUnderTest) -> None:
    """See that an ordinary endpoint is still served."""
    endpoint = await under_test.connected()
    assert endpoint.seen.welcomes == 1


class TestGarbage:
    @pytest.mark.parametrize(
        "content", [b"\x00" * 4096, b"GET /" + b"a" * 70_000, bytes(range(256)) * 64]
    )
    async def test_before_tls_is_dropped(self, start_gateway: Any, content: bytes) -> None:
        under_test = await start_gateway()
        reader, writer = await asyncio.open_connection("127.0.0.1", under_test.port)

        writer.write(content)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()

        await assert_serves(under_test)

    @pytest.mark.parametrize(
        "content", [b"\xff" * 4096, b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
    )
    async def test_inside_tls_is_dropped(self, start_gateway: Any, content: bytes) -> None:
        under_test = await start_gateway(handshake_timeout=1.0)
        context = under_test.authority.context_for(uuid.uuid4())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", under_test.port, ssl=context, server_hostname="localhost"
        )

        writer.write(content)

        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await assert_serves(under_test)

    async def test_in_a_frame_is_answered_by_a_reason_and_the_end(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint = await under_test.connected()

        endpoint.send_frame(b"\x63garbage")

        await asyncio.wait_for(endpoint.is_closed.wait(), 30)
        assert len(under_test.gateway.roster) == 0


class TestSize:
    async def test_of_a_gibibyte_is_refused_by_the_announcement(self, start_gateway: Any) -> None:
        under_test = await start_gateway()
        endpoint = await under_test.connected()

        # A masked binary WebSocket frame whose header claims one gibibyte.
        endpoint.send_raw(b"\x82\xff" + struct.pack(">Q", ONE_GIB) + b"mask" + b"x" * 1000)

        await asyncio.wait_for(endpoint.is_closed.wait(), 30)
        await assert_serves(under_test)

    async def test_of_a_message_in_parts_ends_at_the_limit(self, start_gateway: Any) -> None:
        under_test = await start_gateway()
        endpoint = await under_test.connected()
        part = encode_frame(MessageFrame(b"x" * 65536, more=True))

        with contextlib.suppress(InvalidState):
            for _ in range(50):
                endpoint.send_frame(part)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(endpoint.is_closed.wait(), 30)

    async def test_of_many_fast_messages_slows_the_sender_and_nobody_else(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway(messages_per_second=100.0, messages_burst=100.0)
        noisy = await under_test.connected()
        content = UPWARD.encode(Heartbeat(sent_at=1))
        frame = encode_frame(MessageFrame(content))

        for _ in range(600):
            noisy.send_frame(frame)
        # What arrived together is taken together; what comes behind it has to wait.
        await asyncio.sleep(0.1)
        noisy.deliver(make_alert())

        await assert_serves(under_test)
        assert not messages(valkey, AlertRaised)
        await eventually(lambda: messages(valkey, AlertRaised), within=30)


class TestHandshake:
    async def test_left_half_open_a_thousand_times_hurts_nobody(self, start_gateway: Any) -> None:
        under_test = await start_gateway(handshakes=256, handshake_patience=0.2)

        with half_open_connections(under_test.port, 1000):
            await assert_serves(under_test)

    async def test_that_stops_before_hello_is_cut(self, start_gateway: Any) -> None:
        under_test = await start_gateway(handshake_timeout=0.3)
        context = under_test.authority.context_for(uuid.uuid4())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", under_test.port, ssl=context, server_hostname="localhost"
        )

        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


@contextlib.contextmanager
def half_open_connections(port: int, count: int) -> Iterator[None]:
    """Open connections that send the first bytes of a handshake and never the rest."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
            with contextlib.suppress(OSError):
                connection.send(b"\x16\x03\x01")
        yield


class TestCertificate:
    async def test_of_a_foreign_authority_is_refused(
        self, start_gateway: Any, tmp_path: Path
    ) -> None:
        under_test = await start_gateway()
        foreign = FleetAuthority.new(tmp_path).context_for(uuid.uuid4())
        foreign.load_verify_locations(under_test.authority.keys / "authority.pem")

        await assert_refused(endpoint_with(under_test, foreign))

    async def test_must_be_there(self, start_gateway: Any) -> None:
        under_test = await start_gateway()
        context = ssl.create_default_context(cafile=under_test.authority.keys / "authority.pem")

        await assert_refused(endpoint_with(under_test, context))

    @pytest.mark.parametrize("shift", [timedelta(days=-400), timedelta(days=2)])
    async def test_outside_its_life_is_refused(self, start_gateway: Any, shift: timedelta) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(
            uuid.uuid4(), now=datetime.now(UTC) + shift
        )

        await assert_refused(
            endpoint_with(under_test, under_test.authority.client_context(certificate))
        )

    async def test_on_the_revocation_list_is_refused(self, start_gateway: Any) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(uuid.uuid4())
        under_test.authority.revoke(certificate)

        await assert_refused(
            endpoint_with(under_test, under_test.authority.client_context(certificate))
        )

    async def test_known_as_revoked_is_refused_before_any_message(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(uuid.uuid4())
        announce_revoked(valkey, der_of(certificate))
        await asyncio.sleep(0.1)

        await assert_refused(
            endpoint_with(under_test, under_test.authority.client_context(certificate))
        )

    async def test_revoked_while_connected_ends_the_connection_within_five_seconds(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(uuid.uuid4())
        endpoint = endpoint_with(under_test, under_test.authority.client_context(certificate))
        await endpoint.connect()

        announce_revoked(valkey, der_of(certificate))

        await asyncio.wait_for(endpoint.is_closed.wait(), 30)
        [goodbye] = endpoint.seen.goodbyes
        assert goodbye.retry_after is None

    async def test_of_a_stubborn_revoked_endpoint_is_cut(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(uuid.uuid4())
        endpoint = endpoint_with(under_test, under_test.authority.client_context(certificate))
        await endpoint.connect()
        endpoint.pause_reading()

        announce_revoked(valkey, der_of(certificate))

        await eventually(lambda: len(under_test.gateway.roster) == 0)
        endpoint.abort()

    async def test_cannot_be_resumed_past_its_revocation(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        certificate = under_test.authority.endpoint_certificate(uuid.uuid4())
        context = under_test.authority.client_context(certificate)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.maximum_version = version
            first = await asyncio.to_thread(tls_session, under_test.port, context, None)
            assert first is None or not first.has_ticket

            second = await asyncio.to_thread(tls_session, under_test.port, context, first)
            assert second is not first


def announce_revoked(valkey: redis.Redis, certificate: bytes) -> None:
    """Do what the services do after a revocation."""
    fingerprint = fingerprint_of(certificate)
    valkey.sadd(REVOKED_CERTIFICATES, fingerprint)
    valkey.publish(REVOKED_CHANNEL, fingerprint)


def tls_session(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> ssl.SSLSession | None:
    """Shake hands, resuming `session`; see that nothing was resumed; return the new session."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
    ):
        assert not connection.session_reused
        return connection.session


class TestIdentity:
    async def test_comes_from_the_certificate_whatever_the_message_says(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        honest, liar = uuid.uuid4(), uuid.uuid4()
        await under_test.connected(honest, number=1)
        # The same host name and machine id as the honest one.
        endpoint = await under_test.connected(liar, number=1)

        endpoint.deliver(make_alert())

        [(sender, _)] = await eventually(lambda: messages(valkey, AlertRaised))
        assert sender == liar
        assert set(under_test.gateway.roster.ids()) == {honest, liar}

    async def test_used_on_two_computers_is_noticed_and_the_newest_wins(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id: UUID = uuid.uuid4()
        first = await under_test.connected(endpoint_id, number=1)
        second = await under_test.connected(endpoint_id, number=2)

        await asyncio.wait_for(first.is_closed.wait(), 30)

        assert second.is_connected.is_set()
        [goodbye] = first.seen.goodbyes
        assert (goodbye.retry_after or 0) >= 30
        [notice] = await eventually(lambda: notices(valkey))
        assert notice.endpoint_id == endpoint_id
        assert "simulated-00001" in notice.detail

    async def test_used_on_two_computers_at_two_gateways_is_noticed_and_the_newest_wins(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        one, other = await start_gateway(), await start_gateway()
        endpoint_id = uuid.uuid4()
        first = await one.connected(endpoint_id, number=1)
        await eventually(lambda: valkey.hget(GATEWAYS, str(endpoint_id)))
        second = await other.connected(endpoint_id, number=2)

        await asyncio.wait_for(first.is_closed.wait(), 30)

        assert second.is_connected.is_set()
        [goodbye] = first.seen.goodbyes
        assert (goodbye.retry_after or 0) >= 30
        [notice] = await eventually(lambda: notices(valkey))
        assert notice.endpoint_id == endpoint_id
        assert "simulated-00001" in notice.detail
        assert "simulated-00002" in notice.detail
        # The one that let it go does not report it as gone.
        await asyncio.sleep(0.3)
        assert valkey.hget(GATEWAYS, str(endpoint_id)) == other.gateway.name.encode()
        assert valkey.zscore(PRESENCE, str(endpoint_id)) is not None

    async def test_that_moves_to_another_gateway_is_let_go_by_the_first_one(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        one, other = await start_gateway(), await start_gateway()
        endpoint_id = uuid.uuid4()
        first = await one.connected(endpoint_id, number=1)
        await eventually(lambda: valkey.hget(GATEWAYS, str(endpoint_id)))
        await other.connected(endpoint_id, number=1)

        await asyncio.wait_for(first.is_closed.wait(), 30)

        assert notices(valkey) == []
        assert one.gateway.roster.get(endpoint_id) is None

    async def test_on_one_computer_after_a_change_of_network_is_no_clone(
        self, start_gateway: Any, valkey: redis.Redis
    ) -> None:
        under_test = await start_gateway()
        endpoint_id = uuid.uuid4()
        first = await under_test.connected(endpoint_id, number=1)
        await under_test.connected(endpoint_id, number=1)

        await asyncio.wait_for(first.is_closed.wait(), 30)

        assert notices(valkey) == []


def notices(valkey: redis.Redis) -> list[Any]:
    """List what the gateway noted itself."""
    return [notice for _, batch in batches(valkey) for notice in batch.notices]
