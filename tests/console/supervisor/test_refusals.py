"""What `up` says about a broken data directory or wrong settings: sentences, no traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.supervisor import startup
from console.supervisor.exceptions import CannotStart
from tests.conftest import REPOSITORY

PORTS = ("WEB", "GATEWAY", "SESSIONS", "STATUS")
NOBODY = 65534


def free_ports() -> dict[str, str]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {
        f"VEDETTE_{name}_PORT": str(probe.getsockname()[1])
        for name, probe in zip(PORTS, probes, strict=True)
    }
    for probe in probes:
        probe.close()
    return found


def up(data: Path, **environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if "VEDETTE" not in name}
    return subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=REPOSITORY,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "VEDETTE_DATA": str(data),
            "VEDETTE_NO_AGENT": "1",
            **free_ports(),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(data: Path, **environment: str) -> str:
    with up(data, **environment) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    return said


def lock_is_a_directory(data: Path) -> None:
    (data / "run" / "supervisor.lock").mkdir(parents=True)


def run_is_a_file(data: Path) -> None:
    data.mkdir()
    (data / "run").touch()


def database_is_damaged(data: Path) -> None:
    data.mkdir()
    (data / "console.sqlite3").write_bytes(b"not what SQLite wrote" * 100)


def valkey_is_a_file(data: Path) -> None:
    data.mkdir()
    (data / "valkey").touch()


def session_key_is_damaged(data: Path) -> None:
    (data / "keys").mkdir(mode=0o700, parents=True)
    (data / "keys" / "django.key").write_bytes(b"\xff\xfe")
    (data / "keys" / "django.key").chmod(0o600)


def authority_is_damaged(data: Path) -> None:
    (data / "keys").mkdir(mode=0o700, parents=True)
    for name in ("authority.key", "authority.pem"):
        (data / "keys" / name).write_bytes(b"damaged")
        (data / "keys" / name).chmod(0o600)


@pytest.mark.slow
class TestUp:
    @pytest.mark.parametrize(
        ("broken", "name", "advice"),
        [
            (lock_is_a_directory, "run/supervisor.lock", "set VEDETTE_DATA"),
            (run_is_a_file, "/run", "set VEDETTE_DATA"),
            (valkey_is_a_file, "/valkey", "set VEDETTE_DATA"),
            (session_key_is_damaged, "django.key", "restore it"),
            (database_is_damaged, "console.sqlite3", "restore it from a backup"),
            (authority_is_damaged, "authority.key", "restore it from a backup"),
        ],
    )
    def test_names_what_is_broken_and_what_to_do(
        self, tmp_path: Path, broken: Callable[[Path], None], name: str, advice: str
    ) -> None:
        broken(tmp_path / "data")

        said = refusal(tmp_path / "data")

        assert name in said
        assert advice in said

    @pytest.mark.parametrize(
        ("variable", "value", "check"),
        [
            ("VEDETTE_WEB_PORT", "abc", "vedette.E009"),
            ("VEDETTE_API_TOKEN_HOURS", "99999999999", "vedette.E009"),
            ("DATABASE_URL", "mysql://db/vedette", "vedette.E011"),
            ("VEDETTE_SECRET_KEY_FILE", "/nowhere/key", "vedette.E010"),
        ],
    )
    def test_names_the_wrong_variable_by_a_check(
        self, tmp_path: Path, variable: str, value: str, check: str
    ) -> None:
        said = refusal(tmp_path / "data", **{variable: value})

        assert check in said
        assert "HINT" in said

    def test_names_the_file_of_the_password_that_cannot_be_read(self, tmp_path: Path) -> None:
        said = refusal(tmp_path / "data", VEDETTE_ADMIN_PASSWORD_FILE="/nowhere/password")

        assert "/nowhere/password, which VEDETTE_ADMIN_PASSWORD_FILE names" in said

    def test_ends_soon_and_without_failure_when_it_is_broken_off(self, tmp_path: Path) -> None:
        with up(tmp_path / "data") as process:
            assert process.stdout is not None
            until = (line for line in process.stdout if "Starting Valkey" in line)
            next(until)

            process.send_signal(signal.SIGINT)
            said, errors = process.communicate(timeout=60)

        assert process.returncode == 0, errors
        assert "Stopped" in said
        assert "Starting ingester" not in said


@pytest.fixture
def anybodys_folder() -> Iterator[Path]:
    # Not below pytest's own folders: those are for one user alone.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class TestTheDataDirectory:
    def test_of_somebody_else_is_refused(self, settings: Any, anybodys_folder: Path) -> None:
        settings.DATA_DIR = anybodys_folder / "data"
        for name in ("run", "logs", "keys", "files"):
            (settings.DATA_DIR / name).mkdir(parents=True)
            (settings.DATA_DIR / name).chmod(0o555)
        settings.DATA_DIR.chmod(0o555)
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)

        try:
            with (
                pytest.raises(CannotStart, match=r"supervisor\.lock\); set VEDETTE_DATA"),
                startup.claimed_data_directory(),
            ):
                pass
        finally:
            os.seteuid(before)
