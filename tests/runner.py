"""`manage.py test`: the same suite, run by pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any


class PytestRunner:
    """Hands everything over to pytest, in a process of its own.

    Django is configured here already; pytest configures it again for each of its workers.
    """

    def __init__(self, *, keepdb: bool = False, failfast: bool = False, **_options: Any) -> None:
        self._options = ["--reuse-db"] * keepdb + ["--exitfirst"] * failfast

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Take what Django's own runner takes of this."""
        parser.add_argument("-k", "--keepdb", action="store_true", help="keep the test database")

    def run_tests(self, test_labels: Sequence[str], **_options: Any) -> int:
        """Run the tests at these paths, or all; return how pytest ended."""
        # Settings and directories of this process are not those of the workers to come.
        ours = ("DJANGO_SETTINGS_MODULE", "PYTEST_", "VEDETTE_TEST_DIRECTORY_")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(ours)
        }
        command = [sys.executable, "-m", "pytest", "-n", "2", "-q", "-rs"]
        return subprocess.call([*command, *self._options, *test_labels], env=environment)
