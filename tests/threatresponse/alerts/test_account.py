"""What an alert says of itself: complete, and harmless whatever the endpoint wrote."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from console.endpoints.models import Endpoint
from detection.signals.parser import parse_signal
from threatresponse.alerts.account import (
    arguments_of,
    chain_of,
    facts_of,
    search_for_process,
    sentence_of,
    terms_found,
    visible_text,
)
from threatresponse.alerts.models import Alert

PROCESS: dict[str, Any] = {
    "path": "/bin/sh",
    "pid": 11,
    "user": "www-data",
    "command_line": "sh -c id",
    "arguments": ["sh", "-c", "id\n"],
    "hash": {"md5": "a" * 32},
    "ancestors": [
        {"path": "/usr/sbin/nginx", "pid": 10, "command_line": "nginx: worker"},
        {"path": "/sbin/init", "pid": 1},
    ],
}


def alert(event: dict[str, Any] | None = None, matched: list[Any] | None = None) -> Alert:
    """Make an alert that is not stored."""
    return Alert(
        id=uuid.uuid4(),
        endpoint=Endpoint(host_name="web-1"),
        event={"kind": "process", "process": PROCESS} if event is None else event,
        matched=matched or [],
    )


def found(value: str, text: str, condition: str = "contains") -> tuple[str, str, str]:
    """Return what stands before, in and behind the part that matched."""
    term = {"property": "process.path", "condition": condition, "value": value, "found": text}
    [shown] = terms_found(alert(matched=[term]))
    return shown.before, shown.hit, shown.after


class TestVisibleText:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\nb\x1b[31m\x00", "a⟨LF⟩b⟨ESC⟩[31m⟨NUL⟩"),
            ("\x7f\x85\x1f", "⟨007F⟩⟨0085⟩⟨US⟩"),
            ("exe.\u202egpj", "exe.⟨202E⟩gpj"),
            ("a\u200bb\u2028", "a⟨200B⟩b⟨2028⟩"),
            ("/usr/bin/ä 漢 😀", "/usr/bin/ä 漢 😀"),
        ],
    )
    def test_shows_what_cannot_be_seen(self, text: str, shown: str) -> None:
        assert visible_text(text) == shown


class TestSentence:
    @pytest.mark.parametrize(
        ("event", "sentence"),
        [
            ({"kind": "process"}, "/bin/sh was started on web-1 as www-data."),
            (
                {"kind": "process", "already_running": True},
                "/bin/sh was already running on web-1 as www-data.",
            ),
            (
                {"kind": "file", "file": {"operation": "write", "path": "/etc/{x}\n"}},
                "/bin/sh touched the file /etc/{x}⟨LF⟩ (write) on web-1 as www-data.",
            ),
            (
                {"kind": "dns", "dns": {"query": "example.invalid"}},
                "/bin/sh asked for the name example.invalid on web-1 as www-data.",
            ),
            ({"kind": "<b>"}, "/bin/sh caused an event on web-1 as www-data."),
        ],
    )
    def test_tells_what_happened(self, event: dict[str, Any], sentence: str) -> None:
        assert sentence_of(alert(event | {"process": PROCESS})) == sentence

    def test_does_without_a_process(self) -> None:
        assert sentence_of(alert({})) == "An unknown process caused an event on web-1."


class TestChain:
    def test_begins_at_the_top_and_ends_with_the_culprit(self) -> None:
        levels = chain_of(alert())

        assert [level.path for level in levels] == ["/sbin/init", "/usr/sbin/nginx", "/bin/sh"]
        assert [level.is_culprit for level in levels] == [False, False, True]

    @pytest.mark.parametrize("process", [None, "text", {"ancestors": ["text", 7]}])
    def test_survives_evidence_of_another_form(self, process: Any) -> None:
        event = {"kind": "process", "process": process}

        assert len(chain_of(alert(event))) <= 1
        assert isinstance(facts_of(alert(event)), list)


class TestFacts:
    def test_names_each_hash_once(self) -> None:
        facts = facts_of(alert())

        assert facts.count(("MD5", "a" * 32)) == 1
        assert ("PID", "11") in facts

    def test_shows_every_argument_by_itself(self) -> None:
        assert arguments_of(alert()) == ["sh", "-c", "id⟨LF⟩"]


class TestTerms:
    @pytest.mark.parametrize(
        ("value", "text", "condition", "parts"),
        [
            ("SH", "/bin/sh -c sh", "contains", ("/bin/", "sh", " -c sh")),
            ("sh", "/bin/sh -c sh", "ends with", ("/bin/sh -c ", "sh", "")),
            ("b.n", "/bin/sh", "matches", ("", "/bin/sh", "")),
            ("bash", "/bin/sh", "not contains", ("", "/bin/sh", "")),
            ("i", "\u0130i", "contains", ("", "\u0130i", "")),
            ("\n", "a\nb", "contains", ("a", "⟨LF⟩", "b")),
        ],
    )
    def test_mark_what_was_found(
        self, value: str, text: str, condition: str, parts: tuple[str, str, str]
    ) -> None:
        assert found(value, text, condition) == parts


class TestSearchForProcess:
    def test_is_an_expression_that_the_language_takes(self) -> None:
        hostile = PROCESS | {"path": "/opt/a'b\\c\n\x1b"}

        expression = search_for_process(alert({"kind": "process", "process": hostile}))

        parse_signal(expression)
        assert expression.startswith("process.pid is 11 AND process.path is '/opt/a\\'b\\\\c\\n")

    def test_is_empty_when_the_process_is_unknown(self) -> None:
        assert search_for_process(alert({})) == ""
