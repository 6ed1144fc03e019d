"""What the agent has in the kernel."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

# (kind, id), kind as in `bpftool KIND show`.
BpfObject = tuple[str, int]

_IN_FDINFO = re.compile(r"^(prog|map|link)_id:\t(\d+)$", re.MULTILINE)


def bpf_objects_of(pid: int) -> set[BpfObject]:
    """List the BPF programs, maps and links that a process holds."""
    found: set[BpfObject] = set()
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = entry.read_text()
        except FileNotFoundError:
            continue
        found |= {(kind, int(number)) for kind, number in _IN_FDINFO.findall(text)}
    return found


def existing_bpf_objects() -> set[BpfObject]:
    """List every BPF program, map and link of this machine."""
    found: set[BpfObject] = set()
    for kind in ("prog", "map", "link"):
        shown = subprocess.run(
            ["bpftool", "--json", kind, "show"], capture_output=True, check=True
        ).stdout
        found |= {(kind, row["id"]) for row in json.loads(shown)}
    return found


def has_fanotify_marks(pid: int) -> bool:
    """Tell whether a process watches files."""
    return any(
        "fanotify mnt_id" in entry.read_text() or "fanotify sdev" in entry.read_text()
        for entry in Path(f"/proc/{pid}/fdinfo").iterdir()
    )


def own_audit_rules() -> list[str]:
    """List the audit rules that carry the agent's keys."""
    rules = subprocess.run(["auditctl", "-l"], capture_output=True, text=True, check=True).stdout
    return [rule for rule in rules.splitlines() if "vedette" in rule]
