"""Which events a Signal looks at follows from what it names."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings

from detection.exceptions import NeverTogether
from detection.signals.binding import bind, push_negations
from detection.signals.compiler import compile_signal, cost_of
from detection.signals.direct import address_is_in, matches_directly, term_holds
from detection.signals.expression import Expression, Not, Term, terms_in
from detection.signals.parser import parse_expression
from detection.signals.spelling import to_text
from protocol.events import Event, FileEvent, Process, ProcessStarted
from tests.detection.strategies import events, expressions

A = "process.path is a"
FILE = "file.path is f"
PORT = "network.port is 1"


def bound(text: str) -> dict[str, str]:
    return {b.kind: to_text(b.expression) for b in bind(parse_expression(text))}


class TestBind:
    @pytest.mark.parametrize(
        ("text", "kinds"),
        [
            (A, {"process"}),
            (FILE, {"file"}),
            (f"{A} AND {FILE}", {"file"}),
            (f"{A} AND NOT {FILE}", {"file"}),
            (f"{A} OR {FILE}", {"process", "file"}),
            (f"{PORT} OR {FILE}", {"network", "file"}),
            (f"{A} AND ({PORT} OR {FILE})", {"network", "file"}),
            (f"{A} AND ({A} OR {FILE})", {"process", "file"}),
            (f"{FILE} AND ({A} OR {PORT})", {"file"}),
            (f"NOT ({FILE} AND {PORT})", {"file", "network"}),
        ],
    )
    def test_follows_from_the_terms(self, text: str, kinds: set[str]) -> None:
        assert set(bound(text)) == kinds

    def test_keeps_alternatives_apart(self) -> None:
        assert bound(f"{A} OR {FILE}") == {
            "process": "process.path is 'a'",
            "file": "file.path is 'f'",
        }

    def test_asks_for_a_term_of_the_kind(self) -> None:
        text = f"process.user is u AND ({A} OR {FILE})"

        assert bound(text)["file"] == (
            "process.user is 'u' AND (process.path is 'a' OR file.path is 'f') AND file.path is 'f'"
        )

    @pytest.mark.parametrize("text", [f"{FILE} AND {PORT}", f"NOT ({FILE} OR {PORT})"])
    def test_refuses_what_no_event_can_be(self, text: str) -> None:
        with pytest.raises(NeverTogether, match="file, network") as caught:
            compile_signal("s", text)

        assert (caught.value.line, caught.value.column) != (0, 0)

    @given(expressions)
    @settings(deadline=None)
    def test_leaves_no_negation_outside_of_terms(self, expression: Expression) -> None:
        pushed = push_negations(expression)

        assert "NOT " not in to_text(pushed)
        assert len(list(terms_in(pushed))) == len(list(terms_in(expression)))

    def test_names_the_kinds_of_a_compiled_signal(self) -> None:
        assert compile_signal("s", f"{A} OR {FILE}").kinds == ("process", "file")


class TestDirectEvaluation:
    @given(expressions, events)
    @settings(max_examples=300, deadline=None)
    def test_does_not_mind_how_negations_are_written(
        self, expression: Expression, event: Event
    ) -> None:
        pushed = push_negations(expression)

        assert matches_directly(pushed, event) == matches_directly(expression, event)
        assert matches_directly(Not(Not(expression)), event) == matches_directly(expression, event)

    def test_fires_once_for_a_rule_about_a_program(self) -> None:
        process = Process(key=1, pid=1, started_at=1, path="a")
        expression = parse_expression(f"{A} OR {FILE}")

        assert matches_directly(expression, ProcessStarted(at=1, process=process))
        assert not matches_directly(
            expression, FileEvent(at=1, process=process, operation="write", path="g")
        )

    @pytest.mark.parametrize("condition", ["is", "contains", "starts with", "ends with", "matches"])
    def test_takes_absent_for_false_and_negations_for_true(self, condition: str) -> None:
        event = ProcessStarted(at=1, process=None)
        positive = parse_expression(f"process.path {condition} x")
        assert isinstance(positive, Term)
        negative = Term(positive.property, positive.condition, positive.value, negated=True)

        assert not term_holds(positive, event)
        assert term_holds(negative, event)


class TestAddressIsIn:
    @pytest.mark.parametrize(
        ("text", "network", "inside"),
        [
            ("10.1.2.3", "10.0.0.0/8", True),
            ("11.1.2.3", "10.0.0.0/8", False),
            ("::ffff:10.1.2.3", "10.0.0.0/8", True),
            ("fe80::1", "fe80::/10", True),
            ("fe80::1", "10.0.0.0/8", False),
            ("not an address", "0.0.0.0/0", False),
            ("", "::/0", False),
        ],
    )
    def test_knows_both_families(self, text: str, network: str, inside: bool) -> None:
        assert address_is_in(text, ipaddress.ip_network(network)) == inside


class TestCost:
    def test_grows_with_what_is_compared(self) -> None:
        cheap, dear = parse_expression(A), parse_expression(f"NOT ({A} OR process.path matches x)")

        assert cost_of(cheap) < cost_of(dear)
