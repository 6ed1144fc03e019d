"""Run a measurement on an empty database of each engine that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.postgres import postgres

REPOSITORY = Path(__file__).resolve().parent.parent


def on_each_engine(module: str, *arguments: str) -> None:
    """Run a module in the console's environment: on SQLite, then on PostgreSQL if it is there."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # PostgreSQL runs as another user.
        directory.chmod(0o755)
        print("SQLite", flush=True)
        _run(module, arguments, {"VEDETTE_DATA": str(directory / "sqlite")})
        if Path("/usr/lib/postgresql").is_dir():
            print("PostgreSQL", flush=True)
            with postgres(directory / "postgres") as url:
                variables = {"VEDETTE_DATA": str(directory / "data"), "DATABASE_URL": url}
                _run(module, arguments, variables)


def _run(module: str, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    Path(variables["VEDETTE_DATA"]).mkdir()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", **variables}
    for command in (("manage.py", "migrate", "-v0"), ("-m", module, *arguments)):
        subprocess.run([sys.executable, *command], check=True, cwd=REPOSITORY, env=environment)
