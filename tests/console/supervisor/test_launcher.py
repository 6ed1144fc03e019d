"""The launcher `./vedette`: whose directory names files, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.console.supervisor.test_supervision import wait_for

# Says where it was run, and with what.
PYTHON = """#!/bin/sh
printf '%s\\n' "directory $PWD" "data ${VEDETTE_DATA:-}" "arguments $*"
"""
REFUSES = "#!/bin/sh\nexit 1\n"
WAITS = """#!/bin/sh
cat "$VEDETTE_POLICY_FILE" >"$SEEN.draft" && mv "$SEEN.draft" "$SEEN"
sleep 30
"""


def script(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the launcher that has no Python yet."""
    tree = tmp_path / "tree"
    script(tree / "vedette", (REPOSITORY / "vedette").read_text())
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (tree / lock).touch()
    return tree


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "else where"
    folder.mkdir()
    return folder


class TestFiles:
    def test_of_match_are_the_callers(self, elsewhere: Path) -> None:
        (elsewhere / "signals.json").write_text(
            json.dumps([{"id": "curl", "text": "process.path ends with 'curl'"}])
        )
        (elsewhere / "events.jsonl").write_text("")
        # It would be imported if the caller's directory came first.
        (elsewhere / "detection.py").write_text("raise SystemExit('imported')")
        words = ("match", "--signals", "signals.json", "--events", "events.jsonl")

        ended = subprocess.run(
            [REPOSITORY / "vedette", *words],
            cwd=elsewhere,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 0, ended.stderr

    @pytest.mark.parametrize(
        ("words", "is_there"),
        [
            ("match --events x", True),
            ("manage loaddata x", True),
            ("ask x", True),
            ("manage gateway", False),
            ("up", False),
        ],
    )
    def test_are_named_as_the_caller_sees_them(
        self, tree: Path, elsewhere: Path, words: str, is_there: bool
    ) -> None:
        script(tree / ".venv/bin/python", PYTHON)

        said = subprocess.check_output(
            [tree / "vedette", *words.split()],
            cwd=elsewhere,
            env={**os.environ, "VEDETTE_DATA": "my data"},
            text=True,
        ).splitlines()

        directory, data, _ = said[-3:]
        assert directory == f"directory {elsewhere if is_there else tree}"
        assert data == f"data {elsewhere}/my data"


class TestServicesOfNewPackages:
    """What keeps them from starting is there while apt-get works, and never longer."""

    @pytest.fixture
    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        tools = tmp_path / "tools"
        script(tools / "id", "#!/bin/sh\necho 0\n")
        script(tools / "apt-get", WAITS)
        for python in ("python3", "python3.13", "python3.12", "python3.11"):
            script(tools / python, REFUSES)
        return {
            **os.environ,
            "PATH": f"{tools}:/usr/bin:/bin",
            "VEDETTE_POLICY_FILE": str(tmp_path / "policy-rc.d"),
            "SEEN": str(tmp_path / "seen"),
        }

    def _start(self, tree: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            [tree / "vedette", "up"],
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        wait_for(Path(environment["SEEN"]).exists)
        return started

    @pytest.mark.parametrize(
        ("number", "code"),
        [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    )
    def test_may_start_again_when_the_launcher_is_broken_off(
        self,
        tree: Path,
        tmp_path: Path,
        environment: Mapping[str, str],
        number: signal.Signals,
        code: int,
    ) -> None:
        started = self._start(tree, environment)

        os.killpg(started.pid, number)

        assert started.wait(10) in {code, -number}
        assert "exit 101" in (tmp_path / "seen").read_text()
        assert not (tmp_path / "policy-rc.d").exists()

    def test_may_start_again_when_apt_get_fails(
        self, tree: Path, tmp_path: Path, environment: Mapping[str, str]
    ) -> None:
        script(tmp_path / "tools" / "apt-get", REFUSES)

        ended = subprocess.run(
            [tree / "vedette", "up"], env=environment, capture_output=True, check=False
        )

        assert ended.returncode == 1
        assert b"apt-get could not install" in ended.stderr
        assert not (tmp_path / "policy-rc.d").exists()

    def test_may_start_again_when_an_earlier_launcher_was_killed(
        self, tree: Path, tmp_path: Path, environment: Mapping[str, str]
    ) -> None:
        first = self._start(tree, environment)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert (tmp_path / "policy-rc.d").exists()
        (tmp_path / "seen").unlink()

        second = self._start(tree, environment)
        os.killpg(second.pid, signal.SIGINT)
        second.wait(10)

        assert not (tmp_path / "policy-rc.d").exists()

    def test_stay_as_an_administrator_wants_them(
        self, tree: Path, tmp_path: Path, environment: Mapping[str, str]
    ) -> None:
        (tmp_path / "policy-rc.d").write_text("#!/bin/sh\nexit 104\n")

        started = self._start(tree, environment)
        os.killpg(started.pid, signal.SIGINT)
        started.wait(10)

        assert (tmp_path / "policy-rc.d").read_text() == "#!/bin/sh\nexit 104\n"
