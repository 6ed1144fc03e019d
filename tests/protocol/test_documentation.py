"""docs/protocol.md says what the code does."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path

import pytest

from protocol import codec, instructions, limits, live, messages
from protocol.event_json import event_from_json
from protocol.frames import FrameType, MessageFrame, parse_frame

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


class TestDocumentation:
    @pytest.mark.parametrize("frame_type", FrameType)
    def test_lists_every_frame(self, frame_type: FrameType) -> None:
        assert f"| {frame_type.value} | {frame_type.name} |" in TEXT

    @pytest.mark.parametrize(
        "union",
        [
            messages.Upward,
            messages.Downward,
            live.LiveUpward,
            live.LiveDownward,
            instructions.AnyInstruction,
        ],
    )
    def test_lists_every_message(self, union: object) -> None:
        for struct in typing.get_args(union):
            assert f"`{struct.__struct_config__.tag}`" in TEXT

    @pytest.mark.parametrize(
        ("what", "limit", "unit"),
        [
            ("payload of a frame", limits.FRAME_PAYLOAD, "KiB"),
            ("message up, packed and unpacked", limits.UPWARD_MESSAGE, "MiB"),
            ("message down", limits.DOWNWARD_MESSAGE, "MiB"),
            ("message of a live session, up", limits.LIVE_UPWARD_MESSAGE, "MiB"),
            ("message of a live session, down", limits.LIVE_DOWNWARD_MESSAGE, "KiB"),
            ("credit window of a stream", limits.CREDIT_WINDOW, "MiB"),
        ],
    )
    def test_gives_the_sizes_that_hold(self, what: str, limit: int, unit: str) -> None:
        size = limit // {"KiB": limits.KIB, "MiB": limits.MIB}[unit]

        assert f"| {what} | {size} {unit} |" in TEXT

    def test_shows_a_frame_that_is_one(self) -> None:
        (block,) = re.findall(r"```\n(01 00 .*?)```", TEXT, flags=re.DOTALL)
        shown = "".join(re.split(r" {3,}(?=[a-z\"])", line)[0] for line in block.splitlines())

        frame = parse_frame(bytes.fromhex(shown))

        assert isinstance(frame, MessageFrame)
        assert codec.UPWARD.decode(frame.payload) == messages.Heartbeat(sent_at=1)

    def test_shows_an_event_that_is_one(self) -> None:
        (block,) = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)

        assert event_from_json(json.loads(block)).at == 1_795_290_180_597_123
