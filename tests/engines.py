"""The two pairs of engines on which the suite runs: SQLite and Valkey, PostgreSQL and Redis.

`python -m tests.engines` runs the whole suite on the embedded pair, and then everything that
touches an engine on the other one. With arguments it hands them to pytest, once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree

from benchmarks.postgres import postgres
from tests.valkey import ValkeyServer, redis_binary

# Set while the suite runs on PostgreSQL and Redis: the folder of the server's socket.
SERVER: Final = "VEDETTE_TEST_POSTGRES"

# The rest of the suite never opens a database or a Redis.
ENGINE_TESTS: Final = (
    "tests/console",
    "tests/directconnect",
    "tests/threatresponse",
    "tests/permissions",
    "tests/e2e/test_first_light.py",
    "tests/e2e/test_newcomer.py",
)
# These bring an engine of their own, the same in both runs.
OWN_ENGINE_TESTS: Final = (
    "tests/console/supervisor",
    "tests/console/gateway/test_health.py",
    "tests/console/gateway/test_postgres.py",
    "tests/console/gateway/test_programs.py",
    "tests/console/gateway/test_pulled_cable.py",
    "tests/console/questions/test_programs.py",
)
_PYTEST: Final = (sys.executable, "-m", "pytest", "-n", "2", "-q", "-rsfE")


def database_url(name: str) -> str:
    """Name a database of the server under test."""
    return f"postgresql://vedette@/{name}?host={os.environ[SERVER]}"


def is_scaled() -> bool:
    """Tell whether the suite runs on PostgreSQL and Redis."""
    return SERVER in os.environ


@contextmanager
def scaled_engines(directory: Path) -> Iterator[dict[str, str]]:
    """Give a console a new database and a Redis of its own; nothing where the suite is embedded."""
    if not is_scaled():
        yield {}
        return
    name = f"console_{uuid.uuid4().hex}"
    folder = os.environ[SERVER]
    subprocess.run(["createdb", "-h", folder, "-U", "vedette", name], check=True)
    server = ValkeyServer(directory / "redis.sock", durable=True)
    server.start()
    try:
        yield {"DATABASE_URL": database_url(name), "REDIS_URL": server.url}
    finally:
        server.stop()
        subprocess.run(["dropdb", "--force", "-h", folder, "-U", "vedette", name], check=True)


def missing_engines() -> list[str]:
    """Name what the second run needs and this machine has not got."""
    initdb = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return ["postgresql"] * (not initdb) + ["redis-server"] * (redis_binary() is None)


def main(arguments: Sequence[str]) -> int:
    """Run pytest on both pairs; return the worse of both outcomes."""
    if arguments:
        return subprocess.call([*_PYTEST, *arguments])
    _say("Everything, on SQLite and Valkey")
    with TemporaryDirectory(prefix="vedette-engines-") as directory:
        report = Path(directory) / "report.xml"
        embedded = subprocess.call([*_PYTEST, f"--junitxml={report}"])
        failed = failed_in(report)
    missing = missing_engines()
    if missing:
        _say(f"Not run on PostgreSQL and Redis: {' and '.join(missing)} not installed")
        return embedded or int("CI" in os.environ)
    _say("What touches an engine, on PostgreSQL and Redis")
    with TemporaryDirectory(prefix="vedette-engines-") as directory:
        # The server runs as another user, who must reach its own folder.
        Path(directory).chmod(0o755)
        with postgres(Path(directory) / "server", durable=False):
            environment = {**os.environ, SERVER: str(Path(directory) / "server")}
            left_out = [f"--ignore={path}" for path in OWN_ENGINE_TESTS]
            scaled = subprocess.call([*_PYTEST, *left_out, *ENGINE_TESTS], env=environment)
    if failed:
        # The second run has moved them out of sight, or out of a log that keeps its end.
        _say(f"Failed on SQLite and Valkey: {len(failed)}")
        sys.stderr.writelines(f"{name}\n" for name in failed)
    return embedded or scaled


def failed_in(report: Path) -> list[str]:
    """Name what a report of pytest counts as failed or broken; nothing when it wrote none."""
    if not report.exists():
        return []
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest's own
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def _say(text: str) -> None:
    sys.stderr.write(f"\n{text}\n{'-' * min(len(text), shutil.get_terminal_size().columns)}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
