"""A real systemd on a copy-on-write image of this computer, in namespaces of its own.

Nothing of it reaches the computer: file systems, processes, network and host name are private, and
all of it ends with the test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.agent.agent_process import REPOSITORY

SYSTEMD = "/lib/systemd/systemd"
PATIENCE = 30.0
# Without default dependencies nothing of the computer's own start is repeated.
TARGET = "[Unit]\nDefaultDependencies=no\nWants={wants}\n"
BEGIN = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$PLACE"
mkdir "$PLACE/upper" "$PLACE/work" "$PLACE/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
mount -t tmpfs tmpfs "$PLACE/root/run"
mount -t tmpfs tmpfs "$PLACE/root/tmp"
mount -t proc proc "$PLACE/root/proc"
mount --rbind /sys "$PLACE/root/sys"
mount --rbind /dev "$PLACE/root/dev"
mount --rbind "$REPOSITORY" "$PLACE/root$REPOSITORY"
mkdir -p "$PLACE/root/run/systemd/system"
cp "$UNITS"/* "$PLACE/root/run/systemd/system/"
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$PLACE/root" /lib/systemd/systemd --unit=vedette-test.target --show-status=no
"""


class SystemdMachine:
    """A computer on which systemd runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def output(self, *command: str) -> str:
        """Return what a command prints there."""
        inside = [
            "nsenter",
            "-t",
            str(self._pid),
            "-m",
            "-p",
            "-n",
            f"--root=/proc/{self._pid}/root",
        ]
        return subprocess.run(
            [*inside, "env", "-C", str(REPOSITORY), *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def python(self, program: str) -> str:
        """Return what a program in the repository prints there."""
        return self.output(sys.executable, "-B", "-c", program)


@contextlib.contextmanager
def systemd_machine(folder: Path, units: dict[str, str]) -> Iterator[SystemdMachine]:
    """Start systemd with these units as well; skip the test where that cannot be."""
    for needed in (SYSTEMD, shutil.which("unshare"), shutil.which("nsenter")):
        if needed is None or not Path(needed).exists():
            pytest.skip("needs systemd, unshare and nsenter")
    place, unit_folder = folder / "machine", folder / "units"
    place.mkdir()
    unit_folder.mkdir()
    for name, text in units.items():
        (unit_folder / name).write_text(text)
    (unit_folder / "vedette-test.target").write_text(TARGET.format(wants=" ".join(units)))
    names = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net")
    started = subprocess.Popen(
        ["unshare", *names, "--fork", "--kill-child", "bash", "-c", BEGIN],
        env=os.environ | {"PLACE": place, "UNITS": unit_folder, "REPOSITORY": REPOSITORY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _machine_of(started)
    finally:
        for child in psutil.Process(started.pid).children() if started.poll() is None else []:
            # The first process of a namespace takes all others with it.
            child.send_signal(signal.SIGKILL)
        started.kill()
        started.wait()


def _machine_of(started: subprocess.Popen[bytes]) -> SystemdMachine:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and started.poll() is None:
        for child in psutil.Process(started.pid).children():
            machine = SystemdMachine(child.pid)
            with contextlib.suppress(subprocess.CalledProcessError):
                if "loaded" in machine.output(
                    "systemctl", "show", "-P", "LoadState", "vedette-test.target"
                ):
                    return machine
        time.sleep(0.2)
    pytest.skip("systemd does not run in namespaces here")
