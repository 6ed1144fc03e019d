"""Questions to DNS servers, from peers that may send anything."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.dnsmessage import TYPE_NAMES, read_question
from agent.recorder.exceptions import MalformedRecord

HEADER = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0)
labels = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6)


def question(names: list[bytes], number: int) -> bytes:
    name = b"".join(bytes([len(label)]) + label for label in names)
    return HEADER + name + b"\0" + struct.pack(">HH", number, 1)


class TestReadQuestion:
    def test_returns_name_and_type(self) -> None:
        assert read_question(question([b"www", b"example", b"com"], 28)) == (
            "www.example.com",
            "AAAA",
        )

    def test_names_an_unknown_type_by_its_number(self) -> None:
        assert read_question(question([b"a"], 4242)) == ("a", "TYPE4242")

    def test_shows_bytes_that_are_not_text(self) -> None:
        assert read_question(question([b"\xff\x1b"], 1)) == ("\\xff\x1b", "A")

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            HEADER[:11],
            HEADER,
            struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + b"\1a\0\0\1\0\1",
            struct.pack(">HHHHHH", 7, 0, 0, 0, 0, 0),
            HEADER + b"\xc0\x0c\0\1\0\1",
            HEADER + b"\1a\0\0",
            HEADER + b"\x3f" + b"a" * 10,
            HEADER + b"\x3faaa" * 100,
        ],
    )
    def test_refuses_what_is_no_plain_question(self, message: bytes) -> None:
        with pytest.raises(MalformedRecord):
            read_question(message)

    @given(labels, st.integers(0, 65535))
    def test_reads_every_question(self, names: list[bytes], number: int) -> None:
        name, record_type = read_question(question(names, number))

        assert name.count(".") >= len(names) - 1
        assert record_type == TYPE_NAMES.get(number, f"TYPE{number}")

    @given(st.binary(max_size=600))
    def test_never_fails_in_another_way(self, message: bytes) -> None:
        try:
            name, _ = read_question(message)
        except MalformedRecord:
            return
        name.encode("utf-8")
