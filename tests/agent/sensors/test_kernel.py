"""Modules, settings and eBPF programs, beside lsmod, sysctl and bpftool."""

from __future__ import annotations

import ctypes
import gzip
import lzma
import os
import platform
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from agent.recorder import systemcalls
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.modulefiles import ModuleFiles
from tests.agent.sensors.comparing import (
    assert_agree,
    printed,
    printed_json,
    program,
    rows_of,
    write,
)

SIGNATURE = b"~Module signature appended~\n"
RELEASE = platform.release()
FOLDER = f"lib/modules/{RELEASE}"
MODULES = """nf_tables 303104 7 nft_ct,nft_chain_nat, Live 0x0000000000000000
nft_ct 24576 2 - Live 0x0000000000000000 (OE)
going 16384 0 - Unloading 0x0000000000000000
"""


def modules_root(root: Path) -> Path:
    """Three listed modules, and one that only /sys knows."""
    write(
        root,
        {
            "proc/modules": MODULES,
            "sys/module/nf_tables/initstate": "live\n",
            "sys/module/nf_tables/taint": "\n",
            "sys/module/nf_tables/version": "1.0\n",
            "sys/module/nft_ct/initstate": "live\n",
            "sys/module/nft_ct/taint": "OE\n",
            "sys/module/rootkit/initstate": "live\n",
            "sys/module/rootkit/coresize": "16384\n",
            "sys/module/rootkit/refcnt": "0\n",
            "sys/module/rootkit/taint": "OE\n",
            "sys/module/builtin/parameters/x": "1\n",
            f"{FOLDER}/modules.dep": "kernel/net/nf-tables.ko.xz: kernel/x\nupdates/nft_ct.ko:\n",
            f"{FOLDER}/kernel/net/nf-tables.ko.xz": lzma.compress(b"code" + SIGNATURE),
            f"{FOLDER}/updates/nft_ct.ko": b"code",
        },
    )
    for holder in ("nft_ct", "nft_chain_nat"):
        (root / "sys/module/nf_tables/holders" / holder).mkdir(parents=True)
    for name, size in (("nf_tables", "303104"), ("nft_ct", "24576"), ("going", "16384")):
        write(root, {f"sys/module/{name}/coresize": f"{size}\n"})
        write(root, {f"sys/module/{name}/refcnt": "7\n" if name == "nf_tables" else "0\n"})
    return root


class TestModules:
    @pytest.mark.root
    def test_are_those_of_lsmod(self, tmp_path: Path) -> None:
        root = modules_root(tmp_path)
        show = f"mount --bind {root}/sys/module /sys/module; mount --bind {root}/proc /proc; "
        show += program("lsmod")

        lines = printed(program("unshare"), "-m", "sh", "-c", show).splitlines()[1:]

        rows = {row["Module"]: row for row in rows_of("kernel.modules", root)}
        assert {line.split()[0] for line in lines} == rows.keys() - {"rootkit"}
        for line in lines:
            name, size, _uses, *users = line.split()
            assert rows[name]["Size"] == size
            assert set(filter(None, ",".join(users).split(","))) == set(
                filter(None, rows[name]["Used By"].split(", "))
            )

    def test_show_marks_file_and_signature(self, tmp_path: Path) -> None:
        rows = {row["Module"]: row for row in rows_of("kernel.modules", modules_root(tmp_path))}

        assert rows["nf_tables"]["Path"] == f"/{FOLDER}/kernel/net/nf-tables.ko.xz"
        assert rows["nf_tables"]["Signed"] == "True"
        assert rows["nf_tables"]["Version"] == "1.0"
        assert rows["nft_ct"]["Marks"] == "out of tree, unsigned"
        assert rows["nft_ct"]["Signed"] == "False"
        assert rows["going"]["State"] == "unloading"
        assert rows["going"]["Path"] == ""

    def test_that_hide_from_the_list_are_found(self, tmp_path: Path) -> None:
        rows = {row["Module"]: row for row in rows_of("kernel.modules", modules_root(tmp_path))}

        assert rows["rootkit"]["State"] == "hidden"
        assert rows["rootkit"]["Size"] == "16384"
        assert "builtin" not in rows

    def test_may_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="without loadable modules"):
            rows_of("kernel.modules", tmp_path)


class TestSignatures:
    @pytest.mark.parametrize(
        ("suffix", "compress"),
        [
            ("", bytes),
            (".xz", lzma.compress),
            (".gz", gzip.compress),
            (".zst", zstandard.compress),
        ],
    )
    def test_are_found_behind_any_compression(
        self, tmp_path: Path, suffix: str, compress: type[bytes]
    ) -> None:
        (tmp_path / f"signed.ko{suffix}").write_bytes(compress(bytes(300_000) + SIGNATURE))
        (tmp_path / f"plain.ko{suffix}").write_bytes(compress(SIGNATURE + bytes(300_000)))
        (tmp_path / f"broken.ko{suffix}").write_bytes(compress(bytes(3000))[:-9] + b"x")
        files = ModuleFiles(tmp_path)

        assert files.is_signed(tmp_path / f"signed.ko{suffix}")
        assert not files.is_signed(tmp_path / f"plain.ko{suffix}")
        assert not files.is_signed(tmp_path / f"broken.ko{suffix}")


class TestParameters:
    @pytest.mark.parametrize("asked", [r"net\.ipv4\.conf\..*", r"kernel\.[a-m].*", "vm.swap.*"])
    def test_are_those_of_sysctl(self, asked: str) -> None:
        def look() -> tuple[dict[str, str], dict[str, str]]:
            lines = printed(program("sysctl"), "-a", "-r", f"^{asked}$").splitlines()
            theirs = {
                name: value for name, equals, value in (line.partition(" = ") for line in lines)
            }
            rows = rows_of("kernel.parameters", parameter=asked)
            # sysctl shows only the first line of a value, and begins each with the name.
            ours = {row["Parameter"]: row["Value"].split("\n")[-1] for row in rows}
            return ours, {name: value for name, value in theirs.items() if name}

        assert_agree(look)
        assert look()[0]

    def test_have_odd_names(self, tmp_path: Path) -> None:
        write(tmp_path, {"proc/sys/net/ipv4/conf/eth0.7/forwarding": "1\n"})
        os.mkfifo(tmp_path / "proc/sys/net/pipe")

        rows = rows_of("kernel.parameters", tmp_path, parameter=".*")

        assert [tuple(row.values()) for row in rows] == [("net.ipv4.conf.eth0/7.forwarding", "1")]

    def test_refuse_what_is_no_expression(self) -> None:
        with pytest.raises(SensorFailed):
            rows_of("kernel.parameters", parameter="(?=x)")


class TestCommandLine:
    def test_is_what_the_kernel_was_told(self) -> None:
        (row,) = rows_of("kernel.command_line")

        assert row["Kernel Command Line"] == printed("cat", "/proc/cmdline").strip()


@pytest.fixture
def loaded() -> Iterator[int]:
    """Load a program that returns 0, and hold it."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    head = struct.pack(
        "=IIQQIIQII16s", 1, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0,
        b"vedette_probe",
    )  # fmt: skip
    descriptor = systemcalls.bpf(5, ctypes.create_string_buffer(head, 128))
    yield descriptor
    os.close(descriptor)


@pytest.mark.root
class TestEbpfPrograms:
    def test_are_those_of_bpftool(self, loaded: int) -> None:
        def look() -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
            theirs: set[tuple[str, ...]] = {
                (str(one["id"]), one["type"], one.get("name", ""), one["tag"], str(one["uid"]))
                for one in printed_json(program("bpftool"), "-j", "prog")
            }
            ours: set[tuple[str, ...]] = {
                (row["Program ID"], row["Kind"], row["Name"], row["Tag"], "0")
                for row in rows_of("kernel.ebpf_programs")
                if row["User"] == "root"
            }
            return ours, theirs

        assert_agree(look)

    def test_are_shown_with_who_holds_them(self, loaded: int) -> None:
        (row,) = (
            row
            for row in rows_of("kernel.ebpf_programs")
            if row["Name"] == "vedette_probe" and f"({os.getpid()})" in row["Processes"]
        )

        assert row["Kind"] == "socket_filter"
        assert row["Loaded"].startswith("20")
