"""`manage.py test` runs this suite, too."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import REPOSITORY


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
