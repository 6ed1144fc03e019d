"""What a program does before anything else, and what an import does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import beat_init, celeryd_init
from celery.utils.dispatch import Signal

from console import celery
from console.core.environment import Environment
from tests.conftest import REPOSITORY


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _run(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VEDETTE_DATA": str(data)}
    environment["DJANGO_SETTINGS_MODULE"] = "console.settings"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.slow
class TestCommand:
    def test_leaves_its_files_to_their_owner(self, tmp_path: Path, usual_umask: None) -> None:
        data = tmp_path / "new" / "data"

        _run("manage.py", "showmigrations", "access", data=data)

        assert (data / "console.sqlite3").stat().st_mode & 0o777 == 0o600
        assert data.stat().st_mode & 0o777 == data.parent.stat().st_mode & 0o777 == 0o700

    def test_says_in_one_line_that_it_can_have_no_data_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(subprocess.CalledProcessError) as failed:
            _run("manage.py", "check", data=tmp_path / "file" / "data")

        assert failed.value.stderr == (
            f"vedette: the data directory {tmp_path}/file/data cannot be made: Not a directory; "
            "set VEDETTE_DATA to a place that you can write to\n"
        )

    @pytest.mark.parametrize("command", ["gateway", "web", "ingest"])
    def test_starts_no_program_with_a_wrong_value(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setenv("VEDETTE_GATEWAY_PORT", "abc")

        with pytest.raises(subprocess.CalledProcessError) as failed:
            _run("manage.py", command, data=tmp_path / "data")

        assert "vedette.E009" in failed.value.stderr
        assert "VEDETTE_GATEWAY_PORT is 'abc'" in failed.value.stderr
        assert "Traceback" not in failed.value.stderr

    def test_takes_an_empty_data_directory_for_the_default(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = "from console.core import places; print(places.DATA_DIR)"
        monkeypatch.setenv("VEDETTE_DATA", "")

        said = subprocess.check_output([sys.executable, "-c", source], cwd=REPOSITORY, text=True)

        assert said == f"{REPOSITORY / 'data'}\n"


class TestCelery:
    def test_starts_no_worker_with_a_wrong_value(self, settings: Any, usual_umask: None) -> None:
        environment = Environment({"VEDETTE_ANSWERS_KEPT_DAYS": "90d"})
        environment.number("VEDETTE_ANSWERS_KEPT_DAYS", 30)
        settings.VEDETTE_WRONG_VALUES = environment.wrong

        # Celery catches every Exception of what it calls here.
        with pytest.raises(SystemExit, match="VEDETTE_ANSWERS_KEPT_DAYS is '90d'"):
            celery.begin()

    @pytest.mark.parametrize("begins", [celeryd_init, beat_init], ids=["worker", "beat"])
    def test_leaves_its_files_to_their_owner(
        self, tmp_path: Path, usual_umask: None, begins: Signal
    ) -> None:
        receivers = [receiver for _, receiver in begins.receivers]
        assert celery.begin in receivers

        celery.begin()

        (tmp_path / "made").touch()
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
class TestImport:
    def test_of_tls_loads_no_settings_and_makes_no_key(self, tmp_path: Path) -> None:
        source = "import sys, console.certificates.tls; print('console.settings' in sys.modules)"

        assert _run("-c", source, data=tmp_path / "data").stdout == "False\n"
        assert not (tmp_path / "data").exists()

    def test_of_all_pages_makes_no_key_before_something_is_signed(self, tmp_path: Path) -> None:
        source = (
            "import django; django.setup(); import console.urls, console.celery\n"
            "from django.conf import settings\n"
            "print(settings.KEYS_DIR.exists(), len(settings.SECRET_KEY))"
        )

        assert _run("-c", source, data=tmp_path / "data").stdout == "False 64\n"
        assert (tmp_path / "data" / "keys" / "django.key").stat().st_mode & 0o777 == 0o600
