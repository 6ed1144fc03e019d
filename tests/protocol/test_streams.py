"""What one stream refuses from a peer that knows the layout of frames, but not the rules."""

from __future__ import annotations

import hashlib

import pytest

from protocol import limits
from protocol.connection import State
from protocol.exceptions import (
    ContentHashDiffers,
    CreditOverrun,
    ProtocolError,
    StreamOrderViolated,
    StreamReused,
    TooManyStreams,
    UnknownStream,
)
from protocol.frames import (
    CancelFrame,
    CreditFrame,
    DataFrame,
    EndFrame,
    Frame,
    OpenFrame,
    ResumeFrame,
    StreamOpening,
    encode_frame,
)
from tests.protocol.playbook import open_pair

EMPTY = hashlib.sha256().digest()
OPEN_1 = OpenFrame(1, StreamOpening(purpose="x", length=10))
OPEN_3 = OpenFrame(3, StreamOpening(purpose="x"))


class TestHostileSenders:
    """Frames of an agent that knows the layout, but not the rules; the gateway accepts stream 1."""

    def refused(self, error: type[ProtocolError], *sent: Frame, credit: int = 100) -> None:
        _, gateway = open_pair()
        gateway.receive_frame(encode_frame(OPEN_1))
        gateway.accept_stream(1, credit=credit)
        *allowed, last = sent
        for frame in allowed:
            gateway.receive_frame(encode_frame(frame))
        with pytest.raises(error):
            gateway.receive_frame(encode_frame(last))
        assert gateway.state is State.CLOSED

    def test_cannot_open_a_stream_twice(self) -> None:
        self.refused(StreamReused, OPEN_1)

    def test_cannot_open_a_stream_again_after_its_end(self) -> None:
        self.refused(StreamReused, CancelFrame(1, ""), OPEN_1)

    def test_cannot_skip_numbers(self) -> None:
        self.refused(StreamReused, OpenFrame(5, StreamOpening(purpose="x")))

    def test_cannot_use_our_numbers(self) -> None:
        self.refused(StreamReused, OpenFrame(2, StreamOpening(purpose="x")))

    def test_cannot_open_too_many(self) -> None:
        others = [
            OpenFrame(2 * number + 1, StreamOpening(purpose="x"))
            for number in range(1, limits.STREAMS + 1)
        ]

        self.refused(TooManyStreams, *others)

    def test_cannot_send_above_their_credit(self) -> None:
        self.refused(CreditOverrun, DataFrame(1, b"12345"), credit=4)

    def test_cannot_send_past_the_announced_length(self) -> None:
        self.refused(StreamOrderViolated, DataFrame(1, b"12345678901"))

    def test_cannot_send_before_acceptance(self) -> None:
        self.refused(StreamOrderViolated, OPEN_3, DataFrame(3, b"x"))

    def test_cannot_end_before_acceptance(self) -> None:
        self.refused(StreamOrderViolated, OPEN_3, EndFrame(3, EMPTY))

    def test_cannot_end_short(self) -> None:
        self.refused(
            StreamOrderViolated,
            DataFrame(1, b"123"),
            EndFrame(1, hashlib.sha256(b"123").digest()),
        )

    def test_cannot_end_with_another_hash(self) -> None:
        self.refused(ContentHashDiffers, DataFrame(1, b"1234567890"), EndFrame(1, EMPTY))

    @pytest.mark.parametrize(
        "frame", [DataFrame(9, b"x"), EndFrame(9, EMPTY), CancelFrame(9, ""), DataFrame(2, b"x")]
    )
    def test_cannot_use_streams_that_were_never_opened(self, frame: Frame) -> None:
        self.refused(UnknownStream, frame)

    def test_cannot_go_on_after_the_end(self) -> None:
        self.refused(UnknownStream, CancelFrame(1, ""), DataFrame(1, b"x"))


class TestHostileReceivers:
    """Frames of an agent that receives; the gateway sends stream 2, of ten bytes."""

    def refused(self, error: type[ProtocolError], *sent: Frame) -> None:
        _, gateway = open_pair()
        gateway.open_stream(purpose="x", length=10)
        *allowed, last = sent
        for frame in allowed:
            gateway.receive_frame(encode_frame(frame))
        with pytest.raises(error):
            gateway.receive_frame(encode_frame(last))
        assert gateway.state is State.CLOSED

    def test_cannot_accept_twice(self) -> None:
        resume = ResumeFrame(2, 0, 1, EMPTY)

        self.refused(StreamOrderViolated, resume, resume)

    def test_cannot_start_past_the_end(self) -> None:
        self.refused(StreamOrderViolated, ResumeFrame(2, 11, 1, EMPTY))

    def test_cannot_lie_about_nothing(self) -> None:
        self.refused(StreamOrderViolated, ResumeFrame(2, 0, 1, bytes(32)))

    def test_cannot_grant_more_than_the_window(self) -> None:
        self.refused(
            CreditOverrun, ResumeFrame(2, 0, limits.CREDIT_WINDOW, EMPTY), CreditFrame(2, 1)
        )

    def test_cannot_grant_more_than_the_window_at_once(self) -> None:
        self.refused(CreditOverrun, ResumeFrame(2, 0, limits.CREDIT_WINDOW + 1, EMPTY))

    @pytest.mark.parametrize("frame", [CreditFrame(4, 1), ResumeFrame(1, 0, 1, EMPTY)])
    def test_cannot_answer_what_was_not_asked(self, frame: Frame) -> None:
        self.refused(UnknownStream, frame)
