"""Ask a question, wait for its answer, write it.

Exit codes: 0 everybody answered in full, 3 somebody did not, 130 interrupted.
"""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import UUID

from client.answers import Wish, write_answer
from client.connection import Console
from client.exceptions import ClientError, ConsoleRefused
from client.showing import pointed_at, table, visible
from client.streams import Streams

ALL_ANSWERED: Final = 0
SOME_MISSING: Final = 3
INTERRUPTED: Final = 130
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


def ask(console: Console, wish: Wish, streams: Streams) -> int:
    """Carry a wish out; return the exit code. Raises `ClientError`."""
    return _follow(console, _pose(console, wish), wish, streams)


def read_answer(console: Console, question_id: UUID, wish: Wish, streams: Streams) -> int:
    """Write the answer of a question that was asked before, as `ask` does with a new one."""
    question: dict[str, Any] = console.get(f"questions/{question_id}/")
    return _follow(console, question, wish, streams)


def _follow(console: Console, question: dict[str, Any], wish: Wish, streams: Streams) -> int:
    try:
        progress = _wait(console, question, wish, streams)
        write_answer(console, question, wish, streams)
    except KeyboardInterrupt:
        return _interrupted(console, question, streams)
    silent = progress["asked"] - progress["answered"] - progress["not_matching"]
    is_missing = bool(silent or progress["answered_in_part"])
    streams.say(_summary(progress))
    if wish.unanswered and is_missing:
        _tell_unanswered(console, question, streams)
    return SOME_MISSING if is_missing else ALL_ANSWERED


def _pose(console: Console, wish: Wish) -> dict[str, Any]:
    sent: dict[str, Any] = {"text": wish.text, "lifetime": wish.lifetime}
    if wish.groups:
        sent["group_names"] = list(wish.groups)
    try:
        question: dict[str, Any] = console.post("questions/", sent)
    except ConsoleRefused as refusal:
        raise _explained(refusal, wish.text) from refusal
    return question


def _explained(refusal: ConsoleRefused, text: str) -> ClientError:
    place = refusal.problem
    if not isinstance(place.get("line"), int) or not isinstance(place.get("column"), int):
        return refusal
    lines = [visible(str(place.get("reason") or refusal)), pointed_at(text, place).rstrip("\n")]
    if expected := place.get("expected"):
        lines.append(f"Expected: {visible(', '.join(map(str, expected)))}")
    return ClientError("\n".join(lines))


def _wait(
    console: Console, question: dict[str, Any], wish: Wish, streams: Streams
) -> dict[str, Any]:
    """Wait until nobody is left who could answer now, or long enough."""
    deadline = time.monotonic() + wish.wait
    pause = _SHORTEST_PAUSE
    progress: dict[str, Any] = question["progress"]
    while True:
        left = deadline - time.monotonic()
        streams.progress(_summary(progress))
        nobody_left = not progress["waiting"] or progress["waiting_online"] == 0
        if nobody_left or not progress["is_open"] or left <= 0:
            return progress
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        progress = console.get(f"questions/{question['id']}/")["progress"]


def _interrupted(console: Console, question: dict[str, Any], streams: Streams) -> int:
    kept = f"The question stays open at the console. Its answer: ./vedette answer {question['id']}"
    if not streams.is_interactive() or not streams.ask("Cancel the question at the console, too?"):
        streams.say(kept)
        return INTERRUPTED
    try:
        console.post(f"questions/{question['id']}/cancel/")
    except ConsoleRefused as refusal:
        # It has ended by itself in the meantime.
        streams.say(visible(str(refusal)))
    else:
        streams.say("Cancelled.")
    return INTERRUPTED


def _tell_unanswered(console: Console, question: dict[str, Any], streams: Streams) -> None:
    rows = [
        [each["host_name"], each["reason"], each["since"] or ""]
        for each in console.pages(f"questions/{question['id']}/unanswered/", limit=1000)
    ]
    streams.say(table(["No full answer from", "Why", "Last heard"], rows).rstrip("\n"))


def _summary(progress: dict[str, Any]) -> str:
    answered = progress["answered"] + progress["not_matching"]
    parts = [f"{answered} of {progress['asked']} answered"]
    for key, word in (
        ("not_matching", "of them not matching"),
        ("answered_in_part", "of them in part"),
        ("rows_left_out", "rows left out"),
        ("failed", "failed"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
        ("waiting", "waiting"),
        ("waiting_offline", "of them offline"),
    ):
        if progress[key]:
            parts.append(f"{progress[key]} {word}")
    return ", ".join(parts)
