"""What may be had once is had once, and the audit chain holds, whoever is how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.console.races import RACERS

ONE_OF_THEM = ["done", *["refused"] * (RACERS - 1)]


@pytest.mark.slow
def test_tokens_and_tickets_are_used_once_and_the_audit_chain_holds(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "VEDETTE_DATA": str(tmp_path),
    }

    result = subprocess.run(
        [sys.executable, "-m", "tests.console.races"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["joined"] == ONE_OF_THEM
    assert found["attached"] == ONE_OF_THEM
    assert found["intact"]
    # The token was made, and everybody who tried to join stands in the log.
    assert found["events"] >= 1 + RACERS
