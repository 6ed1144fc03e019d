"""Which file systems are mounted, here and in the mount namespaces of other processes.

Format: proc(5), /proc/PID/mountinfo. Paths are bytes: a mount point may hold anything but NUL.
"""

from __future__ import annotations

import os
import re
import select
from pathlib import Path
from typing import Final

import msgspec

# File systems without files that a person or a program keeps: nothing to record there.
SKIPPED_TYPES: Final = frozenset(
    {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts"}
    | {"efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs"}
    | {"rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"}
)
# File systems behind which somebody else answers: a server, or a program of any user (fuse). When
# that one is silent, every look at them waits for ever.
_REMOTE_TYPES: Final = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse", "fuseblk", "glusterfs", "gpfs"}
    | {"lustre", "ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs"}
)
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True):
    """One mounted file system. `device` tells file systems apart, `path` leads to it from here.

    `whole` is false for a bind mount of a folder: what lies outside of it has no path through it.
    """

    device: str
    path: bytes
    file_system: str
    whole: bool = True

    @property
    def remote(self) -> bool:
        """Whether a look at it may wait for somebody else, and so must not be taken in passing."""
        return self.file_system in _REMOTE_TYPES or self.file_system.startswith("fuse.")


def parse_mounts(text: bytes, root: bytes = b"") -> list[Mount]:
    """Read a mountinfo file; `root` leads from here to the root of that mount namespace."""
    mounts = []
    for line in text.splitlines():
        place, _, rest = line.partition(b" - ")
        fields = place.split(b" ")
        if len(fields) < 6 or not rest:
            continue
        point = _ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), fields[4])
        mounts.append(
            Mount(
                fields[2].decode(),
                root + point,
                rest.split(b" ")[0].decode("latin-1"),
                whole=fields[3] == b"/",
            )
        )
    return mounts


def worth_watching(mounts: list[Mount]) -> list[Mount]:
    """Leave out kernel interfaces, and all but one mount of each local file system."""
    by_device: dict[str, Mount] = {}
    # Of several mounts of one file system the first whole one: a container's bind mount would
    # show every path outside of its folder as if the folder's parents did not exist.
    for mount in sorted(mounts, key=lambda mount: not mount.whole):
        if mount.file_system not in SKIPPED_TYPES:
            by_device.setdefault(mount.device, mount)
    others = [mount for mount in mounts if mount.remote and by_device[mount.device] != mount]
    return [*by_device.values(), *others]


class MountTable:
    """The mounts of this process's namespace, and a descriptor that tells when they change.

    The descriptor is "exceptional" for poll(2) after a change (EPOLLPRI), not readable.
    """

    def __init__(self, path: Path = Path("/proc/self/mountinfo")) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLPRI)

    def changed(self) -> bool:
        """Tell, once per change, that the mounts are not what `read` last returned."""
        return bool(self._poll.poll(0))

    def read(self) -> list[Mount]:
        """Return all mounts of this namespace."""
        pieces = []
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        while piece := os.read(self.descriptor, 1 << 16):
            pieces.append(piece)
        return parse_mounts(b"".join(pieces))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def mounts_of(pid: int) -> list[Mount]:
    """Return the mounts that a process sees, reachable from here; none when it has ended."""
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_bytes()
    except OSError:
        return []
    return parse_mounts(text, root=f"/proc/{pid}/root".encode())
