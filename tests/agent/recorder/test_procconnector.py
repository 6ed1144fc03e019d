"""The sources of last resort: the process connector and polling."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from protocol.events import ProcessExited
from tests.agent.recorder.recording import Recording, process_of, run


@pytest.mark.root
class TestProcConnectorSource:
    def test_tells_a_program_that_runs_for_a_while_and_its_end(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("proc-connector",)) as recording:
            with subprocess.Popen(["/bin/sleep", "60.125"]) as child:
                started = recording.programs("60.125")
                child.kill()
            ended = recording.wait_for(
                ProcessExited, lambda event: process_of(event).pid == child.pid
            )

        assert process_of(started[0]).arguments == ("/bin/sleep", "60.125")
        assert process_of(started[0]).ancestors
        assert ended[0].killed_by == 9

    def test_counts_programs_that_were_gone_before_they_could_be_read(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("proc-connector",)) as recording:
            for _ in range(5):
                run("/bin/true")
            recording.read()
            lost = recording.recorder.counters()["process"].lost

        assert lost >= 5

    def test_says_what_it_cannot_see(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("proc-connector",)) as recording:
            (health,) = recording.recorder.health()

        assert any("ended at once" in what for what in health.blind_to)


class TestProcPollingSource:
    def test_tells_a_program_that_runs_for_a_while_and_its_end(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("proc-polling",)) as recording:
            with subprocess.Popen(["/bin/sleep", "60.25"]) as child:
                started = recording.programs("60.25")
                child.kill()
            ended = recording.wait_for(
                ProcessExited, lambda event: process_of(event).pid == child.pid
            )

        assert process_of(started[0]).pid == child.pid
        assert ended
