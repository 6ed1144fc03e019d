"""The always-on channel against a real gateway that is polite, busy or hostile."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.server import ServerConnection

from agent.channel import notice_dead_peers
from agent.directories import Directories
from agent.identity import Enrolment
from agent.link import NEVER
from protocol.frames import HEADER, FrameType
from protocol.messages import (
    Acknowledge,
    Heartbeat,
    Hello,
    Instruct,
    InstructionCompleted,
    Later,
    StatusReport,
    Upward,
)
from tests.agent.authority import Authority
from tests.agent.gateway import Gateway, eventually, listening, now
from tests.agent.link_under_test import LinkUnderTest, running_link


@pytest.fixture
async def link(
    gateway: Gateway, directories: Directories, enrolled_there: Enrolment
) -> AsyncIterator[LinkUnderTest]:
    async with running_link(LinkUnderTest(directories, gateway.address)) as made:
        yield made


class TestConversation:
    async def test_begins_with_hello_and_goes_on_with_heartbeats(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        await eventually(lambda: len(gateway.of(Heartbeat)) >= 2)

        assert isinstance(gateway.heard[0], Hello)
        assert gateway.of(StatusReport)
        assert link.link.is_connected
        assert link.link.problems() == []

    @pytest.mark.usefixtures("enrolled_there")
    async def test_reports_at_once_when_there_is_news(
        self, gateway: Gateway, directories: Directories
    ) -> None:
        gateway.status_interval = 600

        async with running_link(LinkUnderTest(directories, gateway.address)) as made:
            await eventually(lambda: len(gateway.of(StatusReport)) == 1)
            made.link.report_soon()

            await eventually(lambda: len(gateway.of(StatusReport)) == 2)

    async def test_presents_its_own_certificate(
        self, gateway: Gateway, link: LinkUnderTest, enrolled_there: Enrolment
    ) -> None:
        await eventually(lambda: gateway.socket)
        assert gateway.socket is not None

        shown = gateway.socket.transport.get_extra_info("ssl_object").getpeercert()

        assert ("URI", f"urn:uuid:{enrolled_there.endpoint_id}") in shown["subjectAltName"]

    async def test_takes_over_the_consoles_time(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        hour = 3600 * 1_000_000
        gateway.server_at = lambda: now() + hour

        await eventually(lambda: link.clock.now() > now() + hour // 2)

    async def test_cannot_be_made_to_spin_by_its_console(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        gateway.heartbeat_interval = -1.0

        await eventually(lambda: len(gateway.of(Heartbeat)) >= 2)

        assert len(gateway.of(Heartbeat)) < 50

    async def test_hands_instructions_on(self, gateway: Gateway, link: LinkUnderTest) -> None:
        await eventually(lambda: gateway.of(Heartbeat))

        await gateway.send(Instruct(envelope=b"signed"))

        assert await eventually(lambda: link.instructed) == [b"signed"]

    async def test_leaves_with_goodbye(self, gateway: Gateway, link: LinkUnderTest) -> None:
        await eventually(lambda: link.link.is_connected)
        message = link.put()

        await link.link.leave()

        assert [o.id for o in gateway.outcomes] == [message.id]
        assert type(gateway.heard[-1]).__name__ == "Goodbye"


class TestDelivery:
    async def test_sends_until_acknowledged(self, gateway: Gateway, link: LinkUnderTest) -> None:
        message = link.put()

        await eventually(lambda: gateway.outcomes)
        await eventually(lambda: link.outbox.waiting == 0)

        assert [o.id for o in gateway.outcomes] == [message.id]

    async def test_sends_again_on_the_next_connection(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        gateway.acknowledges = False
        message = link.put()
        await eventually(lambda: gateway.outcomes)
        assert gateway.socket is not None
        gateway.acknowledges = True

        await gateway.socket.close(1012)
        await eventually(lambda: link.outbox.waiting == 0)

        assert [o.id for o in gateway.outcomes] == [message.id, message.id]

    async def test_waits_when_told_later_without_a_storm(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        told: list[float] = []

        def later(message: Upward) -> Later | Acknowledge | None:
            if not isinstance(message, InstructionCompleted):
                return None
            told.append(time.monotonic())
            if len(told) == 1:
                return Later(retry_after=1.0, reason="disk full")
            return Acknowledge(ids=[message.id])

        gateway.on_message = later
        link.put()

        await eventually(lambda: link.outbox.waiting == 0)

        assert len(told) == 2
        assert told[1] - told[0] >= 1.0
        assert len(gateway.dialled_at) == 1

    async def test_ignores_acknowledgements_of_what_it_never_sent(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        await eventually(lambda: gateway.of(Heartbeat))

        await gateway.send(Acknowledge(ids=[uuid4()]))
        link.put()

        await eventually(lambda: link.outbox.waiting == 0)

    async def test_sends_again_what_is_not_acknowledged_in_time_ever_more_patiently(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        gateway.acknowledges = False
        made = LinkUnderTest(directories, gateway.address, patience=0.2)
        async with running_link(made) as link:
            message = link.put()
            begun = time.monotonic()
            await eventually(lambda: len(gateway.outcomes) == 3)
            seconds = time.monotonic() - begun

        assert {o.id for o in gateway.outcomes} == {message.id}
        assert seconds >= 0.2 + 0.4

    async def test_moves_thousands_without_losing_or_doubling_one(
        self, gateway: Gateway, link: LinkUnderTest
    ) -> None:
        messages = [
            InstructionCompleted(id=uuid4(), sequence=n, outcome="done") for n in range(2000)
        ]
        link.outbox.put(messages)
        link.delivery.notify()

        await eventually(lambda: link.outbox.waiting == 0)

        assert sorted(o.sequence for o in gateway.outcomes) == list(range(2000))


class TestComingBack:
    async def test_comes_back_after_a_hang_up(self, gateway: Gateway, link: LinkUnderTest) -> None:
        await eventually(lambda: gateway.of(Heartbeat))
        assert gateway.socket is not None

        await gateway.socket.close(1011)

        await eventually(lambda: len(gateway.of(Hello)) >= 2)

    async def test_honours_the_wait_in_goodbye(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        gateway.goodbye = ("draining", 1.5)
        async with running_link(LinkUnderTest(directories, gateway.address)) as link:
            await eventually(lambda: len(gateway.dialled_at) == 2)

            assert gateway.dialled_at[1] - gateway.dialled_at[0] >= 1.5
            assert "draining" in link.link.problems()[0]

    async def test_stays_away_when_told_never_to_come_back(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        gateway.goodbye = ("revoked", None)
        async with running_link(LinkUnderTest(directories, gateway.address)) as link:
            await eventually(lambda: link.link.state == "waiting")

            assert link.link.wait == NEVER
            assert "revoked" in link.link.problems()[0]

    async def test_remembers_the_goodbye_when_the_connection_then_breaks(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        async with running_link(LinkUnderTest(directories, gateway.address)) as link:
            await eventually(lambda: link.link.is_connected)
            assert gateway.link is not None
            assert gateway.socket is not None

            gateway.link.say_goodbye("revoked", retry_after=None)
            for frame in gateway.link.frames_to_send():
                await gateway.socket.send(frame)
            await gateway.socket.close()

            await eventually(lambda: link.link.state == "waiting")
            assert "revoked" in link.link.problems()[0]
            assert link.link.wait == NEVER

    async def test_survives_a_console_that_is_not_there(
        self, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        async with running_link(LinkUnderTest(directories, "127.0.0.1:1")) as link:
            await eventually(lambda: link.link.state == "waiting")

            assert "cannot be reached" in link.link.problems()[0]


class TestStrangers:
    async def test_refuses_a_gateway_of_another_ca(
        self,
        foreign_authority: Authority,
        directories: Directories,
        enrolled_there: Enrolment,
        tmp_path: Path,
    ) -> None:
        async with (
            listening(Gateway(), foreign_authority.server_context(tmp_path)) as stranger,
            running_link(LinkUnderTest(directories, stranger.address)) as link,
        ):
            await eventually(lambda: link.link.reason)

            assert "not the console" in link.link.reason
            assert stranger.heard == []

    async def test_refuses_a_gateway_of_another_name(
        self,
        authority: Authority,
        directories: Directories,
        enrolled_there: Enrolment,
        tmp_path: Path,
    ) -> None:
        context = authority.server_context(tmp_path, host="gateway.example", mutual=True)
        async with (
            listening(Gateway(), context) as stranger,
            running_link(LinkUnderTest(directories, stranger.address)) as link,
        ):
            await eventually(lambda: link.link.reason)

            assert "not the console" in link.link.reason
            assert stranger.heard == []

    async def test_says_that_its_certificate_is_refused(
        self,
        authority: Authority,
        foreign_authority: Authority,
        directories: Directories,
        enrolled_there: Enrolment,
        tmp_path: Path,
    ) -> None:
        context = authority.server_context(tmp_path)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=foreign_authority.pem)
        async with (
            listening(Gateway(), context) as strict,
            running_link(LinkUnderTest(directories, strict.address)) as link,
        ):
            await eventually(lambda: link.link.reason)

            assert "may be revoked" in link.link.reason
            assert strict.heard == []

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"garbage",
            b"\xff" * 70_000,
            HEADER.pack(FrameType.MESSAGE, 0, 0) + b"\x00\xc1",
            HEADER.pack(FrameType.MESSAGE, 0, 0) + b"\x01" + b"\x28\xb5\x2f\xfd" + b"\xff" * 50,
            "text",
        ],
        ids=["nothing", "garbage", "too long", "not a message", "bomb", "text"],
    )
    async def test_hangs_up_on_a_gateway_that_speaks_garbage(
        self,
        gateway: Gateway,
        directories: Directories,
        enrolled_there: Enrolment,
        frame: bytes | str,
    ) -> None:
        async def speak(websocket: ServerConnection) -> None:
            await websocket.send(frame)
            await websocket.wait_closed()

        gateway.on_dial = speak
        async with running_link(LinkUnderTest(directories, gateway.address)) as link:
            await eventually(lambda: link.link.reason)
            assert link.link.state == "waiting"

    async def test_hangs_up_on_an_announcement_of_a_gigabyte(
        self, gateway: Gateway, directories: Directories, enrolled_there: Enrolment
    ) -> None:
        async def announce(websocket: ServerConnection) -> None:
            # RFC 6455, section 5.2: a final binary frame with a 64-bit length.
            websocket.transport.write(b"\x82\x7f" + (1 << 30).to_bytes(8, "big") + b"x")
            await websocket.wait_closed()

        gateway.on_dial = announce
        async with running_link(LinkUnderTest(directories, gateway.address)) as link:
            await eventually(lambda: link.link.reason)
            assert link.link.state == "waiting"


class TestDeadPeers:
    def test_are_noticed_by_the_kernel_within_seconds(self) -> None:
        with socket.socket() as connected:
            notice_dead_peers(connected)

            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 3
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 8000
