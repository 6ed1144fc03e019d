"""The table of programs: what each gets of the supervisor's secrets, and where sockets stand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import override_settings

from console.supervisor import startup
from console.supervisor.exceptions import CannotStart
from console.supervisor.process import Program, SupervisedProcess
from console.supervisor.programs import SECRET_VARIABLES, agent, valkey


class TestWhatNeedsNoSecrets:
    @pytest.mark.parametrize("described", [agent, valkey])
    def test_gets_none_of_the_consoles(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        described: Callable[[], Program],
    ) -> None:
        for name in SECRET_VARIABLES:
            monkeypatch.setenv(name, "classified")
        monkeypatch.setenv("OTHER", "kept")
        shows = (sys.executable, "-c", "import os; print(os.environ)")
        with override_settings(DATA_DIR=tmp_path, VALKEY_SOCKET=tmp_path / "run" / "valkey.sock"):
            program = Program("probe", shows, tmp_path, withheld=described().withheld)
        running = SupervisedProcess(program, log_path=tmp_path / "probe.log")

        running.start(now=0.0)
        while running.exit_code is None:
            pass

        said = running.last_lines()
        assert "kept" in said
        assert "classified" not in said

    def test_nor_does_the_agent_that_enrols(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails = [sys.executable, "-c", "import os, sys; sys.exit(str(os.environ))"]
        monkeypatch.setattr(startup, "agent_command", lambda *_: fails)
        monkeypatch.setenv("REDIS_URL", "classified")
        monkeypatch.setenv("OTHER", "kept")
        (tmp_path / "run").mkdir()

        with override_settings(DATA_DIR=tmp_path), pytest.raises(CannotStart) as refused:
            startup.enrol_agent(authority=tmp_path / "authority.pem", token="once")

        assert "kept" in str(refused.value)
        assert "classified" not in str(refused.value)


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
