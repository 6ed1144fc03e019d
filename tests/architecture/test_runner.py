"""`manage.py test` runs this suite, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.engines import failed_in


def test_djangos_test_command_runs_pytest() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "test", "tests/protocol/test_instants.py"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout


def test_failures_of_the_first_run_are_named_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError\n"
        "def test_fails(): assert False\n"
        "def test_breaks(broken): pass\n"
        "def test_passes(): pass\n"
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", f"--junitxml={report}"]
    subprocess.run([*command, "--rootdir", tmp_path, tmp_path], capture_output=True, check=False)

    assert failed_in(report) == ["test_sample::test_fails", "test_sample::test_breaks"]
    assert failed_in(tmp_path / "absent.xml") == []
