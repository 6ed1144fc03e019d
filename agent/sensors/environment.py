"""Environment variables that files of the system set: environment.d(5), pam_env(8), profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.packages import owners_of
from agent.sensors.reading import names_in, read_start
from agent.sensors.values import instant_text_of_seconds, text_of

_FILE_BYTES: Final = 256 * 1024
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)")
_EXPORT: Final = re.compile(
    r"(?:export|declare -x|typeset -x)\s+([A-Za-z_]\w*)=(.*?)(?:\s*[;&].*)?"
)
_PAM: Final = re.compile(r"([A-Za-z_]\w*)\s+((?:DEFAULT|OVERRIDE)=.*)")
_MANAGER: Final = re.compile(r"(?:DefaultEnvironment|ManagerEnvironment)=(.+)")
_QUOTED: Final = re.compile(
    r"\"([A-Za-z_]\w*)=([^\"]*)\"|'([A-Za-z_]\w*)=([^']*)'|([A-Za-z_]\w*)=(\S*)"
)

Pairs = Iterator[tuple[str, str]]


def _assigned(line: str) -> Pairs:
    found = _ASSIGNMENT.fullmatch(line)
    if found:
        yield found[1], _unquoted(found[2])


def _exported(line: str) -> Pairs:
    found = _EXPORT.fullmatch(line)
    if found:
        yield found[1], _unquoted(found[2])


def _of_pam(line: str) -> Pairs:
    found = _PAM.fullmatch(line)
    if found:
        yield found[1], found[2]


def _of_manager(line: str) -> Pairs:
    found = _MANAGER.fullmatch(line)
    for groups in _QUOTED.findall(found[1]) if found else []:
        names, values = groups[0::2], groups[1::2]
        yield "".join(names), "".join(values)


_FILES: Final[tuple[tuple[str, Callable[[str], Pairs]], ...]] = (
    ("etc/environment", _assigned),
    ("etc/default/locale", _assigned),
    ("etc/locale.conf", _assigned),
    ("etc/security/pam_env.conf", _of_pam),
    ("etc/profile", _exported),
    ("etc/bash.bashrc", _exported),
    ("etc/bashrc", _exported),
    ("etc/systemd/system.conf", _of_manager),
    ("etc/systemd/user.conf", _of_manager),
)
_FOLDERS: Final[tuple[tuple[str, str, Callable[[str], Pairs]], ...]] = (
    ("etc/environment.d", ".conf", _assigned),
    ("usr/lib/environment.d", ".conf", _assigned),
    ("etc/profile.d", "", _exported),
    ("etc/systemd/system.conf.d", ".conf", _of_manager),
    ("etc/systemd/user.conf.d", ".conf", _of_manager),
)


def system(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every variable that a file of the system sets."""
    root = context.root
    found = list(_variables(root))
    owners = owners_of(root, {path for *_unused, path, _line, _modified in found})
    for name, value, path, line, modified in found:
        yield name, value, path, str(line), modified, owners.get(path, "")


def _variables(root: Path) -> Iterator[tuple[str, str, str, int, str]]:
    places = list(_FILES)
    for folder, suffix, pairs in _FOLDERS:
        names = (name for name in names_in(root / folder) if name.endswith(suffix))
        places += [(f"{folder}/{name}", pairs) for name in names]
    for name, pairs in places:
        try:
            lines = text_of(read_start(root / name, _FILE_BYTES)).splitlines()
            modified = instant_text_of_seconds((root / name).stat().st_mtime)
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            for variable, value in pairs(line.strip()):
                yield variable, value, f"/{name}", number, modified


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


SENSORS: Final[dict[str, SensorFunction]] = {"environment.system": system}
