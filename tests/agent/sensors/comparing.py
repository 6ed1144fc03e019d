"""Run sensors in the test's own process, and hold them against the system's own commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.directories import Directories
from agent.machine import this_platform
from agent.sensors.collected import Collected, collect
from agent.sensors.context import SensorContext
from agent.sensors.parameters import completed_parameters
from agent.sensors.table import FUNCTIONS
from sensors.catalogue import BUILT_IN
from tests.agent.gateway import now

PATIENCE = 20.0
Value = TypeVar("Value")
_ASK = (
    "import json, sys; from tests.agent.sensors.comparing import rows_of;"
    "print(json.dumps(rows_of(sys.argv[1])))"
)


def rows_of(
    key: str, root: Path = Path("/"), home: Path | None = None, **parameters: str
) -> list[dict[str, str]]:
    """Ask a sensor under a root; its rows by the names of their columns."""
    definition = BUILT_IN[key]
    columns = definition.result_columns or definition.columns
    collected = collected_of(key, root, home, **parameters)
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in collected.rows]


def collected_of(
    key: str, root: Path = Path("/"), home: Path | None = None, **parameters: str
) -> Collected:
    """Ask a sensor under a root."""
    definition = BUILT_IN[key]
    columns = definition.result_columns or definition.columns
    context = SensorContext(
        now=now(),
        platform=this_platform(),
        directories=Directories.under(home or root / "no-agent"),
        root=root,
    )
    given = completed_parameters(definition, parameters)
    return collect(FUNCTIONS[key](context, given), columns=len(columns), left_out=context.left_out)


def printed(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def printed_json(*command: str) -> Any:
    """Return the JSON that a command prints."""
    return json.loads(printed(*command))


def program(name: str) -> str:
    """Find a program, or skip the test."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
    if found is None:
        pytest.skip(f"needs {name} to compare with")
    return found


def assert_agree(look: Callable[[], tuple[Value, Value]]) -> None:
    """Assert that what a sensor and a command say of a moving system is the same before long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ours, theirs = look()
        if ours == theirs:
            return
        if time.monotonic() > deadline:
            assert ours == theirs
        time.sleep(0.05)


def network_of(pid: int | str) -> str:
    """Name the network namespace of a process as the kernel does."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


class NetworkNamespace:
    """A network of its own, where tests may build what they like; gone when it is closed."""

    def __init__(self, *setup: str) -> None:
        self.holder = subprocess.Popen([program("unshare"), "-n", "sleep", "infinity"])
        try:
            assert_agree(lambda: (self._is_apart(), True))
            for command in ("ip link set lo up", *setup):
                self.run(*command.split())
        except BaseException:
            self.close()
            raise

    def run(self, *command: str) -> str:
        """Run a command inside."""
        return printed("nsenter", "-t", str(self.holder.pid), "-n", *command)

    def json(self, *command: str) -> Any:
        """Run a command inside that prints JSON."""
        return json.loads(self.run(*command))

    def rows_of(self, key: str) -> list[dict[str, str]]:
        """Ask a sensor inside."""
        rows: list[dict[str, str]] = self.json(sys.executable, "-c", _ASK, key)
        return rows

    def close(self) -> None:
        """Let it go."""
        self.holder.kill()
        self.holder.wait()

    def _is_apart(self) -> bool:
        return network_of(self.holder.pid) != network_of("self")


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a root, folders included."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root
