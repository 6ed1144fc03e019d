"""What the computer is made of, beside lscpu, free and systemd-detect-virt."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorUnavailable
from tests.agent.sensors.comparing import printed, printed_json, program, rows_of, write

LAPTOP = {
    "sys_vendor": "LENOVO\n",
    "product_name": "20XW004AGE\n",
    "product_version": "ThinkPad X1\n",
    "product_family": "ThinkPad\n",
    "product_serial": "PF-\xe4\n",
    "product_uuid": "4c4c4544-0034\n",
    "chassis_type": "10\n",
    "chassis_asset_tag": "IT 17\n",
    "bios_vendor": "LENOVO\n",
    "bios_version": "N32ET75W\n",
    "bios_date": "11/04/2021\n",
}


def dmi(root: Path, **changed: str) -> Path:
    """A computer with SMBIOS tables under a root."""
    return write(root, {f"sys/class/dmi/id/{name}": it for name, it in (LAPTOP | changed).items()})


def values(key: str, root: Path) -> list[str]:
    (row,) = rows_of(key, root)
    return list(row.values())


class TestFirmware:
    def test_says_what_the_computer_is(self, tmp_path: Path) -> None:
        root = dmi(tmp_path)

        assert values("hardware.manufacturer", root) == ["LENOVO"]
        assert values("hardware.model", root) == ["20XW004AGE", "ThinkPad X1", "ThinkPad"]
        assert values("hardware.serial_number", root) == ["PF-ä", "4c4c4544-0034"]
        assert values("hardware.chassis", root) == ["Notebook", "IT 17"]
        assert values("hardware.bios", root) == ["LENOVO", "N32ET75W", "11/04/2021"]

    @pytest.mark.parametrize("kind", ["250", "", "-1", "two"])
    def test_may_say_nonsense(self, tmp_path: Path, kind: str) -> None:
        assert values("hardware.chassis", dmi(tmp_path, chassis_type=kind))[0] == kind

    def test_may_have_no_tables(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="no SMBIOS tables"):
            rows_of("hardware.model", tmp_path)


class TestCpu:
    def test_is_what_lscpu_says(self) -> None:
        fields = printed_json(program("lscpu"), "-J")["lscpu"]
        said = {field["field"].rstrip(":"): field["data"] for field in fields}

        (row,) = rows_of("hardware.cpu")

        assert row["CPU"] == said["Model name"]
        assert row["Vendor"] == said["Vendor ID"]
        assert row["Threads"] == said["CPU(s)"]
        assert row["Packages"] == said["Socket(s)"]
        assert int(row["Cores"]) == int(said["Core(s) per socket"]) * int(said["Socket(s)"])

    def test_is_given_once_for_each_model(self, tmp_path: Path) -> None:
        arm = "processor\t: {}\nCPU implementer\t: 0x41\nCPU part\t: {}\n\n"
        text = arm.format(0, "0xd05") + arm.format(1, "0xd05") + arm.format(2, "0xd0b")

        rows = rows_of("hardware.cpu", write(tmp_path, {"proc/cpuinfo": text}))

        assert [(row["CPU"], row["Threads"]) for row in rows] == [("0xd05", "2"), ("0xd0b", "1")]

    def test_may_be_unknown(self, tmp_path: Path) -> None:
        assert rows_of("hardware.cpu", tmp_path) == []

    def test_weaknesses_are_those_of_lscpu(self) -> None:
        fields = printed_json(program("lscpu"), "-J")["lscpu"]
        prefix = "Vulnerability "
        theirs = {
            field["field"].removeprefix(prefix).rstrip(":").lower().replace(" ", "_"): field["data"]
            for field in fields
            if field["field"].startswith(prefix)
        }

        rows = rows_of("hardware.cpu_weaknesses")

        # lscpu sets other colons and semicolons than the kernel.
        ours = {row["CPU Vulnerability"]: _words(row["State"]) for row in rows}
        assert ours == {name: _words(state) for name, state in theirs.items()}


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s:;]+", text)


class TestMemory:
    def test_is_what_free_says(self) -> None:
        lines = printed(program("free"), "-b").splitlines()
        memory, swap = (line.split() for line in lines[1:3])

        (row,) = rows_of("hardware.memory")

        assert (row["Memory"], row["Swap"]) == (memory[1], swap[1])
        assert int(row["Available Memory"]) == pytest.approx(int(memory[6]), rel=0.1)
        assert int(row["Free Swap"]) == pytest.approx(int(swap[3]), rel=0.1)


class TestVirtualPlatform:
    def test_is_what_systemd_detects(self) -> None:
        detect = program("systemd-detect-virt")
        said = {
            kind: subprocess.run([detect, kind], capture_output=True, text=True, check=False)
            for kind in ("--vm", "--container")
        }

        (row,) = rows_of("hardware.virtual")

        assert row["Virtual"] == str(said["--vm"].returncode == 0)
        assert (row["Container"] or "none") == said["--container"].stdout.strip()

    @pytest.mark.parametrize(
        ("vendor", "product", "named"),
        [
            ("VMware, Inc.", "VMware Virtual Platform", "VMware"),
            ("Microsoft Corporation", "Virtual Machine", "Hyper-V"),
            ("Microsoft Corporation", "Surface Pro", ""),
            ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "QEMU"),
            ("Amazon EC2", "m5.large", "Amazon EC2"),
        ],
    )
    def test_is_named_by_its_firmware(
        self, tmp_path: Path, vendor: str, product: str, named: str
    ) -> None:
        root = dmi(tmp_path, sys_vendor=vendor, product_name=product)

        assert values("hardware.virtual", root) == [str(bool(named)), named, ""]

    @pytest.mark.parametrize(
        ("file", "content", "named"),
        [
            ("run/.containerenv", "", "podman"),
            (".dockerenv", "", "docker"),
            ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
            ("proc/1/environ", "A=b\0container=lxc\0C=d\0", "lxc"),
        ],
    )
    def test_tells_the_container_around_the_agent(
        self, tmp_path: Path, file: str, content: str, named: str
    ) -> None:
        assert values("hardware.virtual", write(tmp_path, {file: content}))[2] == named
