"""Who listens where: the owner of an accepted connection is the owner of its listening socket.

The kernel accepts connections in interrupt context, where the current process means nothing. The
table is seeded from /proc/PID/net/tcp (proc_net(5)) for every network namespace and then follows
what the event source reports.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from agent.recorder.procfs import list_pids, read_link

_LISTENING: Final = "0A"  # TCP_LISTEN in /proc/net/tcp
_MOST: Final = 65536


class Listeners:
    """Network namespace and port to the pid that listens there."""

    def __init__(self) -> None:
        self._pids: dict[tuple[int, int], int] = {}

    def seed(self) -> None:
        """Find the listening sockets that exist already, and their owners."""
        wanted: dict[int, tuple[int, int]] = {}
        seen: set[int] = set()
        for pid in list_pids():
            namespace = _namespace(pid)
            if namespace and namespace not in seen:
                seen.add(namespace)
                for inode, port in _listening(pid):
                    wanted[inode] = (namespace, port)
        if wanted:
            for pid in list_pids():
                for inode in _sockets(pid):
                    if inode in wanted:
                        self._pids.setdefault(wanted[inode], pid)

    def add(self, namespace: int, port: int, pid: int) -> None:
        """Note that a process listens on a port."""
        if len(self._pids) >= _MOST:
            self._pids.pop(next(iter(self._pids)))
        self._pids[namespace, port] = pid

    def owner(self, namespace: int, port: int) -> int:
        """Return the pid of the listener, or 0 where it is not known."""
        return self._pids.get((namespace, port), 0)


def _namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116 - thousands of them
    except OSError:
        return 0


def _listening(pid: int) -> list[tuple[int, int]]:
    """Return inode and port of each listening TCP socket in a process's network namespace."""
    found = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text("utf-8").splitlines()[1:]
        except OSError:
            continue  # ended, or no IPv6
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING:
                found.append((int(fields[9]), int(fields[1].rpartition(":")[2], 16)))
    return found


def _sockets(pid: int) -> list[int]:
    """Return the inodes of a process's open sockets."""
    inodes = []
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            for entry in descriptors:
                try:
                    target = read_link(entry.path)
                except OSError:
                    continue  # closed meanwhile
                if target.startswith("socket:["):
                    inodes.append(int(target[8:-1]))
    except OSError:
        return inodes  # ended meanwhile
    return inodes
