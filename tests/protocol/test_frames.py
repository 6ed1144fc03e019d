"""Frames survive the wire, and the parser lets nothing crooked through."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import frames, limits
from protocol.exceptions import MalformedFrame, ProtocolError
from tests.protocol.strategies import TEXT

STREAM_IDS = st.integers(1, 2**32 - 1)
PAYLOADS = st.binary(min_size=1, max_size=200)
FULL = bytes(limits.FRAME_PAYLOAD)

ANY_FRAME = st.one_of(
    st.builds(frames.MessageFrame, PAYLOADS),
    st.just(frames.MessageFrame(FULL, more=True)),
    st.builds(
        frames.OpenFrame,
        STREAM_IDS,
        st.builds(
            frames.StreamOpening,
            purpose=TEXT,
            priority=st.sampled_from(frames.Priority),
            length=st.none() | st.integers(0, 2**62),
        ),
    ),
    st.builds(
        frames.ResumeFrame,
        STREAM_IDS,
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(min_size=32, max_size=32),
    ),
    st.builds(frames.DataFrame, STREAM_IDS, PAYLOADS),
    st.builds(frames.CreditFrame, STREAM_IDS, st.integers(1, 2**32 - 1)),
    st.builds(frames.EndFrame, STREAM_IDS, st.binary(min_size=32, max_size=32)),
    st.builds(frames.CancelFrame, STREAM_IDS, TEXT),
    st.builds(frames.CloseFrame, st.sampled_from(frames.CloseCode), TEXT),
)


def raw(number: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BBI", number, flags, stream_id) + payload


class TestRoundTrip:
    @given(frame=ANY_FRAME)
    def test_gives_back_any_frame(self, frame: frames.Frame) -> None:
        assert frames.parse_frame(frames.encode_frame(frame)) == frame

    def test_writes_the_documented_layout(self) -> None:
        encoded = frames.encode_frame(frames.CreditFrame(7, 65536))

        assert encoded == bytes.fromhex("05 00 00000007 00010000")

    def test_cuts_long_reasons_between_characters(self) -> None:
        frame = frames.CloseFrame(frames.CloseCode.VIOLATION, "x" + "ü" * 1000)

        parsed = frames.parse_frame(frames.encode_frame(frame))

        assert isinstance(parsed, frames.CloseFrame)
        assert parsed.reason == "x" + "ü" * 255

    def test_writes_reasons_that_are_not_unicode(self) -> None:
        frame = frames.CancelFrame(1, "half \ud800")

        assert frames.parse_frame(frames.encode_frame(frame)) == frames.CancelFrame(
            1, "half \\ud800"
        )


class TestRefusals:
    @given(received=st.binary(max_size=100))
    def test_any_bytes_raise_nothing_but_protocol_errors(self, received: bytes) -> None:
        try:
            frames.parse_frame(received)
        except ProtocolError:
            return

    @given(number=st.integers(1, 8), stream_id=st.integers(0, 3), payload=st.binary(max_size=80))
    def test_any_payload_raises_nothing_but_protocol_errors(
        self, number: int, stream_id: int, payload: bytes
    ) -> None:
        try:
            frames.parse_frame(raw(number, 0, stream_id, payload))
        except ProtocolError:
            return

    @pytest.mark.parametrize(
        ("received", "reason"),
        [
            (b"", "shorter"),
            (b"\x01\x00\x00\x00\x00", "shorter"),
            (raw(4, 0, 1, FULL + b"x"), "longer"),
            (raw(0, 0, 0), "unknown type 0"),
            (raw(9, 0, 1), "unknown type 9"),
            (raw(255, 0, 1), "unknown type 255"),
            (raw(1, 0, 1, b"x"), "message on stream 1"),
            (raw(1, 2, 0, b"x"), "unknown flags"),
            (raw(1, 1, 0, b"x"), "not full"),
            (raw(1, 0, 0), "empty message"),
            (raw(4, 1, 1, b"x"), "flags"),
            (raw(4, 0, 0, b"x"), "needs a stream"),
            (raw(4, 0, 1), "no bytes"),
            (raw(5, 0, 1, b"xyz"), "3 bytes instead of 4"),
            (raw(5, 0, 1, bytes(4)), "nothing"),
            (raw(3, 0, 1, bytes(43)), "43 bytes instead of 44"),
            (raw(6, 0, 1, bytes(31)), "31 bytes instead of 32"),
            (raw(2, 0, 1, b"\xff"), "opening of stream 1"),
            (raw(2, 0, 1, b"\x80"), "purpose"),
            (raw(2, 0, 1, b"\x81\xa7purpose\xda\x01\x01" + b"x" * 257), "length"),
            (raw(7, 0, 1, b"x" * 513), "513"),
            (raw(7, 0, 1, b"\xff"), "UTF-8"),
            (raw(8, 0, 1, b"\x00"), "close on stream 1"),
            (raw(8, 0, 0), "without a code"),
            (raw(8, 0, 0, b"\x07"), "unknown close code 7"),
        ],
    )
    def test_say_what_is_wrong(self, received: bytes, reason: str) -> None:
        with pytest.raises(MalformedFrame, match=reason):
            frames.parse_frame(received)
