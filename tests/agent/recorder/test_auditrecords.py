"""Audit records put together to events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.auditrecords import (
    ARGUMENT_BYTES,
    CWD,
    END,
    EXECVE,
    SYSCALL,
    Assembler,
    decode_value,
    read_address,
    read_arguments,
    read_fields,
)
from agent.recorder.exceptions import MalformedRecord


def stamped(serial: int, text: bytes) -> bytes:
    return b"audit(1790000000.123:%d): %s" % (serial, text)


class TestAssembler:
    def test_completes_an_event_at_its_end(self) -> None:
        assembler = Assembler()

        assert assembler.add(SYSCALL, stamped(5, b"syscall=59 pid=7")) is None
        assert assembler.add(EXECVE, stamped(5, b'argc=1 a0="ls"')) is None
        event = assembler.add(END, stamped(5, b""))

        assert event is not None
        assert event.at == 1_790_000_000_123_000
        assert set(event.records) == {SYSCALL, EXECVE}

    def test_keeps_events_apart_whose_records_are_mixed(self) -> None:
        assembler = Assembler()
        assembler.add(SYSCALL, stamped(5, b"pid=1"))
        assembler.add(SYSCALL, stamped(6, b"pid=2"))
        assembler.add(CWD, stamped(5, b'cwd="/a"'))

        second, first = assembler.add(END, stamped(6, b"")), assembler.add(END, stamped(5, b""))

        assert first is not None
        assert second is not None
        assert CWD in first.records
        assert CWD not in second.records

    def test_counts_the_serial_numbers_that_never_came(self) -> None:
        assembler = Assembler()
        for serial in (10, 12, 11, 15):
            assembler.add(SYSCALL, stamped(serial, b""))

        assert assembler.missing() == 2

    def test_gives_a_single_message_at_once(self) -> None:
        event = Assembler().add(1112, stamped(5, b'pid=1 acct="root"'))

        assert event is not None
        assert 1112 in event.records

    def test_forgets_events_that_never_end_and_counts_them(self) -> None:
        assembler = Assembler()
        for serial in range(1, 5001):
            assembler.add(SYSCALL, stamped(serial, b""))

        assert assembler.missing() == 5000 - 4096

    def test_refuses_a_record_without_a_stamp(self) -> None:
        with pytest.raises(MalformedRecord):
            Assembler().add(SYSCALL, b"nonsense")


class TestReadArguments:
    def test_decodes_quoted_and_hexadecimal(self) -> None:
        records = [b'argc=3 a0="sh" a1="-c" a2=6563686F206869']

        assert read_arguments(records) == (("sh", "-c", "echo hi"), 13)

    def test_joins_the_pieces_of_a_long_argument(self) -> None:
        records = [b'argc=2 a0="x" a1_len=4 a1[0]=6161', b"a1[1]=6262"]

        assert read_arguments(records)[0] == ("x", "aabb")

    def test_keeps_eight_kibibytes_and_tells_the_true_length(self) -> None:
        arguments, length = read_arguments([b'argc=1 a0="' + b"z" * 20_000 + b'"'])

        assert (len(arguments[0]), length) == (ARGUMENT_BYTES, 20_000)

    @given(st.lists(st.binary(max_size=50).filter(lambda value: b"\0" not in value), min_size=1))
    def test_reads_back_any_arguments(self, arguments: list[bytes]) -> None:
        text = b" ".join(
            b"a%d=%s" % (n, value.hex().upper().encode() if value else b'""')
            for n, value in enumerate(arguments)
        )

        found, _ = read_arguments([b"argc=%d " % len(arguments) + text])

        assert list(found) == [value.decode("utf-8", "backslashreplace") for value in arguments]


class TestReadAddress:
    def test_reads_both_families(self) -> None:
        assert read_address(b"020001BB7F0000010000000000000000") == (2, b"\x7f\0\0\1", 443)
        raw = b"0A0001BB00000000" + b"00" * 15 + b"01" + b"00000000"
        assert read_address(raw) == (10, bytes(15) + b"\1", 443)

    @pytest.mark.parametrize(
        "saddr", [b"0100", b"01002F72756E2F7300000000", b"0A0001BB00000000", b""]
    )
    def test_refuses_other_addresses(self, saddr: bytes) -> None:
        with pytest.raises(MalformedRecord):
            read_address(saddr)


class TestReadFields:
    def test_keeps_blanks_inside_quotes(self) -> None:
        assert read_fields(b'pid=7 comm="a b" key=(null)') == {
            b"pid": b"7",
            b"comm": b'"a b"',
            b"key": b"(null)",
        }

    def test_leaves_null_empty(self) -> None:
        assert decode_value(b"(null)") == b""

    def test_refuses_text_in_no_known_form(self) -> None:
        with pytest.raises(MalformedRecord):
            decode_value(b"xyz")
