"""Which file systems keep files of this computer, and which only show something else."""

from __future__ import annotations

from typing import Final

from agent.recorder.mounts import SKIPPED_TYPES

# Where the answer comes over a network, or from a program that may be stopped.
_REMOTE: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gfs2", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "ocfs2", "smb3", "smbfs", "virtiofs"}
)


def keeps_files(file_system: str) -> bool:
    """Tell whether a file system, by its type, is neither remote nor one of the kernel's views."""
    remote = file_system in _REMOTE or file_system.startswith("fuse")
    return not remote and file_system not in SKIPPED_TYPES
