"""The agent as endpoints install it: our packages and what they stand on, in one tar.gz.

Everything comes from the console's own environment, so an endpoint needs no package index. It
therefore fits computers with the same Python version and platform; the manifest names both.
The archive is the same bytes for the same content.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from console.core.private_files import locked_directory, write_private_file
from console.endpoints.exceptions import BundleIncomplete

PACKAGES: Final = ("agent", "detection", "eventstore", "protocol", "sensors")
SERVICE_UNIT: Final = "deploy/vedette-agent.service"
MANIFEST: Final = "manifest.json"
DISTRIBUTIONS: Final = (
    "ahocorasick_rs",
    "apsw-sqlite3mc",
    "cryptography",
    "google-re2",
    "msgspec",
    "psutil",
    "websockets",
    "zstandard",
)

# What an installer leaves behind about the machine it ran on, which is nobody else's business.
_LEFT_BY_INSTALLERS: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
# Level 6 takes twice as long for 6 % fewer bytes, while somebody waits for the installer.
_COMPRESSION: Final = 3


@dataclass(frozen=True, slots=True)
class Bundle:
    """One made bundle. `python` is `major.minor`, `machine` what `uname -m` says."""

    path: Path
    sha256: str
    python: str
    machine: str


def build_bundle() -> Bundle:
    """Return the bundle of the present code, making it when something in it changed.

    Raises `BundleIncomplete` when a distribution or a file is missing on this machine.
    """
    members = dict(sorted(_members()))
    directory: Path = settings.DATA_DIR / "bundles"
    path = directory / f"agent-{_fingerprint(members)}.tar.gz"
    if not path.exists():
        with locked_directory(directory):
            if not path.exists():
                _remove_old(directory)
                write_private_file(path, _archive(members))
    return Bundle(path, _sha256_of(path), _python(), platform.machine())


def required_distributions() -> dict[str, Distribution]:
    """Return the agent's dependencies with theirs, by canonical name.

    Raises `BundleIncomplete` when one is not installed here.
    """
    found: dict[str, Distribution] = {}
    wanted = list(DISTRIBUTIONS)
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError as error:
            raise BundleIncomplete(f"{name} is not installed on the console.") from error
        wanted.extend(_requirements_of(found[name]))
    return found


def _requirements_of(found: Distribution) -> Iterator[str]:
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _members() -> Iterator[tuple[str, Path]]:
    """Yield the name in the archive and the file of everything in it but the manifest."""
    for package in PACKAGES:
        for path in (settings.BASE_DIR / package).rglob("*"):
            if path.is_file() and _belongs(path):
                yield path.relative_to(settings.BASE_DIR).as_posix(), path
    unit: Path = settings.BASE_DIR / SERVICE_UNIT
    yield unit.name, unit
    for name, found in required_distributions().items():
        if found.files is None:
            raise BundleIncomplete(f"{name} does not say which files it has.")
        for file in found.files:
            path = Path(str(found.locate_file(file)))
            # Scripts stand outside of the library folder; the agent needs none of them.
            if ".." not in file.parts and _belongs(path):
                yield file.as_posix(), path


def _belongs(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.name not in _LEFT_BY_INSTALLERS


def _archive(members: dict[str, Path]) -> bytes:
    contents = {name: _read(path) for name, path in members.items()}
    contents[MANIFEST] = _manifest(contents)
    packed = io.BytesIO()
    with (
        gzip.GzipFile(
            filename="", fileobj=packed, mode="wb", compresslevel=_COMPRESSION, mtime=0
        ) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BundleIncomplete(f"{path.name} is missing on the console.") from error


def _manifest(contents: dict[str, bytes]) -> bytes:
    document = {
        "python": _python(),
        "system": platform.system(),
        "machine": platform.machine(),
        "distributions": {
            name: found.version for name, found in sorted(required_distributions().items())
        },
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    return json.dumps(document, indent=1).encode()


def _fingerprint(members: dict[str, Path]) -> str:
    digest = hashlib.sha256(f"{_python()} {platform.machine()}".encode())
    for name, path in members.items():
        try:
            file = path.stat()
        except FileNotFoundError as error:
            raise BundleIncomplete(f"{name} is missing on the console.") from error
        digest.update(f"{name}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


@lru_cache(maxsize=4)
def _sha256_of(path: Path) -> str:
    # The name stands for the content: a file that exists under it never changes.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remove_old(directory: Path) -> None:
    for path in directory.glob("agent-*.tar.gz"):
        path.unlink(missing_ok=True)


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
