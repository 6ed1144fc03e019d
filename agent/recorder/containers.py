"""Which container a process runs in, told by the name of its control group.

Container engines put the 64-digit id of the container into the path of the cgroup. The first 12
digits are what their command lines show.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_CONTAINER_ID: Final = re.compile(rb"(?:^|[/:-])([0-9a-f]{64})(?=$|[./\s])", re.MULTILINE)
_SHOWN_DIGITS: Final = 12
_MOST: Final = 4096


class Containers:
    """Container ids by cgroup and mount namespace, each pair looked up once.

    The cgroup alone does not tell where control groups of version 1 are in use: there all
    processes share the root of version 2.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._names: dict[tuple[int, int], str] = {}

    def name(self, cgroup_id: int, mount_namespace: int, pid: int) -> str:
        """Return the container of a process; empty for none, or when nobody could be asked."""
        name = self._names.get((cgroup_id, mount_namespace))
        if name is not None:
            return name
        try:
            text = (self._proc / str(pid) / "cgroup").read_bytes()
        except OSError:
            return ""  # ended: the next process of the same cgroup will tell
        name = read_container(text)
        if len(self._names) >= _MOST:
            self._names.clear()
        self._names[cgroup_id, mount_namespace] = name
        return name


def read_container(cgroup: bytes) -> str:
    """Find the container id in the text of /proc/PID/cgroup."""
    found = _CONTAINER_ID.search(cgroup)
    return found[1][:_SHOWN_DIGITS].decode() if found else ""
