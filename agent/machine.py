"""Say what kind of computer this is, for `Hello` and for enrolment.

Read from the operating system's own files; a fact that cannot be read is empty, because a
missing one must never keep an endpoint away from its console.
"""

from __future__ import annotations

import ipaddress
import platform
import socket
from pathlib import Path

import psutil

from protocol.messages import Platform

OS_OF_SYSTEM = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
MAX_ADDRESSES = 64


def this_platform() -> str:
    """Name this operating system as rules and capabilities name it."""
    return OS_OF_SYSTEM.get(platform.system(), "other")


def describe_machine(root: Path = Path("/")) -> Platform:
    """Describe this computer: its system, kernel, names and addresses (without loopback)."""
    release = _os_release(root)
    return Platform(
        os=this_platform(),
        os_name=release.get("NAME", platform.system()),
        os_version=release.get("VERSION_ID", platform.release()),
        kernel=platform.release(),
        architecture=platform.machine(),
        host_name=socket.gethostname(),
        addresses=own_addresses(),
        machine_id=_text_of(root / "etc/machine-id"),
    )


def boot_id(root: Path = Path("/")) -> str:
    """Name the present boot: it changes with every start of the computer."""
    return _text_of(root / "proc/sys/kernel/random/boot_id")


def own_addresses() -> list[str]:
    """List the addresses of this computer in canonical form, loopback left out, IPv4 first."""
    found: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                found.add(ipaddress.ip_address(address.address.partition("%")[0]))
    shown = sorted(
        (address for address in found if not address.is_loopback),
        key=lambda address: (address.version, address.is_link_local, int(address)),
    )
    # A container host has thousands of addresses; the console needs the first few.
    return [str(address) for address in shown[:MAX_ADDRESSES]]


def _os_release(root: Path) -> dict[str, str]:
    """Read os-release(5); empty on systems that have none."""
    facts: dict[str, str] = {}
    text = _text_of(root / "etc/os-release") or _text_of(root / "usr/lib/os-release")
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            facts[name.strip()] = value.strip().strip("\"'")
    return facts


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
