"""What rpm and dnf say of updates and of changed files: their records have formats of their own.

dnf is kept from the network: it knows what it downloaded last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from agent.sensors.exceptions import SensorFailed
from agent.sensors.packages import RPM_PROGRAM, Package, rpm_place
from agent.sensors.programs import output_of

DNF: Final = "/usr/bin/dnf"
_LISTS: Final = tuple(
    f"var/cache/{place}/*/repodata/repomd.xml" for place in ("dnf", "libdnf5", "yum")
)
_DNF_TIMEOUT: Final = 300.0
_RPM_TIMEOUT: Final = 900.0
_FORMAT: Final = "%{name}\\t%{arch}\\t%{epoch}:%{version}-%{release}\\t%{repoid}\\n"
_FIELDS: Final = 4
# rpm ends with 1 when it found something.
_CHANGED: Final = (0, 1)
_LINE: Final = re.compile(r"(missing|[.SM5DLUGTP?]{8,9})\s+(?:([a-z]) )?\s*(/.*)")
_REASON: Final = re.compile(r" \([^()]+\)$")
_CONFIGURATION: Final = "c"
_MEANINGS: Final = {
    "5": "content",
    "S": "size",
    "M": "mode",
    "D": "device number",
    "L": "where the link leads",
    "U": "owner",
    "G": "group",
    "T": "time",
    "P": "capabilities",
}
_UNREAD: Final = "?"


class Update(NamedTuple):
    """One package that dnf would upgrade."""

    name: str
    installed: str
    offered: str
    source: str
    is_security: bool


class ChangedFile(NamedTuple):
    """One file that is not as it was packed, and how it differs."""

    path: str
    finding: str
    is_configuration: bool


def pending_rpm_updates(root: Path, installed: Iterator[Package]) -> Iterator[Update]:
    """Yield what dnf would upgrade. Raises `SensorFailed`, also when it never loaded its lists."""
    if not any(True for pattern in _LISTS for _list in root.glob(pattern)):
        # It would say that there is nothing to upgrade.
        raise SensorFailed("dnf has not downloaded any package lists on this computer.")
    present = {(one.name, one.architecture): one.version for one in installed}
    secure = set(_upgrades(root, "--security"))
    for name, architecture, offered, source in _upgrades(root):
        yield Update(
            name,
            present.get((name, architecture), ""),
            offered.removeprefix("0:"),
            source,
            (name, architecture, offered, source) in secure,
        )


def changed_rpm_files(root: Path, name: str) -> Iterator[ChangedFile]:
    """Yield the files of an installed package that changed. Raises `SensorFailed`.

    `name` comes from rpm's own records: it is part of a command line.
    """
    options = ("-V", "--nodeps", "--noscripts", "--", name)
    words = (*rpm_place(root), *options)
    output = output_of(RPM_PROGRAM, *words, timeout=_RPM_TIMEOUT, accepted=_CHANGED)
    for line in output.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None:
            verdict, kind, path = found.groups()
            yield ChangedFile(
                _REASON.sub("", path) if verdict == "missing" else path,
                _finding(verdict),
                kind == _CONFIGURATION,
            )


def _finding(verdict: str) -> str:
    if verdict == "missing":
        return verdict
    changed = ", ".join(word for letter, word in _MEANINGS.items() if letter in verdict)
    unread = "cannot be read" if _UNREAD in verdict else ""
    return "; ".join(text for text in (changed and f"changed: {changed}", unread) if text)


def _upgrades(root: Path, *more: str) -> Iterator[tuple[str, str, str, str]]:
    place = () if root == Path("/") else (f"--installroot={root}",)
    options = ("-C", "-q", "repoquery", "--upgrades", "--latest-limit=1", *more)
    lines = output_of(DNF, *place, *options, f"--qf={_FORMAT}", timeout=_DNF_TIMEOUT).splitlines()
    for line in lines:
        fields = line.split("\t")
        if len(fields) == _FIELDS:
            yield (fields[0], fields[1], fields[2], fields[3])
