"""What `ask` says and how it ends, with a console that is played."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest

from client.answers import Wish
from client.asking import ALL_ANSWERED, SOME_MISSING, ask, read_answer
from client.connection import Console
from client.streams import Streams

PROGRESS: dict[str, Any] = {
    "asked": 2,
    "answered": 2,
    "answered_in_part": 0,
    "rows_left_out": 0,
    "not_matching": 0,
    "failed": 0,
    "expired": 0,
    "cancelled": 0,
    "waiting": 0,
    "waiting_online": 0,
    "waiting_offline": 0,
    "is_open": True,
}


class PlayedConsole:
    """Answers as a console does that has one row for every question."""

    def __init__(self, labels: tuple[str, ...] = ("User",), **progress: Any) -> None:
        self.question: dict[str, Any] = {
            "id": "q",
            "columns": [{"label": label} for label in labels],
            "progress": {**PROGRESS, **progress},
        }
        self.sent: list[tuple[str, Any]] = []

    def post(self, path: str, body: Any = None) -> Any:
        self.sent.append((path, body))
        return self.question

    def get(self, path: str, **_wanted: Any) -> Any:
        self.sent.append((path, None))
        if not path.endswith("rows/"):
            return self.question
        values = ["9"] * len(self.question["columns"])
        return {"rows": [{"values": values, "count": 2}], "total": 1}

    def pages(self, path: str, **_wanted: Any) -> Iterator[Any]:
        self.sent.append((path, None))
        yield {"host_name": "web-1", "reason": "Services: no systemd.", "since": None}


def asked(console: PlayedConsole, **wish: Any) -> tuple[int, str, str]:
    """Ask; return the exit code, the output and what was said."""
    output, said = io.BytesIO(), io.StringIO()
    streams = Streams({}, output=output, messages=said, answers=io.StringIO())
    code = ask(cast(Console, console), Wish(text="Get User from all machines", **wish), streams)
    return code, output.getvalue().decode(), said.getvalue()


class TestAsk:
    def test_ends_well_when_everybody_answered(self) -> None:
        code, _, said = asked(PlayedConsole())

        assert code == ALL_ANSWERED
        assert "in part" not in said

    @pytest.mark.parametrize("left_out", [0, 70])
    def test_says_that_an_answer_is_a_part_of_one(self, left_out: int) -> None:
        console = PlayedConsole(answered_in_part=1, rows_left_out=left_out)

        code, _, said = asked(console, unanswered=True)

        assert code == SOME_MISSING
        assert "1 of them in part" in said
        assert ("70 rows left out" in said) == bool(left_out)
        assert "Services: no systemd." in said

    def test_names_groups_as_they_were_given(self) -> None:
        console = PlayedConsole()

        asked(console, groups=("Berlin",))

        path, sent = console.sent[0]
        assert (path, sent["group_names"]) == ("questions/", ["Berlin"])


class TestAnswer:
    def test_is_written_of_a_question_that_was_asked_before(self) -> None:
        console, output, said = PlayedConsole(), io.BytesIO(), io.StringIO()
        streams = Streams({}, output=output, messages=said, answers=io.StringIO())
        number = uuid.UUID(int=7)

        code = read_answer(cast(Console, console), number, Wish(form="json"), streams)

        assert code == ALL_ANSWERED
        assert console.sent[0] == (f"questions/{number}/", None)
        assert json.loads(output.getvalue()) == [{"User": "9", "Count": 2}]


class TestJson:
    def test_keeps_a_column_that_is_called_like_the_count(self) -> None:
        _, output, _ = asked(PlayedConsole(("User", "Count")), form="json")

        assert json.loads(output) == [{"User": "9", "Count": "9", "Count (2)": 2}]
