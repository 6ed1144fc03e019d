"""Events as JSON: what was recorded comes back, and a wrong name is called by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import events
from protocol.event_json import (
    event_from_json,
    event_to_json,
    event_to_line,
)
from protocol.exceptions import MalformedEvent
from protocol.instants import instant_from_text
from tests.protocol import samples
from tests.protocol.strategies import values_of

YEAR_0001 = instant_from_text("0001-01-01T00:00:00Z")
YEAR_9999 = instant_from_text("9999-12-31T23:59:59.999999Z")
BEGIN = {"time": "2026-11-21T19:43:00Z", "kind": "process"}
FILE = {"operation": "write", "path": "/a"}


def within_the_calendar(event: events.Event) -> events.Event:
    event.at = min(max(event.at, YEAR_0001), YEAR_9999)
    if event.process is not None:
        event.process.started_at = min(max(event.process.started_at, YEAR_0001), YEAR_9999)
        # The same text once as arguments and once as text is kept once.
        if event.process.command_line_text == " ".join(event.process.arguments):
            event.process.command_line_text = ""
    return event


ANY_EVENT = values_of(events.Event).map(within_the_calendar)


class TestRoundTrip:
    @given(event=ANY_EVENT)
    def test_gives_back_any_event(self, event: events.Event) -> None:
        assert event_from_json(event_to_json(event)) == event

    @given(event=ANY_EVENT)
    def test_gives_back_any_event_as_a_line(self, event: events.Event) -> None:
        line = event_to_line(event)

        assert b"\n" not in line
        assert json.loads(line) == event_to_json(event)
        assert event_from_json(json.loads(line)) == event

    @pytest.mark.parametrize("event", samples.EVENTS, ids=events.kind_of)
    def test_keeps_every_field_of_every_kind(self, event: events.Event) -> None:
        assert event_from_json(event_to_json(event)) == event


class TestShown:
    def test_explains_itself(self) -> None:
        process = events.Process(
            key=events.process_key(4711, samples.AT),
            pid=4711,
            started_at=samples.AT,
            path="/usr/bin/curl",
            arguments=("curl", "example.invalid"),
            ancestors=(samples.SHELL,),
            sha256=samples.SHA256,
        )

        assert event_to_json(events.ProcessStarted(at=samples.AT, process=process)) == {
            "time": "2026-11-21T19:43:00.597123Z",
            "kind": "process",
            "operation": "start",
            "process": {
                "path": "/usr/bin/curl",
                "name": "curl",
                "command_line": "curl example.invalid",
                "arguments": ["curl", "example.invalid"],
                "pid": 4711,
                "key": str(process.key),
                "started_at": "2026-11-21T19:43:00.597123Z",
                "parent_path": "/usr/bin/bash",
                "parent_name": "bash",
                "parent_command_line": "bash -l",
                "parent_pid": 812,
                "parent_key": str(samples.SHELL.key),
                "parent_user": "ada",
                "ancestors": [
                    {
                        "key": str(samples.SHELL.key),
                        "pid": 812,
                        "path": "/usr/bin/bash",
                        "name": "bash",
                        "command_line": "bash -l",
                        "user": "ada",
                    }
                ],
                "hash": {"sha256": samples.SHA256},
            },
        }

    def test_leaves_out_what_was_not_recorded(self) -> None:
        process = events.Process(key=7, pid=-1, started_at=-1, path="")

        assert event_to_json(events.ProcessExited(at=0, process=process)) == {
            "time": "1970-01-01T00:00:00.000000Z",
            "kind": "exit",
            "operation": "exit",
            "process": {"key": "7"},
            "exit": {"code": 0},
        }

    def test_gives_keys_that_javascript_can_hold(self) -> None:
        assert samples.CURL.key > 2**53

        shown = event_to_json(samples.EVENTS[0])

        assert shown["process"]["key"] == str(samples.CURL.key)

    @pytest.mark.parametrize(
        ("event", "operation"),
        list(
            zip(
                samples.EVENTS,
                ["start", "exit", "rename", "connect", "query", "set", "load", "logon"],
                strict=True,
            )
        ),
    )
    def test_names_the_operation_of_every_kind(self, event: events.Event, operation: str) -> None:
        assert event_to_json(event)["operation"] == operation

    @pytest.mark.parametrize(
        ("at", "shown"),
        [(-(2**63), "0001-01-01T00:00:00.000000Z"), (2**63 - 1, "9999-12-31T23:59:59.999999Z")],
    )
    def test_shows_what_a_broken_clock_recorded(self, at: int, shown: str) -> None:
        assert event_to_json(events.ProcessExited(at=at, process=None))["time"] == shown

    def test_leaves_dangerous_text_to_whoever_shows_it(self) -> None:
        event = events.DnsEvent(at=0, process=None, query="<script>\x1b[2J\n\u2028")

        assert event_from_json(json.loads(event_to_line(event))) == event


class TestHandWritten:
    def test_needs_no_more_than_what_is_known(self) -> None:
        event = event_from_json(
            {**BEGIN, "process": {"name": "curl", "command_line": "curl x", "parent_name": "sh"}}
        )

        assert event.process is not None
        assert (event.process.path, event.process.command_line) == ("curl", "curl x")
        assert event.process.parent == events.Ancestor(0, -1, "sh", "")
        assert (event.process.key, event.process.pid) == (0, -1)

    def test_names_the_process_by_pid_and_start(self) -> None:
        event = event_from_json(
            {**BEGIN, "process": {"pid": 4711, "started_at": "2026-11-21T19:43:00.597123Z"}}
        )

        assert event.process is not None
        assert event.process.key == samples.CURL.key

    def test_does_not_guess_a_key_from_the_pid_alone(self) -> None:
        event = event_from_json({**BEGIN, "process": {"pid": 4711}})

        assert event.process is not None
        assert event.process.key == 0

    def test_takes_any_time_zone(self) -> None:
        event = event_from_json({"time": "2026-11-21T20:43:00.597123+01:00", "kind": "process"})

        assert event == events.ProcessStarted(at=samples.AT, process=None)

    def test_lets_derived_fields_repeat_what_is_known(self) -> None:
        event = event_from_json(
            {
                **BEGIN,
                "process": {"parent_name": "sh", "ancestors": [{"path": "/bin/sh", "pid": 4}]},
            }
        )

        assert event.process is not None
        assert event.process.ancestors == (events.Ancestor(0, 4, "/bin/sh", ""),)


class TestRefusals:
    @pytest.mark.parametrize(
        ("shown", "field"),
        [
            ({"kind": "process"}, "event"),
            ({"time": "yesterday", "kind": "process"}, "time"),
            ({"time": "2026-11-21T19:43:00", "kind": "process"}, "time"),
            ({"time": 5, "kind": "process"}, "time"),
            ({**BEGIN, "kind": "proces"}, "kind"),
            ({**BEGIN, "flavour": 1}, "event"),
            ({**BEGIN, "operation": "stop"}, "operation"),
            ({**BEGIN, "file": FILE}, "file"),
            ({**BEGIN, "kind": "file"}, "file"),
            ({**BEGIN, "kind": "file", "file": FILE, "already_running": True}, "already_running"),
            ({**BEGIN, "kind": "file", "file": {**FILE, "name": "b"}}, "file.name"),
            ({**BEGIN, "kind": "file", "file": {"operation": "write"}}, "file"),
            ({**BEGIN, "kind": "image", "image": {"path": "/a", "name": "b"}}, "image.name"),
            ({**BEGIN, "process": {"commandline": "x"}}, "process"),
            ({**BEGIN, "process": {"pid": "12"}}, "process.pid"),
            ({**BEGIN, "process": {"pid": 2**63}}, "process.pid"),
            ({**BEGIN, "process": {"key": 12}}, "process.key"),
            ({**BEGIN, "process": {"key": "0x12"}}, "process.key"),
            ({**BEGIN, "process": {"key": "9223372036854775808"}}, "process.key"),
            ({**BEGIN, "process": {"started_at": "?"}}, "process.started_at"),
            ({**BEGIN, "process": {"path": "/bin/a", "name": "b"}}, "process.name"),
            (
                {**BEGIN, "process": {"parent_path": "/a", "parent_name": "b"}},
                "process.parent.name",
            ),
            ({**BEGIN, "process": {"ancestors": [{"pid": "x"}]}}, "process.ancestors[0].pid"),
            (
                {**BEGIN, "process": {"ancestors": [{"path": "/a", "name": "b"}]}},
                "process.ancestors[0].name",
            ),
            (
                {**BEGIN, "process": {"ancestors": [{"path": "/a"}], "parent_path": "/b"}},
                "process.parent_path",
            ),
            ({**BEGIN, "operation": "\ud800"}, "event"),
        ],
    )
    def test_name_the_field(self, shown: dict[str, Any], field: str) -> None:
        with pytest.raises(MalformedEvent) as refusal:
            event_from_json(shown)

        assert refusal.value.field == field

    @given(
        shown=st.fixed_dictionaries(
            {"time": st.text(max_size=25), "kind": st.sampled_from(events.KINDS)},
            optional={
                section: st.dictionaries(
                    st.sampled_from(["path", "pid", "name", "operation", "code", "key"]),
                    st.none() | st.integers() | st.text(max_size=5) | st.booleans(),
                )
                for section in ("process", "file", "exit", "dns", "image")
            },
        )
    )
    def test_any_object_raises_nothing_else(self, shown: dict[str, Any]) -> None:
        try:
            event_from_json(shown)
        except MalformedEvent:
            return
