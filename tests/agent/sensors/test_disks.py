"""Disks, mounts and free space, beside lsblk, findmnt and df."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.mounttable import parse_mount_table
from tests.agent.sensors.comparing import (
    assert_agree,
    printed,
    printed_json,
    program,
    rows_of,
    write,
)


def flat(devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for device in devices for one in (device, *flat(device.get("children") or []))]


class TestBlockDevices:
    def test_are_those_of_lsblk(self) -> None:
        assert_agree(self.look)

    @pytest.mark.root
    def test_are_those_of_lsblk_with_a_loop_device(self, tmp_path: Path) -> None:
        (tmp_path / "disk").write_bytes(bytes(4 << 20))
        attach = subprocess.run(
            [program("losetup"), "-r", "-f", "--show", tmp_path / "disk"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if attach.returncode:
            pytest.skip(f"needs loop devices: {attach.stderr.strip()}")
        device = attach.stdout.strip()
        try:
            assert_agree(self.look)
            rows = {row["Device"]: row for row in rows_of("disks.block_devices")}
            assert rows[device.removeprefix("/dev/")]["Size"] == str(4 << 20)
            assert rows[device.removeprefix("/dev/")]["Read Only"] == "True"
        finally:
            subprocess.run(["losetup", "-d", device], check=True)

    @staticmethod
    def look() -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
        wanted = "NAME,SIZE,RO,RM,MOUNTPOINTS"
        listed = printed_json(program("lsblk"), "-J", "-a", "-b", "-o", wanted)["blockdevices"]
        theirs: set[tuple[str, ...]] = {
            (
                one["name"],
                str(one["size"] or 0),
                str(one["ro"]),
                str(one["rm"]),
                ", ".join(sorted(filter(None, one["mountpoints"]))),
            )
            for one in flat(listed)
        }
        ours: set[tuple[str, ...]] = {
            (
                row["Device"],
                row["Size"],
                row["Read Only"],
                row["Removable"],
                ", ".join(sorted(filter(None, row["Mount Points"].split(", ")))),
            )
            for row in rows_of("disks.block_devices")
        }
        return ours, theirs

    def test_show_what_stands_on_what(self, tmp_path: Path) -> None:
        disk, crypt = "sys/devices/pci/nvme0n1", "sys/devices/virtual/block/dm-0"
        write(
            tmp_path,
            {
                "proc/self/mountinfo": "",
                f"{disk}/dev": "259:0\n",
                f"{disk}/size": "2048\n",
                f"{disk}/removable": "0\n",
                f"{disk}/device/model": "Solid  \n",
                f"{disk}/device/serial": "S1\n",
                f"{disk}/nvme0n1p1/partition": "1\n",
                f"{disk}/nvme0n1p1/size": "1024\n",
                f"{crypt}/dm/uuid": "CRYPT-LUKS2-0123-luks\n",
                f"{crypt}/size": "broken",
                f"{crypt}/slaves/nvme0n1p1": "",
            },
        )
        folder = tmp_path / "sys/class/block"
        folder.mkdir(parents=True)
        for name, place in (("nvme0n1", disk), ("nvme0n1p1", f"{disk}/nvme0n1p1"), ("dm-0", crypt)):
            (folder / name).symlink_to(tmp_path / place)

        rows = {row["Device"]: row for row in rows_of("disks.block_devices", tmp_path)}

        assert (rows["nvme0n1"]["Kind"], rows["nvme0n1"]["Size"]) == ("disk", str(1 << 20))
        assert rows["nvme0n1p1"]["Kind"] == "part"
        assert rows["nvme0n1p1"]["Parents"] == "nvme0n1"
        assert rows["nvme0n1p1"]["Model"] == "Solid"
        assert rows["nvme0n1p1"]["Serial Number"] == "S1"
        assert (rows["dm-0"]["Kind"], rows["dm-0"]["Parents"]) == ("crypt", "nvme0n1p1")
        assert rows["dm-0"]["Size"] == ""

    def test_may_not_be_shown(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable):
            rows_of("disks.block_devices", tmp_path)


class TestMounts:
    def test_are_those_of_findmnt(self) -> None:
        wanted = "TARGET,SOURCE,FSTYPE,OPTIONS,FSROOT"

        def look() -> tuple[list[list[str]], list[list[str]]]:
            listed = printed_json(program("findmnt"), "-J", "-l", "-v", "-o", wanted)
            theirs = [
                [one["target"], one["source"], one["fstype"], _set(one["options"]), one["fsroot"]]
                for one in listed["filesystems"]
            ]
            ours = [list(row.values()) for row in rows_of("disks.mounts")]
            return (
                sorted([*row[:3], _set(row[3]), row[4]] for row in ours),
                sorted(theirs),
            )

        assert_agree(look)

    @pytest.mark.root
    def test_have_any_name_that_a_folder_has(self, tmp_path: Path) -> None:
        odd = "a b\n\\c\t\x1b[31m"
        (tmp_path / "mounts" / odd).mkdir(parents=True)
        show = f'mount -t tmpfs "o d" "{tmp_path}/mounts/$1" && cat /proc/self/mountinfo'

        table = printed(program("unshare"), "-m", "sh", "-c", show, "sh", odd)

        rows = rows_of("disks.mounts", write(tmp_path, {"proc/self/mountinfo": table}))
        mine = [row for row in rows if row["Source"] == "o d"]
        assert [row["Mount Point"] for row in mine] == [f"{tmp_path}/mounts/{odd}"]

    @given(st.binary(max_size=300))
    def test_survive_any_table(self, raw: bytes) -> None:
        for mount in parse_mount_table(raw + b"\n1 2 0:3 / /x rw - " + raw):
            assert isinstance(mount.source, str)


def _set(options: str) -> str:
    return ",".join(sorted(set(options.split(","))))


class TestFreeSpace:
    def test_is_what_df_says(self) -> None:
        def look() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
            ours = {
                row["Mount Point"]: [row["Size"], row["Used"], row["Free"]]
                for row in rows_of("disks.free_space")
            }
            theirs = {}
            # df fails for a mount that ends while it looks.
            fields = "--output=size,used,avail,target"
            for line in printed(program("df"), "-B1", fields, *ours).splitlines()[1:]:
                size, used, free, target = line.split(None, 3)
                theirs[target] = [size, used, free]
            return ours, theirs

        assert_agree(look)

    def test_asks_no_file_system_of_a_network(self, tmp_path: Path) -> None:
        table = "".join(
            f"1 2 0:{number} / /{kind} rw - {kind} server:/x rw\n"
            for number, kind in enumerate(("nfs4", "cifs", "fuse.sshfs", "9p"), start=70)
        )

        assert rows_of("disks.free_space", write(tmp_path, {"proc/self/mountinfo": table})) == []

    def test_leaves_out_what_is_gone(self, tmp_path: Path) -> None:
        table = "1 2 0:3 / /no/such/place rw - ext4 /dev/gone rw\n"

        assert rows_of("disks.free_space", write(tmp_path, {"proc/self/mountinfo": table})) == []
