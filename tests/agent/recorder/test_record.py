"""Recording to a file from the command line, without any console."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.record import summary_lines
from protocol.event_json import event_from_json
from protocol.messages import KindCounters, SourceHealth
from tests.agent.recorder.leftovers import assert_unloaded, loaded_programs

DEADLINE_SECONDS = 20.0
# Gives root up after the imports: the interpreter itself may lie where only root can read.
SCRIPT_WITHOUT_ROOT = (
    "import os, sys; from agent.record import record;"
    "os.setgroups([]); os.setgid(65534); os.setuid(65534); record(None, sys.argv[1])"
)
SCRIPT = "import sys; from agent.record import record; record(None, sys.argv[1])"


def start(output: Path | str, *, sources: str = "", script: str = SCRIPT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(output)],
        env={**os.environ, "VEDETTE_RECORDER_SOURCES": sources},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(output: Path, wanted: str) -> str:
    """Return the first line of the file that holds this text, written while it grows."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < ends_at:
        if output.exists():
            for line in output.read_text().splitlines():
                if wanted in line:
                    return line
        time.sleep(0.05)
    pytest.fail(f"nothing was recorded of {wanted}")


class TestSummaryLines:
    def test_tell_counts_and_sources(self) -> None:
        lines = summary_lines(
            {"file": KindCounters(seen=9, filtered=2, recorded=7, lost=1)},
            [
                SourceHealth(name="fanotify", state="running", kinds=["file"], blind_to=["x"]),
                SourceHealth(name="ebpf", state="absent", kinds=[], reason="needs root"),
            ],
        )

        assert lines == [
            "file: 9 seen, 7 recorded, 2 filtered, 1 lost",
            "source fanotify running",
            "source fanotify does not see x",
            "source ebpf absent: needs root",
        ]


@pytest.mark.slow
@pytest.mark.root
class TestRecord:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_writes_while_it_records_and_ends_cleanly(self, tmp_path: Path, number: int) -> None:
        before = loaded_programs()
        output = tmp_path / "events.jsonl"
        with start(output) as recorder:
            wait_for_line(output, "already_running")
            started = loaded_programs() - before
            subprocess.run(["/bin/true", "recorded", "<script>\n"], check=True)
            line = wait_for_line(output, '"recorded"')
            recorder.send_signal(number)
            summary, errors = recorder.communicate(timeout=DEADLINE_SECONDS)

        assert recorder.returncode == 0
        assert errors == ""
        assert event_from_json(json.loads(line))
        assert json.loads(line)["process"]["arguments"][1:] == ["recorded", "<script>\n"]
        assert "process: " in summary
        assert " 0 lost" in summary
        assert "source ebpf running" in summary
        assert_unloaded(started)

    def test_killed_leaves_nothing_behind_and_can_start_again(self, tmp_path: Path) -> None:
        before = loaded_programs()
        output = tmp_path / "events.jsonl"
        with start(output) as recorder:
            wait_for_line(output, '"kind"')
            started = loaded_programs() - before
            recorder.kill()
        assert started
        assert_unloaded(started)

        second = tmp_path / "second.jsonl"
        with start(second) as again:
            wait_for_line(second, '"kind"')
            again.send_signal(signal.SIGTERM)
            again.communicate(timeout=DEADLINE_SECONDS)

        assert again.returncode == 0

    def test_writes_to_standard_output(self) -> None:
        with start("-") as recorder:
            assert recorder.stdout is not None
            line = recorder.stdout.readline()
            recorder.send_signal(signal.SIGTERM)
            _, summary = recorder.communicate(timeout=DEADLINE_SECONDS)

        assert event_from_json(json.loads(line))
        assert "source ebpf running" in summary

    def test_says_without_root_what_is_absent_and_why(self) -> None:
        with start("-", script=SCRIPT_WITHOUT_ROOT) as recorder:
            assert recorder.stdout is not None
            assert '"kind":"process"' in recorder.stdout.readline()
            recorder.send_signal(signal.SIGTERM)
            _, summary = recorder.communicate(timeout=DEADLINE_SECONDS)

        assert "source proc-polling running" in summary
        for name in ("ebpf", "audit", "fanotify"):
            assert f"source {name} absent: " in summary
        assert "needs root" in summary

    def test_uses_the_sources_that_the_environment_names(self) -> None:
        with start("-", sources="proc-connector") as recorder:
            assert recorder.stdout is not None
            recorder.stdout.readline()
            recorder.send_signal(signal.SIGTERM)
            _, summary = recorder.communicate(timeout=DEADLINE_SECONDS)

        assert "source proc-connector running" in summary
        assert "ebpf" not in summary
