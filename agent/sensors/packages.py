"""What package managers say is installed, read from their own records.

dpkg (`/var/lib/dpkg/status`, deb-control(5)), apk (`/lib/apk/db/installed`), pacman (`desc` files),
snap and flatpak (their folders); rpm's database has several formats, so `rpm` itself is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.programs import output_of
from agent.sensors.reading import link_at, names_in, read_start, text_at
from agent.sensors.values import text_of

DPKG, RPM, APK, PACMAN, SNAP, FLATPAK = "dpkg", "rpm", "apk", "pacman", "snap", "flatpak"
DPKG_STATUS: Final = "var/lib/dpkg/status"
DPKG_INFO: Final = "var/lib/dpkg/info"
_DPKG_FRAGMENTS: Final = "var/lib/dpkg/status.d"
_APK_INSTALLED: Final = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_PACMAN_LOCAL: Final = "var/lib/pacman/local"
_RPM_DATABASES: Final = ("usr/lib/sysimage/rpm", "var/lib/rpm")
RPM_PROGRAM: Final = "/usr/bin/rpm"
_RPM_FIELDS: Final = (
    "%{NAME}",
    "%{EPOCHNUM}:%{VERSION}-%{RELEASE}",
    "%{ARCH}",
    "%{VENDOR}",
    "%{INSTALLTIME}",
    "%{SIZE}",
)
_RPM_FORMAT: Final = "\\t".join(_RPM_FIELDS) + "\\n"
_RPM_FILES: Final = "[%{=NAME}\\t%{FILENAMES}\\n]"
_STATUS_BYTES: Final = 64 * 1024 * 1024
_LIST_BYTES: Final = 16 * 1024 * 1024
_RECORD_BYTES: Final = 256 * 1024
_MERGED: Final = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/")
_SNAP: Final = re.compile(r"(.+)_([^_]+)\.snap")
_SNAP_VERSION: Final = re.compile(r"^version: *['\"]?([^'\"\n]*)", re.MULTILINE)


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One installed package. `installed_at` is in seconds since the epoch, 0 where nobody knows."""

    name: str
    version: str
    manager: str
    architecture: str = ""
    publisher: str = ""
    installed_at: float = 0.0
    size_bytes: int = -1


def installed_packages(root: Path) -> Iterator[Package]:
    """Yield what every package manager of a computer has installed. Raises `SensorFailed`."""
    yield from _dpkg_packages(root)
    yield from _rpm_packages(root)
    yield from _apk_packages(root)
    yield from _pacman_packages(root)
    yield from _snaps(root)
    yield from _flatpaks(root)


def has_package_manager(root: Path) -> bool:
    """Tell whether any record of packages is there."""
    places = (DPKG_STATUS, _DPKG_FRAGMENTS, _PACMAN_LOCAL, *_APK_INSTALLED, *_RPM_DATABASES)
    return any((root / place).exists() for place in places)


def owners_of(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return which package each of these files came with; files that came with none are left out.

    What a package's own scripts make belongs to none. Raises `SensorFailed`.
    """
    wanted: dict[bytes, list[str]] = {}
    for path in paths:
        for spelling in _spellings(root, path):
            wanted.setdefault(spelling.encode("utf-8", "surrogateescape"), []).append(path)
    owners: dict[str, str] = {}
    if not wanted:
        return owners
    for package, files in _file_lists(root):
        for found in wanted.keys() & files:
            for path in wanted[found]:
                owners.setdefault(path, package)
    return owners


def _spellings(root: Path, path: str) -> Iterator[str]:
    """Yield the ways in which a list may name a file: /bin is /usr/bin where they are merged."""
    yield path
    for folder in _MERGED:
        if path.startswith(folder):
            yield f"/usr{path}"
        elif path.startswith(f"/usr{folder}") and (root / folder.strip("/")).is_symlink():
            yield path.removeprefix("/usr")


def _file_lists(root: Path) -> Iterator[tuple[str, set[bytes]]]:
    info = root / DPKG_INFO
    for name in names_in(info):
        if name.endswith(".list"):
            package = name.removesuffix(".list").partition(":")[0]
            yield package, set(_content(info / name, _LIST_BYTES).split(b"\n"))
    if has_rpm_records(root):
        files: dict[str, set[bytes]] = {}
        for line in _rpm(root, _RPM_FILES):
            package, _, path = line.partition("\t")
            files.setdefault(package, set()).add(path.encode())
        yield from files.items()
    for name in _APK_INSTALLED:
        yield from _apk_files(_content(root / name, _STATUS_BYTES))
    for folder in names_in(root / _PACMAN_LOCAL):
        listed = _content(root / _PACMAN_LOCAL / folder / "files", _LIST_BYTES)
        yield folder.rsplit("-", 2)[0], {b"/" + line for line in listed.split(b"\n") if line}


def _dpkg_packages(root: Path) -> Iterator[Package]:
    text = text_of(_content(root / DPKG_STATUS, _STATUS_BYTES))
    for name in names_in(root / _DPKG_FRAGMENTS):
        # Images made without dpkg have one file for each package.
        if not name.endswith(".md5sums"):
            text += "\n\n" + text_at(root / _DPKG_FRAGMENTS / name)
    info = root / DPKG_INFO
    for block in text.split("\n\n"):
        fields = read_fields(block)
        # A package that was removed with its settings left behind has another state.
        if "Package" in fields and fields.get("Status", "installed").endswith("installed"):
            yield Package(
                name=fields["Package"],
                version=fields.get("Version", ""),
                manager=DPKG,
                architecture=fields.get("Architecture", ""),
                publisher=fields.get("Maintainer", ""),
                installed_at=_changed_at(info, fields),
                size_bytes=_kibibytes(fields.get("Installed-Size", "")),
            )


def read_fields(block: str) -> dict[str, str]:
    """Read the first lines of the fields of a control record."""
    fields = {}
    for line in block.split("\n"):
        name, colon, value = line.partition(": ")
        if colon and line[:1] not in (" ", "\t"):
            fields[name] = value
    return fields


def _changed_at(info: Path, fields: dict[str, str]) -> float:
    """Return when dpkg last unpacked a package: it then writes the list of its files."""
    name = fields["Package"]
    for file in (f"{name}.list", f"{name}:{fields.get('Architecture', '')}.list"):
        try:
            return (info / file).stat().st_mtime
        except (OSError, ValueError):
            continue
    return 0.0


def _kibibytes(text: str) -> int:
    return int(text) * 1024 if text.isascii() and text.isdecimal() else -1


def has_rpm_records(root: Path) -> bool:
    """Tell whether rpm has a database."""
    return _rpm_database(root) != ""


def rpm_place(root: Path) -> tuple[str, ...]:
    """Return the words that tell rpm where its database is."""
    place = ("--dbpath", f"/{_rpm_database(root)}")
    return place if root == Path("/") else ("--root", str(root), *place)


def _rpm_database(root: Path) -> str:
    # Tools for other systems' packages leave an empty folder behind.
    for folder in _RPM_DATABASES:
        if any(name.startswith(("rpmdb", "Packages")) for name in names_in(root / folder)):
            return folder
    return ""


def _rpm(root: Path, query_format: str) -> list[str]:
    words = ("-qa", "--queryformat", query_format)
    return output_of(RPM_PROGRAM, *rpm_place(root), *words).split("\n")


def _rpm_packages(root: Path) -> Iterator[Package]:
    if not has_rpm_records(root):
        return
    for line in _rpm(root, _RPM_FORMAT):
        fields = line.split("\t")
        if len(fields) != len(_RPM_FIELDS):
            continue
        name, version, architecture, vendor, installed_at, size = fields
        # Keys that were imported are kept as packages.
        if name == "gpg-pubkey":
            continue
        yield Package(
            name=name,
            version=version.removeprefix("0:"),
            manager=RPM,
            architecture="" if architecture == "(none)" else architecture,
            publisher="" if vendor == "(none)" else vendor,
            installed_at=float(installed_at) if installed_at.isdecimal() else 0.0,
            size_bytes=int(size) if size.isdecimal() else -1,
        )


def _apk_packages(root: Path) -> Iterator[Package]:
    for place in _APK_INSTALLED:
        for block in text_of(_content(root / place, _STATUS_BYTES)).split("\n\n"):
            fields = {line[0]: line[2:] for line in block.split("\n") if line[1:2] == ":"}
            if "P" in fields:
                size = fields.get("I", "")
                yield Package(
                    name=fields["P"],
                    version=fields.get("V", ""),
                    manager=APK,
                    architecture=fields.get("A", ""),
                    publisher=fields.get("m", ""),
                    size_bytes=int(size) if size.isdecimal() else -1,
                )


def _apk_files(raw: bytes) -> Iterator[tuple[str, set[bytes]]]:
    package, folder = "", b""
    files: set[bytes] = set()
    for line in raw.split(b"\n"):
        match line[:2]:
            case b"P:":
                package, files = text_of(line[2:]), set()
            case b"F:":
                folder = line[2:]
            case b"R:":
                files.add(b"/" + folder + b"/" + line[2:])
            case b"" if package:
                yield package, files
                package = ""


def _pacman_packages(root: Path) -> Iterator[Package]:
    for folder in names_in(root / _PACMAN_LOCAL):
        text = text_at(root / _PACMAN_LOCAL / folder / "desc", _RECORD_BYTES)
        fields = {}
        for block in text.split("\n\n"):
            head, _, value = block.strip().partition("\n")
            fields[head.strip("%")] = value.partition("\n")[0]
        if fields.get("NAME"):
            installed, size = fields.get("INSTALLDATE", ""), fields.get("SIZE", "")
            yield Package(
                name=fields["NAME"],
                version=fields.get("VERSION", ""),
                manager=PACMAN,
                architecture=fields.get("ARCH", ""),
                publisher=fields.get("PACKAGER", ""),
                installed_at=float(installed) if installed.isdecimal() else 0.0,
                size_bytes=int(size) if size.isdecimal() else -1,
            )


def _snaps(root: Path) -> Iterator[Package]:
    folder = root / "var/lib/snapd/snaps"
    for name in names_in(folder):
        found = _SNAP.fullmatch(name)
        # Older revisions are kept for a while.
        if found is None or link_at(root / "snap" / found[1] / "current") not in ("", found[2]):
            continue
        described = text_at(root / "snap" / found[1] / found[2] / "meta/snap.yaml", _RECORD_BYTES)
        version = _SNAP_VERSION.search(described)
        status = (folder / name).lstat()
        yield Package(
            name=found[1],
            version=version[1] if version else f"revision {found[2]}",
            manager=SNAP,
            installed_at=status.st_mtime,
            size_bytes=status.st_size,
        )


def _flatpaks(root: Path) -> Iterator[Package]:
    for kind in ("app", "runtime"):
        place = root / "var/lib/flatpak" / kind
        for name in names_in(place):
            for architecture in names_in(place / name):
                if architecture == "current" or not (place / name / architecture).is_dir():
                    continue
                for branch in names_in(place / name / architecture):
                    yield Package(
                        name=name,
                        version=branch,
                        manager=FLATPAK,
                        architecture=architecture,
                        installed_at=(place / name / architecture / branch).lstat().st_mtime,
                    )


def _content(path: Path, most: int) -> bytes:
    """Read a record; nothing where there is none."""
    try:
        return read_start(path, most)
    except OSError:
        return b""
