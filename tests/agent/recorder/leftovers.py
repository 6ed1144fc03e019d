"""What a recorder could leave behind in the kernel, as the system's own tools list it."""

from __future__ import annotations

import subprocess
import time

from agent.recorder.lightskeleton import read_manifest

# The kernel frees a program a moment after its last descriptor is closed.
_DEADLINE_SECONDS = 10.0


def loaded_programs() -> set[str]:
    """Return the BPF programs in the kernel that are called like ours, with their ids."""
    listed = subprocess.run(
        ["/usr/sbin/bpftool", "prog", "show"], capture_output=True, text=True, check=True
    )
    names = read_manifest().programs
    return {line for line in listed.stdout.splitlines() if any(f"name {n} " in line for n in names)}


def audit_rules() -> str:
    """Return the audit rules as `auditctl` lists them."""
    return _auditctl("-l")


def audit_status() -> dict[str, str]:
    """Return the state of the audit system as `auditctl` shows it."""
    return dict(line.split(" ", 1) for line in _auditctl("-s").splitlines() if " " in line)


def assert_unloaded(programs: set[str]) -> None:
    """Fail when these programs are still in the kernel after a few seconds."""
    ends_at = time.monotonic() + _DEADLINE_SECONDS
    while programs & loaded_programs():
        assert time.monotonic() < ends_at, "BPF programs were left behind"
        time.sleep(0.05)


def _auditctl(argument: str) -> str:
    return subprocess.run(
        ["/usr/sbin/auditctl", argument], capture_output=True, text=True, check=True
    ).stdout
