"""Messages survive the wire, and nothing else gets through it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, events, instructions, limits, live, messages
from protocol.exceptions import MalformedMessage, MessageTooLarge, ProtocolError
from tests.protocol import samples
from tests.protocol.strategies import values_of

DIALECTS: dict[codec.Dialect[Any], Any] = {
    codec.UPWARD: messages.Upward,
    codec.DOWNWARD: messages.Downward,
    codec.LIVE_UPWARD: live.LiveUpward,
    codec.LIVE_DOWNWARD: live.LiveDownward,
    codec.INSTRUCTION: instructions.AnyInstruction,
    codec.EVENTS: list[events.Event],
}
each_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def packed(content: Any) -> bytes:
    return bytes([codec.PLAIN]) + msgspec.msgpack.encode(content)


def compressed(content: bytes, **parameters: Any) -> bytes:
    return bytes([codec.ZSTD]) + zstandard.ZstdCompressor(**parameters).compress(content)


class TestRoundTrip:
    @each_dialect
    @given(drawn=st.data())
    def test_gives_back_any_message(
        self, dialect: codec.Dialect[Any], drawn: st.DataObject
    ) -> None:
        message = drawn.draw(values_of(DIALECTS[dialect]))

        assert dialect.decode(dialect.encode(message)) == message

    def test_compresses_what_is_long_and_repeats_itself(self) -> None:
        later = messages.Later(retry_after=1.0, reason="full " * 1000)

        encoded = codec.DOWNWARD.encode(later)

        assert encoded[0] == codec.ZSTD
        assert len(encoded) < 200
        assert codec.DOWNWARD.decode(encoded) == later

    def test_leaves_short_messages_alone(self) -> None:
        assert codec.UPWARD.encode(messages.Heartbeat(sent_at=1))[0] == codec.PLAIN

    def test_leaves_alone_what_does_not_get_smaller(self) -> None:
        # Bytes that a compressor has already been over.
        content = zstandard.ZstdCompressor(level=19).compress(
            b"".join(number.to_bytes(4, "big") for number in range(0, 2**31, 2**19))
        )
        assert len(content) > limits.COMPRESS_ABOVE

        assert codec.DOWNWARD.encode(messages.Instruct(envelope=content))[0] == codec.PLAIN


class TestVersions:
    def test_ignores_fields_of_later_versions(self) -> None:
        encoded = packed({"t": "endpoint.heartbeat", "sent_at": 5, "mood": "good"})

        assert codec.UPWARD.decode(encoded) == messages.Heartbeat(sent_at=5)

    def test_ignores_positions_of_later_versions(self) -> None:
        encoded = packed([["dns", 1, None, "example.invalid", "A", "", "", "later", 7]])

        assert codec.EVENTS.decode(encoded) == [
            events.DnsEvent(at=1, process=None, query="example.invalid", record_type="A")
        ]

    def test_fills_fields_that_earlier_versions_lack(self) -> None:
        assert codec.DOWNWARD.decode(packed({"t": "link.goodbye", "reason": "x"})) == (
            messages.Goodbye(reason="x", retry_after=None)
        )


class TestRefusals:
    @each_dialect
    @given(encoded=st.binary(max_size=300))
    def test_any_bytes_raise_nothing_but_protocol_errors(
        self, dialect: codec.Dialect[Any], encoded: bytes
    ) -> None:
        for form in (b"", b"\x00", b"\x01", b"\x01\x28\xb5\x2f\xfd"):
            try:
                dialect.decode(form + encoded)
            except ProtocolError:
                continue

    @given(drawn=st.data())
    def test_damaged_messages_raise_nothing_but_protocol_errors(self, drawn: st.DataObject) -> None:
        encoded = bytearray(codec.LIVE_UPWARD.encode(samples.LIVE_UP[3]))
        position = drawn.draw(st.integers(0, len(encoded) - 1))
        encoded[position] = drawn.draw(st.integers(0, 255))

        try:
            codec.LIVE_UPWARD.decode(bytes(encoded))
        except ProtocolError:
            return

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ({"t": "endpoint.unheard_of", "sent_at": 1}, "endpoint.unheard_of"),
            ({"t": "gateway.welcome", "version": 1}, "gateway.welcome"),
            ({"sent_at": 1}, "`t`"),
            ({"t": "endpoint.heartbeat"}, "`sent_at`"),
            ({"t": "endpoint.heartbeat", "sent_at": "soon"}, "$.sent_at"),
            ({"t": "endpoint.heartbeat", "sent_at": None}, "$.sent_at"),
            ([1, 2], "array"),
            (7, "int"),
        ],
    )
    def test_name_the_place(self, content: Any, place: str) -> None:
        with pytest.raises(MalformedMessage) as refusal:
            codec.UPWARD.decode(packed(content))

        assert place in str(refusal.value)
        assert str(refusal.value).startswith("agent to gateway: ")

    def test_every_truncation(self) -> None:
        encoded = codec.UPWARD.encode(samples.STATUS)

        for length in range(len(encoded)):
            with pytest.raises(MalformedMessage):
                codec.UPWARD.decode(encoded[:length])

    def test_trailing_bytes(self) -> None:
        plain = codec.UPWARD.encode(messages.Heartbeat(sent_at=1))

        with pytest.raises(MalformedMessage, match="trailing"):
            codec.UPWARD.decode(plain + b"\x00")

    def test_trailing_bytes_behind_compressed_ones(self) -> None:
        encoded = codec.DOWNWARD.encode(messages.Later(retry_after=1, reason="full " * 1000))

        with pytest.raises(MalformedMessage):
            codec.DOWNWARD.decode(encoded + b"\x00")

    def test_unknown_forms(self) -> None:
        with pytest.raises(MalformedMessage, match="0x02"):
            codec.UPWARD.decode(b"\x02\x80")

    def test_text_that_is_not_utf8(self) -> None:
        encoded = packed({"t": "link.goodbye", "reason": "abc"}).replace(b"abc", b"\xff\xfe\xfd")

        with pytest.raises(MalformedMessage):
            codec.UPWARD.decode(encoded)

    def test_lists_nested_a_hundred_thousand_deep(self) -> None:
        nested = b"\x00\x82\xa1t\xaclink.goodbye\xa1x" + b"\x91" * 100_000 + b"\xc0"

        with pytest.raises(MalformedMessage):
            codec.UPWARD.decode(nested)


class TestSizes:
    def test_refuses_to_send_above_the_limit(self) -> None:
        goodbye = messages.Goodbye(reason="x" * limits.UPWARD_MESSAGE)

        with pytest.raises(MessageTooLarge, match="agent to gateway"):
            codec.UPWARD.encode(goodbye)

    def test_refuses_to_read_above_the_limit(self) -> None:
        with pytest.raises(MessageTooLarge):
            codec.UPWARD.decode(bytes(limits.UPWARD_MESSAGE + 1))

    def test_refuses_a_bomb_by_its_declared_size(self) -> None:
        bomb = compressed(bytes(limits.UPWARD_MESSAGE * 64))
        assert len(bomb) < 10_000

        with pytest.raises(MessageTooLarge, match="declares"):
            codec.UPWARD.decode(bomb)

    def test_refuses_a_bomb_that_hides_its_size(self) -> None:
        bomb = compressed(bytes(limits.UPWARD_MESSAGE * 64), write_content_size=False)

        with pytest.raises(MalformedMessage, match="without a declared size"):
            codec.UPWARD.decode(bomb)

    def test_refuses_a_bomb_that_lies_about_its_size(self) -> None:
        honest = compressed(bytes(200_000))
        declared = (200_000).to_bytes(4, "little")
        assert honest.count(declared) == 1
        lying = honest.replace(declared, (2_000).to_bytes(4, "little"))

        with pytest.raises(MalformedMessage):
            codec.UPWARD.decode(lying)
