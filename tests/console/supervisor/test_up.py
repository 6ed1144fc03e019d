"""The command `up`, with small programs instead of the console's."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from console.supervisor import narration
from console.supervisor.launch import Launch
from console.supervisor.management.commands.up import Command
from console.supervisor.narration import Narrator
from console.supervisor.process import Program
from tests.console.supervisor.test_supervision import wait_for

SLOW_TO_END = (
    "import signal, sys, time\n"
    "def end(*_):\n"
    "    time.sleep(0.2)\n"
    "    open('order', 'a').write(sys.argv[1] + ' ')\n"
    "    sys.exit()\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "open(sys.argv[1], 'w').close()\n"
    "time.sleep(60)\n"
)


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A reading end, and a stream of the writing end."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", encoding="utf-8")
    yield reader, stream
    stream.close()


class TestUp:
    def test_stops_its_programs_in_order_when_nobody_reads_any_more(
        self,
        settings: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        pipe: tuple[int, TextIO],
    ) -> None:
        class TwoPrograms(Launch):
            def run(self) -> None:
                for name in ("first", "second"):
                    command = [sys.executable, "-c", SLOW_TO_END, name]
                    self._supervisor.start(Program(name, command, tmp_path))
                    wait_for((tmp_path / name).exists)
                os.close(pipe[0])
                signal.raise_signal(signal.SIGHUP)

        settings.DATA_DIR = tmp_path / "data"
        monkeypatch.setattr("sys.stdout", pipe[1])
        monkeypatch.setattr(Command, "launch_class", TwoPrograms)

        Command().handle()

        assert (tmp_path / "order").read_text() == "second first "


class TestTheNarrator:
    def test_goes_on_without_a_standard_output(self) -> None:
        narrator = Narrator(None)

        with narrator.step("Doing it"):
            narrator.say("done")

    def test_leaves_nothing_to_write_where_the_reader_went_away(
        self, pipe: tuple[int, TextIO]
    ) -> None:
        narrator = Narrator(pipe[1])
        os.close(pipe[0])

        narrator.say("nobody hears this")

        pipe[1].flush()

    def test_does_not_wait_for_ever_for_a_reader_who_reads_nothing(
        self, pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(narration, "PATIENCE", 0.05)
        narrator = Narrator(pipe[1])

        for _ in range(40):
            narrator.say("x" * 2000)

        assert os.read(pipe[0], 100_000).startswith(b"xxx")
        narrator.say("heard again")
        assert os.read(pipe[0], 100_000) == b"heard again\n"
        os.close(pipe[0])
