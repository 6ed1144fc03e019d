"""Who may import whom: the contracts of pyproject.toml, run as a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def test_every_import_contract_is_kept() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"

    result = subprocess.run(
        [lint_imports, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_agent_runs_without_the_console() -> None:
    program = (
        "import sys, agent.__main__\n"
        "foreign = {'django', 'rest_framework', 'celery', 'channels', 'redis', 'console'}\n"
        "print(sorted(foreign & {name.partition('.')[0] for name in sys.modules}))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == "[]"
