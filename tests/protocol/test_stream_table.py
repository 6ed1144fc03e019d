"""Streams as a play: offer, acceptance, credit, end, cancel, resumption, and their abuse."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.arrivals import (
    CreditGranted,
    StreamAccepted,
    StreamBytes,
    StreamCancelled,
    StreamEnded,
    StreamOffered,
)
from protocol.connection import State
from protocol.ends import AgentLink, GatewayLink
from protocol.exceptions import (
    ConnectionMisused,
    CreditExceeded,
    PrefixDiffers,
    StreamNotOpen,
)
from protocol.frames import (
    DataFrame,
    Priority,
    parse_frame,
)
from tests.protocol.playbook import deliver, open_pair

EMPTY = hashlib.sha256().digest()
CONTENT = bytes(range(256)) * 1024  # 256 KiB


def accepted_stream(
    *, credit: int = limits.CREDIT_WINDOW, **opening: Any
) -> tuple[AgentLink, GatewayLink, int]:
    """Give two open ends and a stream from the agent that the gateway has accepted."""
    agent, gateway = open_pair()
    stream_id = agent.open_stream(purpose="a file", **opening)
    deliver(agent, gateway)
    gateway.accept_stream(stream_id, credit=credit)
    deliver(gateway, agent)
    return agent, gateway, stream_id


def content_of(arrivals: list[Any]) -> bytes:
    return b"".join(a.content for a in arrivals if isinstance(a, StreamBytes))


class TestTransfer:
    def test_goes_offer_accept_bytes_end(self) -> None:
        agent, gateway = open_pair()

        stream_id = agent.open_stream(purpose="a file", priority=Priority.BULK, length=len(CONTENT))
        assert deliver(agent, gateway) == [
            StreamOffered(stream_id, "a file", Priority.BULK, len(CONTENT))
        ]
        gateway.accept_stream(stream_id)
        assert deliver(gateway, agent) == [StreamAccepted(stream_id, 0)]
        agent.send_bytes(stream_id, CONTENT)
        agent.end_stream(stream_id)
        *pieces, ended = deliver(agent, gateway)

        assert content_of(pieces) == CONTENT
        assert [a.offset for a in pieces if isinstance(a, StreamBytes)] == [
            0, 65536, 131072, 196608,
        ]  # fmt: skip
        assert ended == StreamEnded(stream_id, len(CONTENT), hashlib.sha256(CONTENT).digest())

    def test_works_from_the_gateway_too(self) -> None:
        agent, gateway = open_pair()
        stream_id = gateway.open_stream(purpose="an update")
        assert stream_id % 2 == 0
        deliver(gateway, agent)
        agent.accept_stream(stream_id)
        deliver(agent, gateway)

        gateway.send_bytes(stream_id, b"content")

        assert content_of(deliver(gateway, agent)) == b"content"

    def test_may_be_empty(self) -> None:
        agent, gateway, stream_id = accepted_stream()

        agent.send_bytes(stream_id, b"")
        agent.end_stream(stream_id)

        assert deliver(agent, gateway) == [StreamEnded(stream_id, 0, EMPTY)]

    def test_waits_for_acceptance(self) -> None:
        agent, _ = open_pair()
        stream_id = agent.open_stream(purpose="a file")

        assert agent.may_send(stream_id) == 0
        with pytest.raises(CreditExceeded):
            agent.send_bytes(stream_id, b"x")
        with pytest.raises(StreamNotOpen):
            agent.end_stream(stream_id)

    def test_waits_for_credit(self) -> None:
        agent, gateway, stream_id = accepted_stream(credit=10)
        assert agent.may_send(stream_id) == 10
        agent.send_bytes(stream_id, b"0123456789")
        with pytest.raises(CreditExceeded, match="may send 0"):
            agent.send_bytes(stream_id, b"x")
        deliver(agent, gateway)

        gateway.grant_credit(stream_id, 5)

        assert deliver(gateway, agent) == [CreditGranted(stream_id, 5)]
        assert agent.may_send(stream_id) == 5

    @given(
        chunks=st.lists(st.binary(max_size=100_000), max_size=6),
        credit=st.integers(1, limits.CREDIT_WINDOW),
    )
    def test_carries_any_content_with_any_credit(self, chunks: list[bytes], credit: int) -> None:
        agent, gateway, stream_id = accepted_stream(credit=credit)
        received = bytearray()

        for chunk in chunks:
            rest = chunk
            while rest:
                size = agent.may_send(stream_id)
                agent.send_bytes(stream_id, rest[:size])
                rest = rest[size:]
                arrived = content_of(deliver(agent, gateway))
                received += arrived
                gateway.grant_credit(stream_id, len(arrived))
                deliver(gateway, agent)
        agent.end_stream(stream_id)

        content = b"".join(chunks)
        assert deliver(agent, gateway) == [
            StreamEnded(stream_id, len(content), hashlib.sha256(content).digest())
        ]
        assert received == content


class TestPriorities:
    def sending(self, *priorities: Priority) -> tuple[AgentLink, list[int]]:
        agent, gateway = open_pair()
        stream_ids = [agent.open_stream(purpose="x", priority=p) for p in priorities]
        deliver(agent, gateway)
        for stream_id in stream_ids:
            gateway.accept_stream(stream_id)
        deliver(gateway, agent)
        for stream_id in stream_ids:
            agent.send_bytes(stream_id, bytes(2 * limits.FRAME_PAYLOAD))
        return agent, stream_ids

    def order(self, agent: AgentLink) -> list[int]:
        sent = map(parse_frame, agent.frames_to_send(limits.CREDIT_WINDOW))
        return [frame.stream_id for frame in sent if isinstance(frame, DataFrame)]

    def test_put_the_urgent_first(self) -> None:
        agent, (bulk, urgent) = self.sending(Priority.BULK, Priority.INTERACTIVE)

        assert self.order(agent) == [urgent, urgent, bulk, bulk]

    def test_share_among_equals(self) -> None:
        agent, (first, second) = self.sending(Priority.NORMAL, Priority.NORMAL)

        assert self.order(agent) == [first, second, first, second]


class TestResumption:
    def test_goes_on_where_the_receiver_stopped(self) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="a file", length=len(CONTENT))
        deliver(agent, gateway)
        head, tail = CONTENT[:100_000], CONTENT[100_000:]

        gateway.accept_stream(stream_id, offset=len(head), prefix=hashlib.sha256(head))
        assert deliver(gateway, agent) == [StreamAccepted(stream_id, len(head))]
        assert agent.may_send(stream_id) == 0
        with pytest.raises(StreamNotOpen):
            agent.end_stream(stream_id)
        agent.resume_stream(stream_id, hashlib.sha256(head))
        agent.send_bytes(stream_id, tail)
        agent.end_stream(stream_id)
        *pieces, ended = deliver(agent, gateway)

        assert content_of(pieces) == tail
        assert ended == StreamEnded(stream_id, len(CONTENT), hashlib.sha256(CONTENT).digest())

    def test_notices_that_the_file_changed(self) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="a file")
        deliver(agent, gateway)
        gateway.accept_stream(stream_id, offset=3, prefix=hashlib.sha256(b"old"))
        deliver(gateway, agent)

        with pytest.raises(PrefixDiffers):
            agent.resume_stream(stream_id, hashlib.sha256(b"new"))

    def test_is_only_for_streams_that_wait_for_it(self) -> None:
        agent, _, stream_id = accepted_stream()

        with pytest.raises(StreamNotOpen):
            agent.resume_stream(stream_id, hashlib.sha256())

    @pytest.mark.parametrize(
        ("offset", "prefix"),
        [(-1, None), (11, hashlib.sha256(b"x")), (3, None), (0, hashlib.sha256())],
    )
    def test_needs_an_offset_that_is_there_and_its_hash(self, offset: int, prefix: Any) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="a file", length=10)
        deliver(agent, gateway)

        with pytest.raises(StreamNotOpen):
            gateway.accept_stream(stream_id, offset=offset, prefix=prefix)


class TestCancelling:
    def test_by_the_sender_reaches_the_receiver(self) -> None:
        agent, gateway, stream_id = accepted_stream()
        agent.send_bytes(stream_id, b"never sent")

        agent.cancel_stream(stream_id, "the file is gone")

        assert deliver(agent, gateway) == [StreamCancelled(stream_id, "the file is gone")]
        assert agent.may_send(stream_id) == 0

    def test_by_the_receiver_reaches_the_sender(self) -> None:
        agent, gateway, stream_id = accepted_stream()

        gateway.cancel_stream(stream_id, "the analyst left")

        assert deliver(gateway, agent) == [StreamCancelled(stream_id, "the analyst left")]
        assert deliver(agent, gateway) == []
        with pytest.raises(StreamNotOpen):
            agent.send_bytes(stream_id, b"x")

    def test_ignores_bytes_that_were_under_way(self) -> None:
        agent, gateway, stream_id = accepted_stream()
        agent.send_bytes(stream_id, b"under way")
        agent.end_stream(stream_id)

        gateway.cancel_stream(stream_id, "the analyst left")

        assert deliver(agent, gateway) == []
        assert deliver(gateway, agent) == []
        assert (agent.state, gateway.state) == (State.OPEN, State.OPEN)

    def test_may_cross_on_the_way(self) -> None:
        agent, gateway, stream_id = accepted_stream()

        agent.cancel_stream(stream_id, "gone")
        gateway.cancel_stream(stream_id, "left")

        assert deliver(agent, gateway) == []
        assert deliver(gateway, agent) == []

    def test_refuses_an_offer(self) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="unwanted")
        deliver(agent, gateway)

        gateway.cancel_stream(stream_id, "no room")

        assert deliver(gateway, agent) == [StreamCancelled(stream_id, "no room")]

    def test_makes_room_for_the_next(self) -> None:
        agent, gateway = open_pair()
        for _ in range(limits.STREAMS * 2):
            stream_id = agent.open_stream(purpose="unwanted")
            deliver(agent, gateway)
            gateway.cancel_stream(stream_id, "no")
            deliver(gateway, agent)
            deliver(agent, gateway)

    def test_ignores_credit_for_a_stream_that_ended(self) -> None:
        agent, gateway, stream_id = accepted_stream(credit=10)
        gateway.grant_credit(stream_id, 5)
        agent.end_stream(stream_id)
        agent.frames_to_send()

        assert deliver(gateway, agent) == []


class TestOwnMistakes:
    def test_streams_that_are_not_there(self) -> None:
        agent, _ = open_pair()

        assert agent.may_send(1) == 0
        with pytest.raises(StreamNotOpen):
            agent.send_bytes(1, b"x")
        with pytest.raises(StreamNotOpen):
            agent.end_stream(1)
        with pytest.raises(StreamNotOpen):
            agent.resume_stream(1, hashlib.sha256())
        with pytest.raises(StreamNotOpen):
            agent.accept_stream(2)
        with pytest.raises(StreamNotOpen):
            agent.grant_credit(2, 1)
        with pytest.raises(StreamNotOpen):
            agent.cancel_stream(2, "")

    def test_more_streams_than_allowed(self) -> None:
        agent, _ = open_pair()
        for _ in range(limits.STREAMS):
            agent.open_stream(purpose="x")

        with pytest.raises(StreamNotOpen):
            agent.open_stream(purpose="one too many")

    @pytest.mark.parametrize("opening", [{"purpose": "x" * 257}, {"purpose": "", "length": -1}])
    def test_openings_that_the_peer_would_refuse(self, opening: Any) -> None:
        agent, _ = open_pair()

        with pytest.raises(ConnectionMisused):
            agent.open_stream(**opening)

    def test_bytes_after_the_end(self) -> None:
        agent, _, stream_id = accepted_stream()
        agent.end_stream(stream_id)

        with pytest.raises(StreamNotOpen):
            agent.send_bytes(stream_id, b"x")
        with pytest.raises(StreamNotOpen):
            agent.end_stream(stream_id)
        assert agent.may_send(stream_id) == 0

    def test_another_length_than_announced(self) -> None:
        agent, _, stream_id = accepted_stream(length=3)

        with pytest.raises(StreamNotOpen, match="3 bytes"):
            agent.send_bytes(stream_id, b"1234")
        agent.send_bytes(stream_id, b"12")
        with pytest.raises(StreamNotOpen, match="2 instead of 3"):
            agent.end_stream(stream_id)

    def test_accepting_twice(self) -> None:
        _, gateway, stream_id = accepted_stream()

        with pytest.raises(StreamNotOpen):
            gateway.accept_stream(stream_id)

    def test_granting_before_accepting(self) -> None:
        agent, gateway = open_pair()
        stream_id = agent.open_stream(purpose="x")
        deliver(agent, gateway)

        with pytest.raises(StreamNotOpen):
            gateway.grant_credit(stream_id, 1)

    @pytest.mark.parametrize("credit", [0, -1, limits.CREDIT_WINDOW])
    def test_granting_what_is_no_credit(self, credit: int) -> None:
        _, gateway, stream_id = accepted_stream(credit=1)

        with pytest.raises(CreditExceeded):
            gateway.grant_credit(stream_id, credit)

    def test_answering_a_stream_that_was_cancelled(self) -> None:
        _, gateway, stream_id = accepted_stream()
        gateway.cancel_stream(stream_id, "")

        with pytest.raises(StreamNotOpen):
            gateway.grant_credit(stream_id, 1)
