"""A search finds exactly the events of which the plain evaluation of the expression is true."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.signals.binding import push_negations
from detection.signals.direct import term_holds
from detection.signals.expression import And, Condition, Expression, Not, Term, all_of, any_of
from detection.signals.patterns import escape_pattern
from detection.signals.properties import CONDITIONS_OF, PROPERTIES, Property, ValueType
from eventstore import writer as writer_module
from eventstore.exceptions import NotSearchable
from eventstore.search import EventSearch, search_from_text
from eventstore.sources import SOURCES
from eventstore.store import EventStore
from protocol.events import DnsEvent, Event, NetworkEvent, ProcessStarted, kind_of
from tests.eventstore.samples import HOSTILE_NAMES, START, events, file_event, process, words


def is_true(expression: Expression, event: Event) -> bool:
    """Evaluate plainly; a term about another kind of event is false, negated or not."""
    if isinstance(expression, Term):
        speaks_of = PROPERTIES[expression.property].kind
        return speaks_of in ("process", kind_of(event)) and term_holds(expression, event)
    assert not isinstance(expression, Not)
    how = all if isinstance(expression, And) else any
    return how(is_true(part, event) for part in expression.parts)


def found(store: EventStore, expression: Expression) -> list[int]:
    """Return the ids that a search finds, oldest first."""
    with EventSearch(store, expression) as search:
        search.run()
        return sorted(row.id for row in search.rows(0, search.total))


def values_for(row: Property, condition: Condition) -> st.SearchStrategy[str | int]:
    """Make values that the parser would let through."""
    if condition is Condition.IS_NULL:
        return st.just("")
    if row.type is ValueType.INTEGER:
        return st.integers(0, 3)
    if condition is Condition.IN_CIDR:
        return st.sampled_from(["10.0.0.0/8", "::/0", "0.0.0.0/0", "fe80::/10"])
    if condition is Condition.MATCHES:
        literal = words.map(escape_pattern)
        return st.one_of(literal, st.sampled_from([".*", ".*a.*", "[a-z/]+", ".*bash.*"])).filter(
            bool
        )
    return words.filter(bool)


@st.composite
def terms(draw: st.DrawFn) -> Term:
    """Make a term about any property."""
    row = draw(st.sampled_from(list(PROPERTIES.values())))
    condition = draw(st.sampled_from(sorted(CONDITIONS_OF[row.type])))
    return Term(row.name, condition, draw(values_for(row, condition)), draw(st.booleans()))


expressions = st.recursive(
    terms(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: all_of(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: any_of(*parts)),
    ),
    max_leaves=6,
)

thorough = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestAnswers:
    @thorough
    @given(recorded=st.lists(events, min_size=1, max_size=6), asked=expressions)
    def test_equal_the_plain_evaluation(
        self, store: EventStore, recorded: list[Event], asked: Expression
    ) -> None:
        ids = store.append(recorded)

        expected = [
            number
            for number, event in zip(ids, recorded, strict=True)
            if is_true(push_negations(asked), event)
        ]

        assert [number for number in found(store, asked) if number in ids] == expected

    @thorough
    @given(data=st.data(), recorded=st.lists(events, min_size=1, max_size=4))
    def test_equal_the_plain_evaluation_for_pieces_of_what_was_recorded(
        self, store: EventStore, data: st.DataObject, recorded: list[Event]
    ) -> None:
        paths = [text for event in recorded if (text := getattr(event, "path", ""))]
        paths += [event.process.path for event in recorded if event.process and event.process.path]
        paths = paths or ["/usr/bin/bash"]
        path = data.draw(st.sampled_from(paths))
        start = data.draw(st.integers(0, len(path) - 1))
        piece = path[start : data.draw(st.integers(start + 1, len(path)))]
        row = data.draw(st.sampled_from(["file.path", "process.path", "image.path", "file.name"]))
        condition = data.draw(
            st.sampled_from(
                [Condition.IS, Condition.CONTAINS, Condition.STARTS_WITH, Condition.ENDS_WITH]
            )
        )
        asked = Term(row, condition, data.draw(st.sampled_from([piece, piece.swapcase(), path])))

        ids = store.append(recorded)

        expected = [
            number for number, event in zip(ids, recorded, strict=True) if is_true(asked, event)
        ]
        assert [number for number in found(store, asked) if number in ids] == expected

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    @pytest.mark.parametrize(
        "condition", [Condition.CONTAINS, Condition.IS, Condition.ENDS_WITH, Condition.STARTS_WITH]
    )
    def test_find_hostile_names(self, store: EventStore, name: str, condition: Condition) -> None:
        recorded: list[Event] = [
            file_event(number, path=path) for number, path in enumerate((*HOSTILE_NAMES, "plain"))
        ]
        asked = Term("file.path", condition, name)

        ids = store.append(recorded)

        expected = [
            number for number, event in zip(ids, recorded, strict=True) if is_true(asked, event)
        ]
        assert expected
        assert found(store, asked) == expected

    def test_find_very_long_texts(self, store: EventStore) -> None:
        line = "x" * 60_000
        store.append([ProcessStarted(at=START, process=process(arguments=(line, "y")))])

        assert found(store, Term("process.command_line", Condition.CONTAINS, f"{line} Y")) == [1]

    def test_reach_over_segments(self, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer_module, "SEGMENT_EVENTS", 2)
        store.append([file_event(number, process(number % 3)) for number in range(9)])

        assert found(store, Term("process.name", Condition.IS, "TOOL1")) == [2, 5, 8]

    def test_follow_from_what_no_event_has(self, store: EventStore) -> None:
        store.append([file_event(1, process()), file_event(2)])

        for text in (
            "process.path is not '/none' OR process.user is 'nobody'",
            "process.path is not '/none' OR file.path is '/none'",
            "process.parent_path is null",
            "process.ancestry_path not contains 'x' AND NOT process.parent_name is 'y'",
        ):
            expression = search_from_text(text)
            assert expression is not None
            assert found(store, expression) == [1, 2]

    @pytest.mark.parametrize(
        ("pattern", "hits"),
        [
            (".*", [1, 2, 3, 4]),
            (r"/var/log/file\d\.log", [1, 2, 4]),
            (".*/TOOL\u017f", [3]),
            (".*tools", [3]),
            (".*nothing.*", []),
        ],
    )
    def test_match_patterns_over_whole_paths(
        self, store: EventStore, pattern: str, hits: list[int]
    ) -> None:
        path = "/opt/tool\u017f"
        store.append([file_event(1), file_event(2), file_event(3, path=path), file_event(4)])
        store.append([DnsEvent(at=START, process=None, query="x")])
        asked = Term("file.path", Condition.MATCHES, pattern)

        assert found(store, asked) == hits

    def test_tell_dns_queries_from_responses(self, store: EventStore) -> None:
        store.append(
            [
                DnsEvent(at=START, process=None, query="a.example"),
                DnsEvent(at=START, process=None, query="a.example", response="192.0.2.1"),
            ]
        )
        term = Term("dns.operation", Condition.IS, "response")

        assert found(store, term) == [2]
        assert found(store, replace(term, negated=True)) == [1]
        assert found(store, replace(term, value="query")) == [1]
        assert found(store, replace(term, condition=Condition.CONTAINS, value="e")) == [1, 2]
        assert found(store, Term("dns.operation", Condition.IS_NULL)) == []

    def test_put_ipv4_in_ipv6_clothes_into_ipv4_networks(self, store: EventStore) -> None:
        connection = NetworkEvent(
            at=START,
            process=None,
            operation="connect",
            protocol="tcp",
            local_address="not an address",
            local_port=1,
            address="::ffff:10.1.2.3",
            port=2,
        )
        store.append([connection])

        for name, hits in (("network.address", [1]), ("network.local_address", [])):
            assert found(store, Term(name, Condition.IN_CIDR, "10.0.0.0/8")) == hits


class TestRefusals:
    @pytest.mark.parametrize(
        "term",
        [
            Term("process.colour", Condition.IS, "red"),
            Term("process.pid", Condition.CONTAINS, "1"),
            Term("file.path", Condition.CONTAINS, ""),
            Term("file.path", Condition.IN_CIDR, "10.0.0.0/8"),
        ],
    )
    def test_name_what_cannot_be_searched(self, store: EventStore, term: Term) -> None:
        with pytest.raises(NotSearchable, match=term.property):
            EventSearch(store, term)


def test_every_property_is_searchable() -> None:
    assert set(SOURCES) == set(PROPERTIES)


def test_wide_expressions_do_not_overflow(store: EventStore) -> None:
    store.append([file_event(1)])
    asked = " OR ".join(f"file.path contains 'file{n}'" for n in range(100))

    expression = search_from_text(asked)

    assert expression is not None
    assert found(store, expression) == [1]
