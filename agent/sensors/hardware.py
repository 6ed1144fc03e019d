"""What the computer is made of, as the kernel shows it in /proc and /sys."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.reading import names_in, text_at
from agent.sensors.values import boolean_text

DMI: Final = "sys/class/dmi/id"
CLOCKS: Final = "sys/devices/system/clocksource/clocksource0/available_clocksource"
_CLOCKS: Final = {
    "kvm-clock": "KVM",
    "hyperv_clocksource_tsc_page": "Hyper-V",
    "hyperv_clocksource_msr": "Hyper-V",
    "xen": "Xen",
}
KIBIBYTE: Final = 1024
# Longer than one page for each of 1,000 processors.
_CPUINFO_BYTES: Final = 8 * 1024 * 1024

# System Management BIOS Reference Specification 3.7, table 17: System Enclosure or Chassis Types.
_CHASSIS: Final = dict(
    enumerate(
        (
            "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower",
            "Tower", "Portable", "Laptop", "Notebook", "Hand Held", "Docking Station",
            "All in One", "Sub Notebook", "Space-saving", "Lunch Box", "Main Server Chassis",
            "Expansion Chassis", "SubChassis", "Bus Expansion Chassis", "Peripheral Chassis",
            "RAID Chassis", "Rack Mount Chassis", "Sealed-case PC", "Multi-system Chassis",
            "Compact PCI", "Advanced TCA", "Blade", "Blade Enclosure", "Tablet", "Convertible",
            "Detachable", "IoT Gateway", "Embedded PC", "Mini PC", "Stick PC",
        ),
        start=1,
    )
)  # fmt: skip
# What virtual machines call themselves in SMBIOS or in the device tree → the platform.
_PLATFORMS: Final = (
    ("Amazon EC2", "Amazon EC2"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("VMware", "VMware"),
    ("innotek GmbH", "VirtualBox"),
    ("VirtualBox", "VirtualBox"),
    ("Virtual Machine", "Hyper-V"),
    ("Parallels", "Parallels"),
    ("Xen", "Xen"),
    ("BHYVE", "bhyve"),
    ("OpenStack", "OpenStack"),
    ("KVM", "KVM"),
    ("QEMU", "QEMU"),
    ("linux,dummy-virt", "QEMU"),
)
_CONTAINER: Final = re.compile(r"(?:^|\0)container=([^\0]+)")


def _dmi(context: SensorContext, *names: str) -> Row:
    folder = context.root / DMI
    if not folder.is_dir():
        raise SensorUnavailable("This computer's firmware shows no SMBIOS tables.")
    return [text_at(folder / name) for name in names]


def manufacturer(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the maker."""
    yield _dmi(context, "sys_vendor")


def model(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the product."""
    yield _dmi(context, "product_name", "product_version", "product_family")


def serial_number(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give serial number and UUID; both are readable by root alone."""
    yield _dmi(context, "product_serial", "product_uuid")


def chassis(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the kind of case."""
    number, tag = _dmi(context, "chassis_type", "chassis_asset_tag")
    yield _CHASSIS.get(int(number), number) if number.isdecimal() else number, tag


def bios(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the firmware."""
    yield _dmi(context, "bios_vendor", "bios_version", "bios_date")


def parse_cpuinfo(text: str) -> Iterator[dict[str, str]]:
    """Yield the facts of each logical processor, by their names in lower case."""
    for block in text.split("\n\n"):
        facts = {}
        for line in block.splitlines():
            name, colon, value = line.partition(":")
            if colon:
                facts[name.strip().lower()] = value.strip()
        if "processor" in facts:
            yield facts


def cpu(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give one row for each model, with the packages, cores and threads of it."""
    models: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    text = text_at(context.root / "proc/cpuinfo", _CPUINFO_BYTES)
    for facts in parse_cpuinfo(text):
        # ARM shows numbers of an implementer and a part instead of names.
        name = facts.get("model name") or facts.get("cpu part") or platform.machine()
        vendor = facts.get("vendor_id") or facts.get("cpu implementer", "")
        models.setdefault((name, vendor, facts.get("microcode", "")), []).append(facts)
    for (name, vendor, microcode), threads in models.items():
        packages, cores = set(), set()
        for facts in threads:
            place = _package_and_core(context.root, facts)
            packages.add(place[0])
            cores.add(place)
        yield name, vendor, str(len(packages)), str(len(cores)), str(len(threads)), microcode


def _package_and_core(root: Path, facts: Mapping[str, str]) -> tuple[str, str]:
    topology = root / f"sys/devices/system/cpu/cpu{facts['processor']}/topology"
    return (
        text_at(topology / "physical_package_id") or facts.get("physical id", ""),
        text_at(topology / "core_id") or facts.get("core id", facts["processor"]),
    )


def cpu_weaknesses(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what the kernel thinks of each weakness."""
    folder = context.root / "sys/devices/system/cpu/vulnerabilities"
    if not folder.is_dir():
        raise SensorUnavailable("This kernel does not tell the weaknesses of its processor.")
    for name in names_in(folder):
        yield name, text_at(folder / name)


def parse_meminfo(text: str) -> dict[str, int]:
    """Read /proc/meminfo: name → bytes."""
    sizes = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdecimal():
            unit = KIBIBYTE if words[1:] == ["kB"] else 1
            sizes[name] = int(words[0]) * unit
    return sizes


def memory(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give memory and swap."""
    sizes = parse_meminfo(text_at(context.root / "proc/meminfo"))
    names = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    yield [str(sizes[name]) if name in sizes else "" for name in names]


def virtual(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what the computer shows of a hypervisor, and of a container around the agent."""
    found = _platform(context.root)
    yield boolean_text(bool(found)), found, _container(context.root)


def _platform(root: Path) -> str:
    shown = [
        *(text_at(root / DMI / name) for name in ("product_name", "sys_vendor", "board_vendor")),
        text_at(root / "proc/device-tree/hypervisor/compatible"),
        text_at(root / "proc/device-tree/compatible"),
    ]
    for mark, name in _PLATFORMS:
        if any(mark in text for text in shown):
            return name
    hypervisor = text_at(root / "sys/hypervisor/type")
    if hypervisor:
        return hypervisor.capitalize()
    # A guest without SMBIOS may still keep time by its host's clock.
    clocks = text_at(root / CLOCKS).split()
    for clock, name in _CLOCKS.items():
        if clock in clocks:
            return name
    text = text_at(root / "proc/cpuinfo", _CPUINFO_BYTES)
    if any("hypervisor" in facts.get("flags", "").split() for facts in parse_cpuinfo(text)):
        return "Unnamed hypervisor"
    return ""


def _container(root: Path) -> str:
    """Name the container engine as systemd-detect-virt(1) looks for it."""
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    named = _CONTAINER.search(text_at(root / "proc/1/environ"))
    return text_at(root / "run/systemd/container") or (named[1] if named else "")


SENSORS: Final[dict[str, SensorFunction]] = {
    "hardware.manufacturer": manufacturer,
    "hardware.model": model,
    "hardware.serial_number": serial_number,
    "hardware.chassis": chassis,
    "hardware.bios": bios,
    "hardware.cpu": cpu,
    "hardware.cpu_weaknesses": cpu_weaknesses,
    "hardware.memory": memory,
    "hardware.virtual": virtual,
}
