"""The handshake as a play: who says what first, and what happens to those who do not."""

from __future__ import annotations

import msgspec
import pytest

from protocol import messages
from protocol.arrivals import MessageReceived, PeerClosed
from protocol.connection import State
from protocol.ends import AgentLink, GatewayLink, LiveAgentEnd, LiveConsoleEnd
from protocol.exceptions import (
    ConnectionMisused,
    ConnectionNotOpen,
    HandshakeViolated,
    MalformedMessage,
    VersionsIncompatible,
)
from protocol.frames import CloseCode, DataFrame, MessageFrame, encode_frame
from tests.protocol import samples
from tests.protocol.playbook import deliver, open_pair

HEARTBEAT = messages.Heartbeat(sent_at=1)
WELCOME = messages.Welcome(version=1, server_at=1, heartbeat_interval=5, status_interval=60)


def message_frame(message: messages.Message) -> bytes:
    return encode_frame(MessageFrame(b"\x00" + msgspec.msgpack.encode(message)))


def hello(oldest: int, newest: int) -> messages.Hello:
    return msgspec.structs.replace(samples.HELLO, version_oldest=oldest, version_newest=newest)


class TestHandshake:
    def test_goes_hello_welcome_open(self) -> None:
        agent, gateway = AgentLink(), GatewayLink()

        agent.greet(samples.HELLO)
        (arrived,) = deliver(agent, gateway)
        assert isinstance(arrived, MessageReceived)
        assert arrived.message == samples.HELLO
        assert (agent.state, gateway.state) == (State.CONNECTING, State.CONNECTING)

        welcome = gateway.welcome(
            server_at=samples.AT, heartbeat_interval=5.0, status_interval=60.0
        )
        assert gateway.state is State.OPEN
        (arrived,) = deliver(gateway, agent)
        assert isinstance(arrived, MessageReceived)
        assert arrived.message == welcome
        assert (agent.state, agent.version, gateway.version) == (State.OPEN, 1, 1)

    @pytest.mark.parametrize(
        ("agent_range", "console_range", "chosen"),
        [((1, 1), (1, 1), 1), ((1, 5), (2, 3), 3), ((2, 3), (1, 5), 3), ((3, 9), (1, 3), 3)],
    )
    def test_chooses_the_newest_version_of_both(
        self, agent_range: tuple[int, int], console_range: tuple[int, int], chosen: int
    ) -> None:
        oldest, newest = console_range
        agent, gateway = AgentLink(), GatewayLink(version_oldest=oldest, version_newest=newest)

        agent.greet(hello(*agent_range))
        deliver(agent, gateway)
        gateway.welcome(server_at=1, heartbeat_interval=5, status_interval=60)
        deliver(gateway, agent)

        assert agent.version == gateway.version == chosen

    @pytest.mark.parametrize("offered", [(2, 9), (0, 0), (5, 1)])
    def test_sends_agents_of_another_age_away_with_a_reason(self, offered: tuple[int, int]) -> None:
        agent, gateway = AgentLink(), GatewayLink()
        agent.greet(hello(*offered))

        with pytest.raises(VersionsIncompatible, match=f"{offered[0]} to {offered[1]}"):
            deliver(agent, gateway)

        goodbye, closed = deliver(gateway, agent)
        assert isinstance(goodbye, MessageReceived)
        assert goodbye.message.retry_after == 3600
        assert "the console 1 to 1" in goodbye.message.reason
        assert isinstance(closed, PeerClosed)
        assert closed.code is CloseCode.VIOLATION
        assert (agent.state, gateway.state) == (State.CLOSED, State.CLOSED)

    def test_lets_the_gateway_send_an_endpoint_away_at_once(self) -> None:
        agent, gateway = AgentLink(), GatewayLink()
        agent.greet(samples.HELLO)
        deliver(agent, gateway)

        gateway.say_goodbye("the certificate was revoked", retry_after=None)

        goodbye, closed = deliver(gateway, agent)
        assert isinstance(goodbye, MessageReceived)
        assert goodbye.message == messages.Goodbye(reason="the certificate was revoked")
        assert closed == PeerClosed(CloseCode.ORDERLY, "the certificate was revoked")


class TestGatewayRefuses:
    def test_what_is_not_hello(self) -> None:
        with pytest.raises(HandshakeViolated, match="Heartbeat"):
            GatewayLink().receive_frame(message_frame(HEARTBEAT))

    def test_a_goodbye_before_hello(self) -> None:
        with pytest.raises(HandshakeViolated):
            GatewayLink().receive_frame(message_frame(messages.Goodbye(reason="x")))

    def test_messages_before_welcome(self) -> None:
        agent, gateway = AgentLink(), GatewayLink()
        agent.greet(samples.HELLO)
        deliver(agent, gateway)

        with pytest.raises(HandshakeViolated):
            gateway.receive_frame(message_frame(HEARTBEAT))

    def test_a_second_hello(self) -> None:
        _, gateway = open_pair()

        with pytest.raises(HandshakeViolated, match="second"):
            gateway.receive_frame(message_frame(samples.HELLO))

    def test_messages_of_the_other_direction(self) -> None:
        _, gateway = open_pair()

        with pytest.raises(MalformedMessage, match=r"gateway\.welcome"):
            gateway.receive_frame(message_frame(WELCOME))

    def test_streams_before_welcome(self) -> None:
        with pytest.raises(HandshakeViolated, match="DataFrame"):
            GatewayLink().receive_frame(encode_frame(DataFrame(1, b"x")))


class TestAgentRefuses:
    def test_what_is_not_welcome(self) -> None:
        agent = AgentLink()
        agent.greet(samples.HELLO)

        with pytest.raises(HandshakeViolated, match="Acknowledge"):
            agent.receive_frame(message_frame(messages.Acknowledge(ids=[])))

    def test_a_welcome_without_a_hello(self) -> None:
        with pytest.raises(HandshakeViolated, match="not awaited"):
            AgentLink().receive_frame(message_frame(WELCOME))

    def test_a_second_welcome(self) -> None:
        agent, _ = open_pair()

        with pytest.raises(HandshakeViolated, match="not awaited"):
            agent.receive_frame(message_frame(WELCOME))

    def test_a_version_that_it_did_not_offer(self) -> None:
        agent = AgentLink()
        agent.greet(samples.HELLO)

        with pytest.raises(VersionsIncompatible, match="chose version 2"):
            agent.receive_frame(message_frame(msgspec.structs.replace(WELCOME, version=2)))

    def test_nothing_that_comes_after_a_welcome_it_no_longer_wants(self) -> None:
        agent = AgentLink()
        agent.greet(samples.HELLO)
        agent.close("the service stops")

        agent.receive_frame(message_frame(WELCOME))

        assert agent.state is State.CLOSING


class TestOwnMistakes:
    def test_an_agent_greets_once(self) -> None:
        agent = AgentLink()
        agent.greet(samples.HELLO)

        with pytest.raises(ConnectionNotOpen):
            agent.greet(samples.HELLO)

    def test_an_agent_says_nothing_before_welcome(self) -> None:
        agent = AgentLink()

        with pytest.raises(ConnectionNotOpen, match="connecting"):
            agent.send_message(HEARTBEAT)
        with pytest.raises(ConnectionNotOpen):
            agent.say_goodbye("too early")

    def test_a_gateway_welcomes_only_after_hello(self) -> None:
        with pytest.raises(ConnectionMisused, match="no Hello"):
            GatewayLink().welcome(server_at=1, heartbeat_interval=5, status_interval=60)

    def test_a_gateway_welcomes_once(self) -> None:
        _, gateway = open_pair()

        with pytest.raises(ConnectionNotOpen):
            gateway.welcome(server_at=1, heartbeat_interval=5, status_interval=60)

    def test_a_gateway_says_goodbye_once(self) -> None:
        _, gateway = open_pair()
        gateway.say_goodbye("draining", retry_after=1)

        with pytest.raises(ConnectionNotOpen):
            gateway.say_goodbye("draining", retry_after=1)


class TestGoodbye:
    def test_of_the_agent_closes_both_ends(self) -> None:
        agent, gateway = open_pair()

        agent.say_goodbye("the service stops")
        goodbye, closed = deliver(agent, gateway)
        (answered,) = deliver(gateway, agent)

        assert isinstance(goodbye, MessageReceived)
        assert goodbye.message == messages.Goodbye(reason="the service stops")
        assert closed == PeerClosed(CloseCode.ORDERLY, "the service stops")
        assert isinstance(answered, PeerClosed)
        assert (agent.state, gateway.state) == (State.CLOSED, State.CLOSED)


class TestLiveSession:
    def test_is_open_at_once_and_carries_both_dialects(self) -> None:
        agent, console = LiveAgentEnd(), LiveConsoleEnd()

        for up in samples.LIVE_UP:
            agent.send_message(up)
        for down in samples.LIVE_DOWN:
            console.send_message(down)

        received_up = deliver(agent, console)
        received_down = deliver(console, agent)
        assert [a.message for a in received_up if isinstance(a, MessageReceived)] == [
            *samples.LIVE_UP
        ]
        assert [a.message for a in received_down if isinstance(a, MessageReceived)] == [
            *samples.LIVE_DOWN
        ]
