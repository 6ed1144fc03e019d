"""Where data is kept: block devices, mounts, free space."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.recorder.mounts import SKIPPED_TYPES
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.mounttable import MountEntry, parse_mount_table
from agent.sensors.reading import names_in, read_start, text_at
from agent.sensors.values import boolean_text, text_of

SECTOR: Final = 512  # /sys counts in sectors of 512 bytes, whatever the device uses
_MOUNTS_BYTES: Final = 16 * 1024 * 1024
# Where the answer comes over a network, or from a program that may be stopped.
_REMOTE: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gfs2", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "ocfs2", "smb3", "smbfs", "virtiofs"}
)
_KINDS: Final = {"loop": "loop", "sr": "rom", "md": "raid", "zram": "zram", "ram": "ram"}


def _mounts(context: SensorContext) -> list[MountEntry]:
    return list(parse_mount_table(read_start(context.root / "proc/self/mountinfo", _MOUNTS_BYTES)))


def mounts(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every mount."""
    for mount in _mounts(context):
        yield (
            text_of(mount.point),
            mount.source,
            mount.file_system,
            mount.options,
            text_of(mount.part),
        )


def free_space(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give size and use of each local file system once, at its uppermost mount point."""
    # A later mount at the same place hides the earlier one: statvfs answers for the last.
    visible = {mount.point: mount for mount in _mounts(context)}
    seen = set()
    for mount in visible.values():
        if mount.device in seen or not _keeps_files(mount.file_system):
            continue
        seen.add(mount.device)
        try:
            space = os.statvfs(mount.point)
        except OSError:
            # Unmounted since, or out of this process' reach: no size is known.
            continue
        if space.f_blocks:
            yield _space_row(mount, space)


def _keeps_files(file_system: str) -> bool:
    remote = file_system in _REMOTE or file_system.startswith("fuse")
    return not remote and file_system not in SKIPPED_TYPES


def _space_row(mount: MountEntry, space: os.statvfs_result) -> Row:
    used = space.f_blocks - space.f_bfree
    usable = used + space.f_bavail
    inodes = space.f_files
    return (
        text_of(mount.point),
        mount.source,
        mount.file_system,
        str(space.f_blocks * space.f_frsize),
        str(used * space.f_frsize),
        str(space.f_bavail * space.f_frsize),
        f"{100 * used / usable:.1f}" if usable else "",
        f"{100 * (inodes - space.f_ffree) / inodes:.1f}" if inodes else "",
    )


def block_devices(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every block device of /sys/class/block."""
    folder = context.root / "sys/class/block"
    if not folder.is_dir():
        raise SensorUnavailable("This kernel shows no block devices.")
    points: dict[str, list[str]] = {}
    for mount in _mounts(context):
        points.setdefault(mount.device, []).append(text_of(mount.point))
    for name in names_in(folder):
        yield _device_row(folder / name, name, points)


def _device_row(device: Path, name: str, points: Mapping[str, list[str]]) -> Row:
    number = text_at(device / "dev")
    partition = (device / "partition").exists()
    # Attributes of the hardware stand with the whole disk.
    disk = device.resolve().parent if partition else device
    parents = [disk.name] if partition else names_in(device / "slaves")
    sectors = text_at(device / "size")
    return (
        name.replace("!", "/"),
        "part" if partition else _kind(device, name),
        str(int(sectors) * SECTOR) if sectors.isdecimal() else "",
        ", ".join(parents),
        text_at(disk / "device/model"),
        text_at(disk / "device/serial") or text_at(disk / "serial"),
        boolean_text(text_at(disk / "removable") == "1"),
        boolean_text(text_at(device / "ro") == "1"),
        ", ".join(points.get(number, [])),
    )


def _kind(device: Path, name: str) -> str:
    """Tell what a device that is no partition is, in the words of lsblk(8)."""
    mapped = text_at(device / "dm/uuid")
    if mapped:
        # `CRYPT-LUKS2-…`, `LVM-…`: the subsystem that made it.
        return mapped.partition("-")[0].lower()
    for prefix, kind in _KINDS.items():
        if name.rstrip("0123456789") == prefix:
            return kind
    return "disk"


SENSORS: Final[dict[str, SensorFunction]] = {
    "disks.mounts": mounts,
    "disks.free_space": free_space,
    "disks.block_devices": block_devices,
}
