"""The vocabulary of recorded events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import events
from tests.protocol import samples


class TestProcessKey:
    def test_fits_into_a_63_bit_integer_until_2089(self) -> None:
        new_year_2089 = 3_755_289_600_000_000

        assert 0 <= events.process_key(2**22 - 1, new_year_2089) < 2**63

    @given(pid=st.integers(0, 2**22 - 1), milliseconds=st.integers(0, 2**41 - 1))
    def test_tells_pid_and_start_apart(self, pid: int, milliseconds: int) -> None:
        key = events.process_key(pid, (events.KEY_EPOCH_MS + milliseconds) * 1000)

        assert (key >> events.PID_BITS, key & (2**events.PID_BITS - 1)) == (milliseconds, pid)


class TestTextFromOs:
    def test_shows_what_is_not_utf8(self) -> None:
        assert events.text_from_os(b"caf\xe9 \xc3\xbc") == "caf\\xe9 ü"

    @given(raw=st.binary())
    def test_always_gives_text_that_can_be_sent(self, raw: bytes) -> None:
        assert len(events.text_from_os(raw).encode()) >= len(raw)


class TestProcess:
    def test_is_named_by_its_path_on_any_system(self) -> None:
        def name(path: str) -> str:
            return events.Process(key=1, pid=1, started_at=0, path=path).name

        assert [name("/usr/bin/ls"), name("C:\\Windows\\cmd.exe"), name("init")] == [
            "ls",
            "cmd.exe",
            "init",
        ]

    def test_prefers_the_command_line_as_given(self) -> None:
        process = events.Process(key=1, pid=1, started_at=0, path="x", arguments=("x", "a b"))
        assert process.command_line == "x a b"

        process.command_line_text = 'x "a b"'

        assert process.command_line == 'x "a b"'

    def test_has_a_parent_when_one_was_recorded(self) -> None:
        assert samples.CURL.parent == samples.SHELL
        assert events.Process(key=1, pid=1, started_at=0, path="x").parent is None


class TestAncestorsBelow:
    def test_puts_the_parent_first(self) -> None:
        nearest, *others = events.ancestors_below(samples.CURL)

        assert nearest.path == samples.CURL.path
        assert tuple(others) == samples.CURL.ancestors

    def test_stops_at_the_limit(self) -> None:
        assert len(events.ancestors_below(samples.CURL, limit=2)) == 2

    def test_knows_nothing_above_an_unknown_parent(self) -> None:
        assert events.ancestors_below(None) == ()


class TestKindOf:
    def test_names_every_event(self) -> None:
        assert [events.kind_of(event) for event in samples.EVENTS] == list(events.KINDS)


class TestPositions:
    @pytest.mark.parametrize("event", events.KIND_OF)
    def test_put_time_and_process_ahead_of_what_may_grow(self, event: type[events.Event]) -> None:
        assert event.__struct_encode_fields__[:2] == ("at", "process")
