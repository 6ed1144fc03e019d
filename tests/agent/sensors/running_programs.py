"""Start programs that sensors should find, whatever they look like."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SLEEP = shutil.which("sleep") or "/bin/sleep"
PATIENCE = 30.0


@contextlib.contextmanager
def started(
    arguments: Sequence[str | bytes],
    *,
    executable: Path | None = None,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that waits until the end of the block; it has begun, and waits."""
    process = subprocess.Popen(
        arguments,
        executable=executable,
        env=environment,
        user=user,
        stdout=subprocess.DEVNULL,
    )
    try:
        # A program of the tests' own interpreter says by itself when it is ready.
        patience = 0.0 if arguments[0] == sys.executable else PATIENCE
        deadline = time.monotonic() + patience
        while not _waits(process.pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        yield process
    finally:
        process.kill()
        process.wait()


def _waits(pid: int) -> bool:
    """Tell whether another program than ours has begun and sleeps."""
    state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2][:1]
    image, own = (Path(f"/proc/{one}/exe").readlink() for one in (pid, "self"))
    return state == "S" and image != own


def copy_of_sleep(folder: Path, name: str) -> Path:
    """Put a program into a folder, under any name."""
    path = folder / name
    shutil.copy(SLEEP, path)
    return path
