"""Messages, order, closing and hostile peers, played between two connections."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits, messages
from protocol.arrivals import MessageReceived, PeerClosed, StreamBytes
from protocol.codec import UPWARD
from protocol.connection import State
from protocol.exceptions import (
    ConnectionNotOpen,
    ConnectionViolation,
    FrameAfterClose,
    MalformedFrame,
    MalformedMessage,
    MessageTooLarge,
    ProtocolError,
    SendQueueFull,
)
from protocol.frames import (
    CloseCode,
    CloseFrame,
    MessageFrame,
    OpenFrame,
    StreamOpening,
    encode_frame,
    parse_frame,
)
from tests.protocol import samples
from tests.protocol.playbook import deliver, open_pair
from tests.protocol.test_frames import ANY_FRAME

# Bytes that no compressor makes smaller.
NOISE = b"".join(
    struct.pack(">Q", (number * 0x9E3779B97F4A7C15) % 2**64) for number in range(50_000)
)
LARGE = messages.Instruct(envelope=NOISE)


def messages_in(arrivals: list[Any]) -> list[Any]:
    return [arrival.message for arrival in arrivals if isinstance(arrival, MessageReceived)]


class TestMessages:
    def test_arrive_in_order_both_ways(self) -> None:
        agent, gateway = open_pair()

        for up in samples.UP[1:]:
            agent.send_message(up)
        for down in samples.DOWN[2:]:
            gateway.send_message(down)

        assert messages_in(deliver(agent, gateway)) == [*samples.UP[1:]]
        assert messages_in(deliver(gateway, agent)) == [*samples.DOWN[2:]]

    def test_come_with_the_bytes_that_they_were_sent_in(self) -> None:
        agent, gateway = open_pair()
        agent.send_message(samples.UP[3])

        (arrived,) = deliver(agent, gateway)

        assert isinstance(arrived, MessageReceived)
        assert UPWARD.decode(arrived.encoded) == samples.UP[3]

    def test_above_a_frame_travel_in_parts(self) -> None:
        agent, gateway = open_pair()
        gateway.send_message(LARGE)
        frames = gateway.frames_to_send(limits.MIB)

        assert len(frames) == 7
        assert all(len(frame) <= limits.FRAME_PAYLOAD + 6 for frame in frames)
        assert [agent.receive_frame(frame) for frame in frames[:-1]] == [[]] * 6
        assert messages_in(agent.receive_frame(frames[-1])) == [LARGE]

    def test_leave_the_queue_by_the_budget(self) -> None:
        _, gateway = open_pair()
        gateway.send_message(LARGE)
        waiting = gateway.queued_bytes

        first = gateway.frames_to_send(1)

        assert len(first) == 1
        assert gateway.queued_bytes == waiting - len(first[0])

    def test_do_not_pile_up_for_a_peer_that_does_not_read(self) -> None:
        _, gateway = open_pair()

        while gateway.queued_bytes < limits.SEND_QUEUE:
            gateway.send_message(LARGE)
        with pytest.raises(SendQueueFull):
            gateway.send_message(LARGE)

        assert gateway.state is State.OPEN

    def test_above_the_limit_are_not_sent(self) -> None:
        agent, _ = open_pair()

        with pytest.raises(MessageTooLarge):
            agent.send_message(messages.Goodbye(reason="x" * limits.UPWARD_MESSAGE))

        assert agent.frames_to_send() == []

    def test_overtake_streams(self) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="bulk")
        deliver(agent, gateway)
        gateway.accept_stream(stream_id)
        deliver(gateway, agent)
        agent.send_bytes(stream_id, bytes(limits.CREDIT_WINDOW))
        for frame in agent.frames_to_send(limits.FRAME_PAYLOAD):
            gateway.receive_frame(frame)

        agent.send_message(messages.Heartbeat(sent_at=1))

        arrivals = deliver(agent, gateway)
        assert isinstance(arrivals[0], MessageReceived)
        assert all(isinstance(arrival, StreamBytes) for arrival in arrivals[1:])
        assert len(arrivals) == 1 + 15


class TestClosing:
    def test_delivers_what_was_queued_first(self) -> None:
        agent, gateway = open_pair()
        agent.send_message(messages.Heartbeat(sent_at=1))
        agent.close("done")

        heartbeat, closed = deliver(agent, gateway)

        assert isinstance(heartbeat, MessageReceived)
        assert closed == PeerClosed(CloseCode.ORDERLY, "done")
        assert gateway.state is State.CLOSED

    def test_still_hears_what_was_under_way(self) -> None:
        agent, gateway = open_pair()
        gateway.send_message(messages.Acknowledge(ids=[samples.FIRST_ID]))
        agent.close("done")

        assert messages_in(deliver(gateway, agent)) == [
            messages.Acknowledge(ids=[samples.FIRST_ID])
        ]
        assert agent.state is State.CLOSING

    def test_ends_when_both_said_so(self) -> None:
        agent, gateway = open_pair()
        agent.close("agent")
        gateway.close("gateway")

        assert deliver(agent, gateway) == [PeerClosed(CloseCode.ORDERLY, "agent")]
        assert deliver(gateway, agent) == [PeerClosed(CloseCode.ORDERLY, "gateway")]
        assert (agent.state, gateway.state) == (State.CLOSED, State.CLOSED)

    def test_happens_once(self) -> None:
        agent, gateway = open_pair()
        agent.close("first")
        agent.close("second")

        assert deliver(agent, gateway) == [PeerClosed(CloseCode.ORDERLY, "first")]

    def test_takes_no_more_messages(self) -> None:
        agent, _ = open_pair()
        agent.close("done")

        with pytest.raises(ConnectionNotOpen, match="closing"):
            agent.send_message(messages.Heartbeat(sent_at=1))
        with pytest.raises(ConnectionNotOpen):
            agent.open_stream(purpose="late")

    def test_drops_streams_and_ignores_what_was_under_way_on_them(self) -> None:
        agent, gateway = open_pair()
        ours, cancelled = agent.open_stream(purpose="a"), agent.open_stream(purpose="b")
        deliver(agent, gateway)
        gateway.accept_stream(ours)
        gateway.accept_stream(cancelled)
        deliver(gateway, agent)
        agent.send_bytes(ours, b"late")
        agent.end_stream(ours)
        agent.cancel_stream(cancelled, "changed my mind")
        agent.open_stream(purpose="c")
        gateway.close("draining")

        assert deliver(agent, gateway) == []
        assert gateway.state is State.CLOSING


class TestHostilePeers:
    def refused(self, error: type[ProtocolError], *frames: bytes) -> str:
        """Feed frames to a gateway; give the farewell that goes back."""
        agent, gateway = open_pair()
        *allowed, last = frames
        for frame in allowed:
            gateway.receive_frame(frame)
        with pytest.raises(error):
            gateway.receive_frame(last)
        assert gateway.state is State.CLOSED
        (closed,) = deliver(gateway, agent)
        assert isinstance(closed, PeerClosed)
        assert closed.code is CloseCode.VIOLATION
        return closed.reason

    def test_are_told_which_rule_they_broke(self) -> None:
        reason = self.refused(MalformedFrame, b"GET / HTTP/1.1\r\n\r\n")

        assert reason.startswith("MalformedFrame: ")

    def test_cannot_send_garbage_in_a_frame(self) -> None:
        self.refused(MalformedMessage, encode_frame(MessageFrame(b"\x00garbage")))

    def test_cannot_send_a_frame_above_the_limit(self) -> None:
        self.refused(MalformedFrame, bytes(limits.FRAME_PAYLOAD + 7))

    def test_cannot_announce_a_gibibyte(self) -> None:
        # A MessagePack text that claims 1 GiB - and a WebSocket library must refuse the frame.
        self.refused(
            MalformedMessage, encode_frame(MessageFrame(b"\x00\x81\xa1t\xdb\x40\x00\x00\x00"))
        )

    def test_cannot_send_parts_without_end(self) -> None:
        part = encode_frame(MessageFrame(bytes(limits.FRAME_PAYLOAD), more=True))
        allowed = limits.UPWARD_MESSAGE // limits.FRAME_PAYLOAD

        self.refused(MessageTooLarge, *[part] * (allowed + 1))

    def test_cannot_keep_parts_of_a_refused_message(self) -> None:
        _, gateway = open_pair()
        part = encode_frame(MessageFrame(bytes(limits.FRAME_PAYLOAD), more=True))
        gateway.receive_frame(part)

        with pytest.raises(MalformedFrame):
            gateway.receive_frame(b"")

        assert gateway._parts == []

    def test_cannot_speak_after_a_violation(self) -> None:
        _, gateway = open_pair()
        with pytest.raises(ConnectionViolation):
            gateway.receive_frame(b"")

        with pytest.raises(FrameAfterClose):
            gateway.receive_frame(encode_frame(CloseFrame(CloseCode.ORDERLY, "")))

    def test_cannot_speak_after_their_close(self) -> None:
        heartbeat = encode_frame(MessageFrame(UPWARD.encode(messages.Heartbeat(sent_at=1))))
        _, gateway = open_pair()
        gateway.receive_frame(encode_frame(CloseFrame(CloseCode.ORDERLY, "bye")))

        with pytest.raises(FrameAfterClose):
            gateway.receive_frame(heartbeat)

    def test_lose_what_was_queued_for_them(self) -> None:
        _, gateway = open_pair()
        gateway.send_message(messages.Acknowledge(ids=[]))
        with pytest.raises(ConnectionViolation):
            gateway.receive_frame(b"")

        (farewell,) = gateway.frames_to_send()

        assert isinstance(parse_frame(farewell), CloseFrame)
        assert gateway.queued_bytes == 0

    def test_cannot_make_the_reason_too_long(self) -> None:
        opening = StreamOpening(purpose="x")
        reason = self.refused(ConnectionViolation, encode_frame(OpenFrame(2**32 - 1, opening)))

        assert len(reason) <= limits.REASON_TEXT

    @given(frames=st.lists(ANY_FRAME.map(encode_frame) | st.binary(max_size=50), max_size=8))
    def test_cannot_raise_anything_but_protocol_errors(self, frames: list[bytes]) -> None:
        _, gateway = open_pair()
        stream_id = gateway.open_stream(purpose="bait")
        try:
            for frame in frames:
                gateway.receive_frame(frame)
        except ProtocolError:
            assert gateway.state is State.CLOSED
        for farewell in gateway.frames_to_send():
            assert parse_frame(farewell)
        assert gateway.may_send(stream_id) >= 0

    @given(encoded=st.binary(min_size=1, max_size=200))
    def test_cannot_raise_anything_else_at_an_agent_either(self, encoded: bytes) -> None:
        agent, _ = open_pair()
        try:
            agent.receive_frame(encode_frame(MessageFrame(b"\x00" + encoded)))
        except ProtocolError:
            assert agent.state is State.CLOSED
