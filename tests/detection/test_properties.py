"""The table of properties is complete, consistent, and readable by every event."""

from __future__ import annotations

import pytest

from detection.signals.compiler import compile_check
from detection.signals.expression import Condition, Not, Term, fold
from detection.signals.properties import (
    ALIASES,
    EVERYWHERE,
    PROPERTIES,
    Property,
    find_property,
    last_component,
    read_property,
    texts_of,
)
from protocol.events import KINDS, DnsEvent, FileEvent, Process, ProcessStarted

STARTED = ProcessStarted(at=1, process=Process(key=1, pid=2, started_at=1, path="C:\\a\\B.exe"))
QUERY = DnsEvent(at=1, process=None, query="example.org")


class TestTable:
    @pytest.mark.parametrize("row", PROPERTIES.values(), ids=list(PROPERTIES))
    def test_describes_every_property(self, row: Property) -> None:
        assert row.kind in KINDS
        assert row.platforms
        assert row.platforms <= EVERYWHERE
        assert row.sentence.endswith(".")

    def test_has_no_name_twice(self) -> None:
        assert not set(PROPERTIES) & set(ALIASES)
        assert set(ALIASES.values()) <= set(PROPERTIES)

    def test_finds_names_in_any_case(self) -> None:
        assert find_property("Process.WORKING_directory") is PROPERTIES["process.cwd"]
        assert find_property("process.nothing") is None


class TestReadProperty:
    @pytest.mark.parametrize(
        ("name", "event", "texts"),
        [
            ("process.name", STARTED, ["B.exe"]),
            ("process.pid", STARTED, ["2"]),
            ("process.user_id", STARTED, []),
            ("process.hash", STARTED, []),
            ("process.path", QUERY, []),
            ("dns.operation", QUERY, ["query"]),
            ("network.port", QUERY, []),
            ("file.path", QUERY, []),
        ],
    )
    def test_gives_texts_or_nothing(
        self, name: str, event: ProcessStarted, texts: list[str]
    ) -> None:
        assert list(texts_of(read_property(PROPERTIES[name], event))) == texts

    def test_tells_an_answer_from_a_question(self) -> None:
        answered = DnsEvent(at=1, process=None, query="a", response="203.0.113.7")

        assert read_property(PROPERTIES["dns.operation"], answered) == "response"

    @pytest.mark.parametrize(
        ("path", "name"), [("/a/b", "b"), ("C:\\a\\b", "b"), ("b", "b"), ("/a/", ""), ("", "")]
    )
    def test_knows_names_of_any_system(self, path: str, name: str) -> None:
        event = FileEvent(at=1, process=None, operation="write", path=path)

        assert last_component(path) == name
        assert read_property(PROPERTIES["file.name"], event) == name


class TestFold:
    def test_levels_case_without_regard_to_neighbours(self) -> None:
        assert fold("\u03a3") in fold("\u039f\u0394\u039f\u03a3\u0391")
        assert fold("\u039f\u0394\u039f\u03a3") in fold("\u039f\u0394\u039f\u03a3\u0391")
        assert fold("STRA\u1e9eE") == fold("stra\u00dfe")
        assert fold("stra\u00dfe") != fold("strasse")
        assert fold("\u0130") == fold("\u0130")
        assert fold("\u212a\u017f") == "ks"


class TestCompileCheck:
    @pytest.mark.parametrize(
        "value", ["'", '"', "\\", "{0}", "%s", "') or __import__('os') #", "\n", "row[0]", "\u2028"]
    )
    def test_takes_any_text_for_text(self, value: str) -> None:
        term = Term("process.path", Condition.IS, value)
        check = compile_check(term, {"process.path": 0})

        assert check((fold(value),))
        assert not check((fold(value) + "x",))

    def test_negates_what_it_is_told(self) -> None:
        check = compile_check(Not(Term("process.path", Condition.IS, "a")), {"process.path": 0})

        assert check(("b",))
        assert not check(("a",))

    def test_gives_source_no_builtins(self) -> None:
        check = compile_check(Term("process.path", Condition.IS, "a"), {"process.path": 0})

        assert check.__globals__["__builtins__"] == {}
