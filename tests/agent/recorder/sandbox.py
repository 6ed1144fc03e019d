"""Run a shell command where it cannot change this computer, as a container engine would.

An overlay of the root file system, an own mount, pid, network and host name space, and a clean
environment. What the command writes lands in `upper`, from where `inner_path` finds its way back.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

WORKING_DIRECTORY = "/tmp/h"  # noqa: S108 - inside the sandbox; the recorded cases expect it
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The overlay's writable layer must lie on another file system than the layer below it.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system, not a file

_ENTER = """
set -e
mount --make-rprivate /
mkdir "$BASE/upper" "$BASE/work" "$BASE/merged"
mount -t overlay overlay -o "lowerdir=/,upperdir=$BASE/upper,workdir=$BASE/work" "$BASE/merged"
mkdir -p "$BASE/merged/tmp/h" "$BASE/merged/.outside"
mount --bind /dev "$BASE/merged/dev"
cd "$BASE/merged"
pivot_root . .outside
mount -t proc proc /proc
umount -l /.outside
rmdir /.outside
cd /tmp/h
exec env -i HOME=/root USER=root "PATH=$SEARCH_PATH" "$INTERPRETER" -c "$COMMAND"
"""


class Sandbox:
    """One throw-away root file system."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="vedette-sandbox-", dir=_SHARED_MEMORY))

    def run(self, command: str, *, interpreter: str = "/bin/sh", seconds: float = 20) -> int:
        """Run a command and return its exit code; -9 after the time is over."""
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts"]
        try:
            finished = subprocess.run(
                [*unshare, "/bin/sh", "-c", _ENTER],
                env={
                    "BASE": str(self.base),
                    "COMMAND": command,
                    "INTERPRETER": interpreter,
                    "SEARCH_PATH": SEARCH_PATH,
                    "PATH": SEARCH_PATH,
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -9
        return finished.returncode

    def inner_path(self, path: str) -> str:
        """Return a path as the sandbox sees it."""
        return path.removeprefix(f"{self.base}/upper")

    def remove(self) -> None:
        """Delete everything that was written inside."""
        shutil.rmtree(self.base, ignore_errors=True)
