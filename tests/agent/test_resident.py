"""What stays in memory is the running agent, and nothing that only a moment needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.directories import Directories
from agent.own_programs import (
    PROGRAM_FOLDER,
    RESIDENT,
    VERBOSE,
    command_line,
    directories_named,
)
from agent.resident import main


class TestResident:
    # Keys and certificates, the command line, other ways to run: megabytes for months.
    @pytest.mark.parametrize("module", ["argparse", "cryptography.x509", "agent.cli"])
    def test_does_not_hold_what_other_programs_need(self, module: str) -> None:
        script = "import json, sys; import agent.resident; print(json.dumps(list(sys.modules)))"
        answer = subprocess.run(
            [sys.executable, "-c", script],
            cwd=PROGRAM_FOLDER,
            capture_output=True,
            check=True,
            timeout=60,
        )

        assert module not in json.loads(answer.stdout)

    def test_refuses_to_stay_without_enrolment(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--home", str(tmp_path)]) == 4
        assert "enroll" in capsys.readouterr().err


class TestCommandLine:
    @pytest.mark.parametrize(
        "directories", [Directories.under(Path("/a home")), Directories.of_this_computer()]
    )
    def test_names_the_directories(self, directories: Directories) -> None:
        interpreter, *words = command_line(RESIDENT, directories, VERBOSE)

        assert interpreter == sys.executable
        assert words[:2] == ["-m", RESIDENT]
        assert words[-1] == VERBOSE
        assert directories_named(words) == directories
