"""The systemd unit: what it takes away, and that the recorder sees everything within it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.outcomes import NOT_ENROLLED
from protocol.event_json import event_from_json
from protocol.events import FileEvent

REPOSITORY = Path(__file__).resolve().parents[2]
UNIT = REPOSITORY / "deploy" / "vedette-agent.service"
DEADLINE_SECONDS = 20.0
# Removes links to a file and makes them again: the kernel merges this into one event for each,
# and only a look at the name tells what came last.
REPLACE = """
import os, sys
source, *paths = sys.argv[1:]
for path in paths:
    os.unlink(path)
    os.link(source, path)
"""
FILES = 50
# What makes a mount namespace in which things are missing that are there.
HIDING = (
    "PrivateTmp",
    "PrivateDevices",
    "PrivateMounts",
    "PrivatePIDs",
    "ProtectProc",
    "ProcSubset",
    "ProtectKernelModules",
    "ProtectControlGroups",
    "ProtectKernelTunables",
    "InaccessiblePaths",
    "TemporaryFileSystem",
    "RootDirectory",
)


def settings() -> dict[str, str]:
    """Read the unit's settings; what comes twice is not asked for here."""
    lines = UNIT.read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and line[0] not in "#[")
    return {name: value for name, _, value in pairs}


def enter_namespace() -> str:
    """Return shell words that make of the mounts here what the unit makes of them.

    As systemd does: new mounts of the computer still arrive, and what is not named is read-only.
    """
    unit = settings()
    lines = ["set -e"]
    if unit.get("PrivateTmp") == "yes":
        lines.append('mount --bind "$OWN/tmp" /tmp')
    lines += [f"mount --bind {path} {path}" for path in unit.get("ReadWritePaths", "").split()]
    if unit.get("ProtectSystem") == "strict":
        lines.append("mount -o remount,bind,ro /")
    return "\n".join(lines)


@pytest.fixture
def own_folder() -> Iterator[Path]:
    # Outside of the mount that becomes read-only, as the agent's own folders are.
    folder = Path(tempfile.mkdtemp(prefix="vedette-unit-", dir="/dev/shm"))
    (folder / "tmp").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def computer() -> Iterator[list[str]]:
    """Give words that run a command on a computer whose mounts systemd has made shared."""
    unshare = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", "echo; exec cat"]
    with subprocess.Popen(unshare, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield ["nsenter", f"--target={process.pid}", "--mount"]
        process.terminate()


def start_recorder(own: Path, computer: list[str]) -> subprocess.Popen[bytes]:
    record = shlex.join([sys.executable, "-m", "agent", "record", "--output", str(own / "events")])
    enter = ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c"]
    return subprocess.Popen(
        [*computer, *enter, f"{enter_namespace()}\ncd {REPOSITORY}\nexec {record}"],
        env={"OWN": str(own), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(own)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def told(own: Path) -> list[FileEvent]:
    """Return the file events that were recorded so far."""
    lines = (own / "events").read_bytes().splitlines(keepends=True)
    events = [event_from_json(json.loads(line)) for line in lines if line.endswith(b"\n")]
    return [event for event in events if isinstance(event, FileEvent)]


def wait_until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "not recorded in time"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.root
class TestNamespace:
    @pytest.fixture
    def recorder(self, own_folder: Path, computer: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        with start_recorder(own_folder, computer) as running:
            output = own_folder / "events"
            wait_until(lambda: output.exists() and output.stat().st_size > 0)
            yield running
            running.terminate()
            running.communicate(timeout=DEADLINE_SECONDS)

    @pytest.mark.usefixtures("recorder")
    def test_shows_the_files_of_everybody_in_tmp(self, own_folder: Path) -> None:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="replaced-"))
        paths = [str(folder / f"file-{number}") for number in range(FILES)]
        try:
            source = folder / "source"
            source.touch()
            for path in paths:
                Path(path).hardlink_to(source)
            subprocess.run([sys.executable, "-c", REPLACE, source, *paths], check=True)
            subprocess.run(["touch", folder / "last"], check=True)

            wait_until(lambda: any(event.path == f"{folder}/last" for event in told(own_folder)))
        finally:
            shutil.rmtree(folder)

        last_told = {event.path: event.operation for event in told(own_folder)}
        assert {last_told[path] for path in paths} == {"create"}  # each of them is there

    @pytest.mark.usefixtures("recorder")
    def test_shows_file_systems_that_are_mounted_later(
        self, own_folder: Path, computer: list[str], tmp_path: Path
    ) -> None:
        subprocess.run([*computer, "mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
        time.sleep(1)
        subprocess.run([*computer, "touch", tmp_path / "later"], check=True)

        wait_until(lambda: any(event.path == f"{tmp_path}/later" for event in told(own_folder)))


class TestUnit:
    @pytest.mark.parametrize("name", HIDING)
    def test_hides_nothing_from_the_recorder(self, name: str) -> None:
        assert name not in settings()

    def test_does_not_start_again_and_again_before_enrolment(self) -> None:
        assert settings()["RestartPreventExitStatus"] == str(NOT_ENROLLED)
        assert settings()["Restart"] == "always"

    def test_names_no_file_that_endpoints_do_not_get(self) -> None:
        assert "file:" not in settings().get("Documentation", "")

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
    def test_is_understood_by_systemd(self, tmp_path: Path) -> None:
        copy = tmp_path / UNIT.name
        # The program's folder exists on endpoints only, and systemd asks for it.
        text = UNIT.read_text().replace("/opt/vedette-agent/.venv/bin/python", "/bin/true")
        copy.write_text(text.replace("/opt/vedette-agent", "/"))

        verdict = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", copy],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert copy.name not in verdict.stderr
        assert verdict.returncode == 0, verdict.stderr
