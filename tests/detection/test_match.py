"""The command evaluates Signals on files, and names everything it could not use."""

from __future__ import annotations

import gzip
import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from detection.signals import event_lines
from detection.signals.match import main
from protocol.event_json import event_to_json
from protocol.events import Process, ProcessStarted

CURL = {"id": "curl", "text": "process.name is curl"}
SYSMON = {"EventID": 1, "Channel": "Linux-Sysmon", "Image": "/usr/bin/curl", "EventRecordID": 9}
OWN = event_to_json(
    ProcessStarted(at=1, process=Process(key=1, pid=2, started_at=1, path="/usr/local/bin/curl"))
)


class Run:
    """Runs the command in a folder and keeps what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.signals = folder / "signals.json"
        self.events = folder / "events.jsonl"
        self.signals.write_text(json.dumps([CURL]))
        self.events.write_bytes(b"")
        self.errors = io.StringIO()
        self.found: list[dict[str, Any]] = []

    def __call__(self, *options: str) -> int:
        output = io.BytesIO()
        paths = ["--signals", str(self.signals), "--events", str(self.events)]
        code = main([*paths, *options], output=output, errors=self.errors)
        self.found = [json.loads(line) for line in output.getvalue().splitlines()]
        return code

    def write_events(self, *lines: object) -> None:
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        self.events.write_bytes(b"\n".join(texts))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


class TestOutput:
    def test_names_signal_line_record_and_terms(self, run: Run) -> None:
        run.write_events({**SYSMON, "Image": "/bin/ls"}, b"", SYSMON, OWN)

        assert run() == 0
        matched = {"property": "process.name", "condition": "is", "value": "curl", "found": "curl"}
        assert run.found == [
            {"signal": "curl", "event": 3, "record_id": 9, "matched": [matched]},
            {"signal": "curl", "event": 4, "matched": [matched]},
        ]
        assert run.errors.getvalue() == ""

    def test_reads_compressed_events(self, run: Run) -> None:
        run.events.write_bytes(gzip.compress(json.dumps(SYSMON).encode() + b"\n"))

        assert run() == 0
        assert len(run.found) == 1

    def test_reads_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        source = io.TextIOWrapper(io.BytesIO(json.dumps(SYSMON).encode()))
        monkeypatch.setattr("sys.stdin", source)

        assert run("--events", "-") == 0
        assert len(run.found) == 1

    def test_goes_to_the_standard_streams(
        self, run: Run, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        run.write_events(SYSMON, b"x")

        assert main(["--signals", str(run.signals), "--events", str(run.events)]) == 0
        captured = capsysbinary.readouterr()
        assert captured.out.startswith(b'{"signal":"curl","event":1')
        assert b"line 2: not JSON" in captured.err

    def test_comes_from_the_module_as_a_program(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        run.write_events(SYSMON)
        monkeypatch.delitem(sys.modules, "detection.signals.match")
        monkeypatch.setattr(
            sys, "argv", ["match", "--signals", str(run.signals), "--events", str(run.events)]
        )

        with pytest.raises(SystemExit) as ended:
            runpy.run_module("detection.signals.match", run_name="__main__")

        assert ended.value.code == 0
        assert capsysbinary.readouterr().out.count(b"\n") == 1

    def test_keeps_the_order_of_lines_over_many(self, run: Run) -> None:
        run.write_events(*[SYSMON if n % 3 == 0 else OWN for n in range(1_500)])

        run()

        assert [entry["event"] for entry in run.found] == list(range(1, 1_501))

    def test_may_be_cut_short_by_its_reader(self, run: Run) -> None:
        class Closed(io.BytesIO):
            def flush(self) -> None:
                raise BrokenPipeError

        run.write_events(SYSMON)

        paths = ["--signals", str(run.signals), "--events", str(run.events)]
        assert main(paths, output=Closed(), errors=run.errors) == 0


class TestBadEvents:
    def test_are_named_and_the_rest_evaluated(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_lines, "MAX_LINE_BYTES", 1_000)
        run.write_events(
            b"{",
            b"[1]",
            b"\xff",
            b"[" * 900,
            {"what": "is this"},
            {"kind": "process", "time": "never"},
            b"x" * 5_000,
            SYSMON,
            b"y" * 5_000,
        )

        assert run() == 0
        assert [entry["event"] for entry in run.found] == [8]
        named = run.errors.getvalue().splitlines()
        assert len(named) == 9
        assert all(f": line {number}: " in named[number - 1] for number in range(1, 8))
        assert "line 9: longer than 1000 bytes" in named[7]
        assert "8 unreadable lines" in named[8]

    def test_of_great_depth_are_named(self, run: Run) -> None:
        run.write_events(b"[" * 100_000, SYSMON)

        assert run() == 0
        assert len(run.found) == 1

    def test_of_other_logs_are_passed_over(self, run: Run) -> None:
        run.write_events({"EventID": 4688, "Channel": "Security"})

        assert run() == 0
        assert run.errors.getvalue() == ""


class TestBadSignals:
    def test_are_named_with_their_place(self, run: Run) -> None:
        run.signals.write_text(json.dumps([{"id": "bad", "text": "process.path isnt x"}, CURL]))
        run.write_events(SYSMON)

        assert run() == 2
        assert "signal bad: line 1, column 14: " in run.errors.getvalue()
        assert "(expected " in run.errors.getvalue()
        assert len(run.found) == 1

    def test_can_be_skipped(self, run: Run) -> None:
        run.signals.write_text(json.dumps([{"id": "bad", "text": ""}, CURL]))

        assert run("--skip-invalid") == 0
        assert "signal bad" in run.errors.getvalue()

    def test_include_those_of_other_systems(self, run: Run) -> None:
        entry = {"id": "r", "text": "registry.key_path is x", "platforms": ["linux"]}
        run.signals.write_text(json.dumps([entry]))

        assert run() == 2
        assert "windows" in run.errors.getvalue()

    @pytest.mark.parametrize(("option", "code"), [("24", 2), ("30", 0), ("0", 0)])
    def test_are_those_over_the_limit(self, run: Run, option: str, code: int) -> None:
        text = " OR ".join(f"process.path is x{number}" for number in range(30))
        run.signals.write_text(json.dumps([{"id": "long", "text": text}]))

        assert run("--term-limit", option) == code


class TestBadFiles:
    @pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"id": 1, "text": ""}]', "[" * 100_000])
    def test_of_signals_are_named(self, run: Run, content: str) -> None:
        run.signals.write_text(content)

        assert run() == 2
        assert str(run.signals) in run.errors.getvalue()

    def test_may_be_absent(self, run: Run) -> None:
        run.events.unlink()

        assert run() == 2
        assert str(run.events) in run.errors.getvalue()

    @pytest.mark.parametrize("damage", [slice(0, 20), slice(0, -8)])
    def test_may_be_cut_off(self, run: Run, damage: slice) -> None:
        run.events.write_bytes(gzip.compress(json.dumps(SYSMON).encode() * 50)[damage])

        assert run() == 2
        assert "cannot be read" in run.errors.getvalue()

    def test_may_be_corrupt(self, run: Run) -> None:
        packed = bytearray(gzip.compress(json.dumps(SYSMON).encode() * 50))
        packed[12:20] = b"\xff" * 8
        run.events.write_bytes(packed)

        assert run() == 2
