"""A PostgreSQL server of its own for a benchmark, from the system's packages."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


@contextlib.contextmanager
def postgres(directory: Path, *, durable: bool = True) -> Iterator[str]:
    """Run a server on a Unix socket in `directory` and yield its database URL.

    One that is not durable would lose data if the machine failed, and empties tables at once.
    """
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    directory.mkdir(parents=True)
    shutil.chown(directory, user)
    cluster = directory / "cluster"
    binaries = _binaries()

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(cluster), "-U", "vedette", "-A", "trust", "-E", "UTF8")
    options = f"-c listen_addresses= -c unix_socket_directories={directory}"
    if not durable:
        # Nothing lives long enough to be vacuumed, and whoever vacuums keeps a database from being
        # dropped.
        options += " -c autovacuum=off"
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    log = str(directory / "log")
    run(str(binaries / "pg_ctl"), "-D", str(cluster), "-l", log, "-w", "-o", options, "start")
    try:
        run(str(binaries / "createdb"), "-h", str(directory), "-U", "vedette", "vedette")
        yield f"postgresql://vedette@/vedette?host={directory}"
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(cluster), "-m", "immediate", "stop")
