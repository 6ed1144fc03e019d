"""Where data is kept: block devices, mounts, free space."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, SensorDefinition, ValueType

CATEGORY: Final = "Storage"

SENSORS: Final = (
    SensorDefinition(
        key="disks.block_devices",
        name="Block Devices",
        description="Disks, partitions and what is stacked on them (LVM, encryption, RAID, loop "
        "devices), from /sys. Shows what a device says of itself; devices without a medium have "
        "size 0.",
        category=CATEGORY,
        columns=(
            Column("Device"),
            Column("Kind"),
            Column("Size", ValueType.BYTES),
            Column("Parents"),
            Column("Model"),
            Column("Serial Number"),
            Column("Removable", ValueType.BOOLEAN),
            Column("Read Only", ValueType.BOOLEAN),
            Column("Mount Points"),
        ),
        platforms=(LINUX,),
        example='Get Block Devices from all machines with Block Devices containing "crypt"',
    ),
    SensorDefinition(
        key="disks.mounts",
        name="Mounts",
        description="Every mounted file system of the agent's mount namespace with its options. "
        "Mounts that only containers see are not shown.",
        category=CATEGORY,
        columns=(
            Column("Mount Point", ValueType.PATH),
            Column("Source"),
            Column("File System"),
            Column("Options"),
            Column("Mounted Part", ValueType.PATH),
        ),
        platforms=(LINUX,),
        example='Get Mounts containing "nfs" from all machines',
    ),
    SensorDefinition(
        key="disks.free_space",
        name="Free Space",
        description="Size and use of each file system that keeps files. Network file systems are "
        "left out: asking one whose server is gone can hang for ever. Free is what users other "
        "than root may still write.",
        category=CATEGORY,
        columns=(
            Column("Mount Point", ValueType.PATH),
            Column("Source"),
            Column("File System"),
            Column("Size", ValueType.BYTES),
            Column("Used", ValueType.BYTES),
            Column("Free", ValueType.BYTES),
            Column("Used Percent", ValueType.DECIMAL),
            Column("Used Inodes Percent", ValueType.DECIMAL),
        ),
        platforms=(LINUX,),
        example='Get Computer Name from all machines with Free Space:Used Percent > "90"',
        aliases=("Disk Free Space",),
    ),
)
