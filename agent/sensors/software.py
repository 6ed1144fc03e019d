"""Which software is installed, and whether its files are still what they were."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.packages import (
    DPKG,
    DPKG_INFO,
    DPKG_STATUS,
    RPM,
    Package,
    has_package_manager,
    has_rpm_records,
    installed_packages,
)
from agent.sensors.patterns import named
from agent.sensors.programs import output_of
from agent.sensors.reading import read_start, text_at
from agent.sensors.rpmchecks import changed_rpm_files, pending_rpm_updates
from agent.sensors.values import boolean_text, instant_text_of_seconds, text_of

_LIST_BYTES: Final = 16 * 1024 * 1024
_PIECE_BYTES: Final = 1 << 20
_CONFIGURATION: Final = re.compile(r"^ (/\S.*?) ([0-9a-f]{32})( obsolete)?$", re.MULTILINE)
_APT: Final = "/usr/bin/apt-get"
# What apt would do, from the lists that it has; it downloads and locks nothing.
_APT_ARGUMENTS: Final = ("--just-print", "-qq", "-o", "Debug::NoLocking=1", "dist-upgrade")
_APT_TIMEOUT: Final = 300.0
_PENDING: Final = re.compile(
    r"^Inst (\S+) (?:\[([^\]]+)\] )?\((\S+) (.*?)(?: \[[^\]]*\])?\)", re.MULTILINE
)


def installed(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every package."""
    for package in _packages(context):
        yield (
            package.name,
            package.version,
            package.architecture,
            package.manager,
            package.publisher,
            instant_text_of_seconds(package.installed_at),
            str(package.size_bytes) if package.size_bytes >= 0 else "",
        )


def exists(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether a package of that name is installed."""
    fits = named(parameters["name"])
    yield (boolean_text(any(fits(package.name) for package in _packages(context))),)


def version(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the versions of the packages of that name."""
    fits = named(parameters["name"])
    for package in _packages(context):
        if fits(package.name):
            yield package.name, package.version, package.manager


def pending_updates(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what apt or dnf would install now."""
    root = context.root
    has_apt = (root / DPKG_STATUS).exists()
    has_dnf = has_rpm_records(root)
    if not has_apt and not has_dnf:
        raise SensorUnavailable("Pending updates are read through apt or dnf: neither is used.")
    if has_apt:
        for name, present, offered, source in _PENDING.findall(
            output_of(_APT, *_APT_ARGUMENTS, timeout=_APT_TIMEOUT)
        ):
            yield name, present, offered, source, boolean_text("security" in source.lower())
    if has_dnf:
        for update in pending_rpm_updates(root, installed_packages(root)):
            yield (*update[:4], boolean_text(update.is_security))


def verify(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give each file of one package that is not as it was packed."""
    name = parameters["package"]
    managers = {one.manager for one in _packages(context) if one.name == name}
    if DPKG in managers:
        yield from _verified_by_sums(context.root, name)
    if RPM in managers:
        for file in changed_rpm_files(context.root, name):
            yield name, file.path, file.finding, boolean_text(file.is_configuration), "", ""
    if not managers & {DPKG, RPM}:
        raise SensorFailed(f"There is no dpkg or rpm package {name!r} on this computer.")


def _verified_by_sums(root: Path, name: str) -> Iterator[Row]:
    settings = _configuration_files(root, name)
    expected = dict(_packed_files(root, name)) | settings
    for path in sorted(expected):
        finding, found = _compared(root / path[1:], expected[path])
        if finding:
            yield name, path, finding, boolean_text(path in settings), expected[path], found


def _packages(context: SensorContext) -> Iterator[Package]:
    if not has_package_manager(context.root):
        raise SensorUnavailable("No package manager that this agent knows has records here.")
    return installed_packages(context.root)


def _packed_files(root: Path, name: str) -> Iterator[tuple[str, str]]:
    for file in sorted((root / DPKG_INFO).glob(f"{name}*.md5sums")):
        # Packages of several architectures have theirs in the name: NAME:amd64.md5sums.
        if file.name.removesuffix(".md5sums").partition(":")[0] != name:
            continue
        for line in text_of(read_start(file, _LIST_BYTES)).splitlines():
            md5, _, path = line.partition("  ")
            yield f"/{path}", md5


def _configuration_files(root: Path, name: str) -> dict[str, str]:
    """Return the checksums of a package's configuration files, which users may change."""
    for block in text_at(root / DPKG_STATUS, 4 * _LIST_BYTES).split("\n\n"):
        if block.startswith(f"Package: {name}\n"):
            found = _CONFIGURATION.findall(block)
            return {path: md5 for path, md5, obsolete in found if not obsolete}
    return {}


def _compared(path: Path, expected: str) -> tuple[str, str]:
    """Return what is wrong with a file, and its checksum; nothing when it is as expected."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "missing", ""
    except OSError as error:
        return f"cannot be read: {error.strerror}", ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "not a file any more", ""
        found = hashlib.md5(usedforsecurity=False)
        while piece := os.read(descriptor, _PIECE_BYTES):
            found.update(piece)
    finally:
        os.close(descriptor)
    return ("", "") if found.hexdigest() == expected else ("changed", found.hexdigest())


SENSORS: Final[dict[str, SensorFunction]] = {
    "software.installed": installed,
    "software.exists": exists,
    "software.version": version,
    "software.pending_updates": pending_updates,
    "software.verify": verify,
}
