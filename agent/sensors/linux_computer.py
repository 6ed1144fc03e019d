"""What the computer is, where only Linux tells: domain, restarts that wait, the clock."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.reading import link_at, names_in, text_at
from agent.sensors.values import boolean_text, instant_text
from sensors.values import read_version

_ZONES: Final = "/zoneinfo/"
_KERNEL_PREFIXES: Final = ("vmlinuz-", "vmlinux-", "Image-")

# linux/timex.h: `struct timex` on 64-bit systems is 208 bytes, `maxerror` its fourth long.
_TIMEX_BYTES: Final = 208
_MAXERROR: Final = 3
_STATUS_OFFSET: Final = 40
_STA_UNSYNC: Final = 0x40


def machine_id(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give machine-id(5)."""
    yield (text_at(context.root / "etc/machine-id"),)


def domain_name(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the domain and the full name, without asking the network."""
    host = socket.gethostname()
    full = host if "." in host else _canonical(host, context.root / "etc/hosts")
    domain = full.partition(".")[2] or _search_domain(context.root / "etc/resolv.conf")
    if domain and "." not in full:
        full = f"{host}.{domain}"
    yield domain, full


def _canonical(host: str, hosts: Path) -> str:
    """Find the first name of the hosts(5) line that has this host; the host itself without one."""
    for line in text_at(hosts).splitlines():
        names = line.partition("#")[0].split()[1:]
        if host in names:
            return next((name for name in names if name.startswith(f"{host}.")), names[0])
    return host


def _search_domain(resolver: Path) -> str:
    """Find the domain in resolv.conf(5): the last `domain` or `search` counts, its first name."""
    domain = ""
    for line in text_at(resolver).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in ("domain", "search"):
            domain = words[1].strip(".")
    return domain


def pending_reboot(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each reason to restart, or one row that says False."""
    reasons = [*_asked_for(context.root), *_newer_kernel(context.root, platform.release())]
    for reason, packages in reasons:
        yield boolean_text(True), reason, packages
    if not reasons:
        yield boolean_text(False), "", ""


def _asked_for(root: Path) -> Iterator[tuple[str, str]]:
    for folder in ("run", "var/run"):
        flag = root / folder / "reboot-required"
        if flag.exists():
            packages = text_at(flag.with_name("reboot-required.pkgs")).split()
            yield "A package asked for a restart", ", ".join(sorted(set(packages)))
            return


def _newer_kernel(root: Path, running: str) -> Iterator[tuple[str, str]]:
    """Compare with kernels that are installed: with their image, or at least their modules."""
    installed = {
        name.removeprefix(prefix)
        for name in names_in(root / "boot")
        for prefix in _KERNEL_PREFIXES
        if name.startswith(prefix)
    }
    modules = root / "lib/modules"
    # A folder that updates left behind has no list of modules any more.
    installed |= {name for name in names_in(modules) if (modules / name / "modules.dep").exists()}
    present = read_version(running)
    newer = [
        release
        for release in installed
        if present is not None
        and _flavour(release) == _flavour(running)
        and (read_version(release) or present) > present
    ]
    if newer:
        newest = max(newer, key=lambda release: read_version(release) or ())
        yield f"Kernel {newest} is installed, {running} runs", newest


def _flavour(release: str) -> str:
    """Cut off what tells builds of one version apart: `cloud-amd64` of `6.1.0-18-cloud-amd64`."""
    words = [word for word in release.split("-") if not word[:1].isdigit()]
    return "-".join(words)


def system_time(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the clock, its zone and whether the kernel trusts it."""
    now = time.time_ns() // 1000
    local = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone()
    synchronised, largest_error = _discipline()
    yield (
        instant_text(now),
        _time_zone(context.root) or local.tzname() or "",
        f"{local:%z}",
        boolean_text(synchronised),
        f"{largest_error / 1_000_000:.6f}",
    )


def _time_zone(root: Path) -> str:
    """Name the zone that /etc/localtime leads to; else what /etc/timezone says."""
    target = link_at(root / "etc/localtime")
    return target.rpartition(_ZONES)[2] if _ZONES in target else text_at(root / "etc/timezone")


def _discipline() -> tuple[bool, int]:
    """Ask adjtimex(2), changing nothing: is the clock synchronised, and its largest error in µs."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    library = ctypes.CDLL(None, use_errno=True)
    if library.adjtimex(timex) < 0:
        raise SensorFailed(f"The kernel's clock does not answer: {os.strerror(ctypes.get_errno())}")
    status = ctypes.c_int.from_buffer(timex, _STATUS_OFFSET).value
    largest_error = ctypes.c_long.from_buffer(timex, _MAXERROR * 8).value
    return not status & _STA_UNSYNC, largest_error


SENSORS: Final[dict[str, SensorFunction]] = {
    "computer.machine_id": machine_id,
    "computer.domain": domain_name,
    "computer.pending_reboot": pending_reboot,
    "computer.system_time": system_time,
}
