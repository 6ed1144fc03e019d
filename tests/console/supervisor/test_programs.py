"""The table of programs: what each gets of the supervisor's secrets, and where sockets stand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.test import override_settings

from console.supervisor.exceptions import CannotStart
from console.supervisor.process import Program, SupervisedProcess
from console.supervisor.programs import SECRET_VARIABLES, agent, valkey


class TestTheAgent:
    def test_does_not_get_the_consoles_secrets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in SECRET_VARIABLES:
            monkeypatch.setenv(name, "classified")
        monkeypatch.setenv("OTHER", "kept")
        shows = (sys.executable, "-c", "import os; print(os.environ)")
        program = Program("agent", shows, tmp_path, withheld=agent().withheld)
        running = SupervisedProcess(program, log_path=tmp_path / "agent.log")

        running.start(now=0.0)
        while running.exit_code is None:
            pass

        said = running.last_lines()
        assert "kept" in said
        assert "classified" not in said


class TestValkeysSocket:
    def test_stands_in_a_folder_of_its_own(self, tmp_path: Path) -> None:
        with override_settings(DATA_DIR=tmp_path, VALKEY_SOCKET=tmp_path / "run" / "valkey.sock"):
            valkey()

        assert (tmp_path / "run").stat().st_mode & 0o077 == 0

    def test_does_not_stand_where_others_may_write(self, tmp_path: Path) -> None:
        planted = tmp_path / "vedette-planted"
        planted.mkdir()
        planted.chmod(0o777)

        with (
            override_settings(DATA_DIR=tmp_path, VALKEY_SOCKET=planted / "valkey.sock"),
            pytest.raises(CannotStart, match="not this user's own folder"),
        ):
            valkey()

    def test_does_not_stand_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

        with (
            override_settings(DATA_DIR=tmp_path, VALKEY_SOCKET=tmp_path / "link" / "valkey.sock"),
            pytest.raises(CannotStart),
        ):
            valkey()
