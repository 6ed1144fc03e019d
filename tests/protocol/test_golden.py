"""What was shipped once is understood for ever."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import pytest

from protocol import events, instructions, live, messages
from tests.protocol import golden

FILES = sorted(golden.FOLDER.glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def contains(whole: Any, part: Any) -> bool:
    """Tell whether everything that was known once still stands in what is known now."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        # Array-like structs grow at their end.
        return len(whole) >= len(part) and all(map(contains, whole, part))
    return bool(whole == part)


class TestGoldenFiles:
    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_old_bytes_still_mean_the_same(self, path: Path) -> None:
        shipped = read(path)

        content = golden.DIALECTS[shipped["dialect"]].decode(bytes.fromhex(shipped["encoded"]))

        assert contains(golden.fields_of(content), shipped["fields"])

    @pytest.mark.parametrize("union", ["up", "down", "live-up", "live-down", "instruction"])
    def test_every_tag_has_one(self, union: str) -> None:
        words = {
            "up": messages.Upward,
            "down": messages.Downward,
            "live-up": live.LiveUpward,
            "live-down": live.LiveDownward,
            "instruction": instructions.AnyInstruction,
        }[union]

        tags = {struct.__struct_config__.tag for struct in typing.get_args(words)}

        assert tags <= {path.stem for path in FILES}

    def test_every_kind_of_event_has_one(self) -> None:
        tags = {struct.__struct_config__.tag for struct in typing.get_args(events.Event)}

        assert {f"event.{tag}" for tag in tags} <= {path.stem for path in FILES}

    def test_every_file_is_still_an_example(self) -> None:
        names = {name for name, _, _ in golden.examples()}

        assert {path.name for path in FILES} <= names

    def test_nothing_is_written_over(self, tmp_path: Path) -> None:
        names = golden.write_missing(tmp_path)
        kept = tmp_path / names[0]
        kept.write_text("history", encoding="utf-8")

        assert golden.write_missing(tmp_path) == []
        assert kept.read_text(encoding="utf-8") == "history"


class TestContains:
    def test_lets_new_fields_pass_and_no_lost_one(self) -> None:
        assert contains({"a": [1, 2, 3], "b": 0}, {"a": [1, 2]})
        assert not contains({"a": [1]}, {"a": [1, 2]})
        assert not contains({"b": 0}, {"a": 1})
