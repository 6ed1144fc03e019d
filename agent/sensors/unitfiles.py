"""systemd's unit files: where they lie, what they say, and whether they are enabled.

Formats and places: systemd.unit(5). The files alone are read, so that this also works where
systemd does not run; specifiers such as `%i` stay as they are written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.reading import link_at, names_in, read_start
from agent.sensors.values import text_of

# In the order in which systemd looks.
FOLDERS: Final = (
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "run/systemd/system",
    "run/systemd/system.attached",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
)
_SETTINGS_FOLDERS: Final = ("etc/systemd/system", "etc/systemd/system.attached")
_RUNTIME_FOLDERS: Final = ("run/systemd/system", "run/systemd/system.attached")
_GENERATED: Final = "run/systemd/generator"
_TRANSIENT: Final = "run/systemd/transient"
_WANTED_BY: Final = (".wants", ".requires", ".upholds")
_INSTALLING: Final = ("WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also")
_FILE_BYTES: Final = 256 * 1024
_PREFIXES: Final = "@-:+!|"

Settings = Mapping[str, Mapping[str, list[str]]]
"""Section → name → the values given for it, in order."""


class UnitFile(msgspec.Struct, frozen=True, kw_only=True):
    """One unit as its file has it. `state` is the word of `systemctl list-unit-files`.

    `path` and `drop_ins` are as the computer has them, without the root under which they were read.
    """

    name: str
    path: str
    state: str
    wanted_by: tuple[str, ...] = ()
    drop_ins: tuple[str, ...] = ()
    settings: dict[str, dict[str, list[str]]] = {}

    def value(self, section: str, name: str) -> str:
        """Return the last value of a setting; empty when there is none."""
        values = self.settings.get(section, {}).get(name, [])
        return values[-1] if values else ""

    def values(self, section: str, name: str) -> list[str]:
        """Return all values of a setting."""
        return self.settings.get(section, {}).get(name, [])

    @property
    def starts_by_itself(self) -> bool:
        """Whether a target, or another unit, starts it."""
        return bool(self.wanted_by) and self.state != "masked"


class UnitFiles:
    """The units that are installed under a root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders = [folder for folder in FOLDERS if (root / folder).is_dir()]
        if "usr/lib/systemd/system" in self._folders and (root / "lib").is_symlink():
            # Merged /usr: the same folder twice.
            self._folders = [folder for folder in self._folders if folder != "lib/systemd/system"]
        self._listed = {folder: names_in(root / folder) for folder in self._folders}
        self._wanted: dict[str, list[tuple[str, str]]] | None = None

    def named(self, suffix: str) -> Iterator[UnitFile]:
        """Yield every unit of a kind (`.service`, `.timer`); other names of a unit are no units."""
        seen = set()
        for folder in self._folders:
            for name in self._listed[folder]:
                if name.endswith(suffix) and name not in seen:
                    seen.add(name)
                    unit = self._read(folder, name)
                    if unit is not None:
                        yield unit

    def find(self, name: str) -> UnitFile | None:
        """Read one unit; an instance (`a@b.service`) is found by its template."""
        for wanted in dict.fromkeys((name, template_of(name))):
            for folder in self._folders:
                if wanted in self._listed[folder]:
                    return self._read(folder, wanted)
        return None

    def _read(self, folder: str, name: str) -> UnitFile | None:
        path = self._root / folder / name
        shown = f"/{folder}/{name}"
        target = link_at(path)
        if target == os.devnull or _is_empty_file(path):
            return UnitFile(name=name, path=shown, state="masked")
        if target and os.path.basename(target) != name and not _is_instance(name, target):  # noqa: PTH119 - text
            return None
        drop_ins = list(self._drop_ins(name))
        settings = parse_unit(_texts_of([path, *drop_ins], self._root))
        links = self._links_to(name, settings)
        return UnitFile(
            name=name,
            path=shown,
            state=_state(folder, [place for place, _by in links], settings, _leads_out(target)),
            wanted_by=tuple(dict.fromkeys(by for _place, by in links if by)),
            drop_ins=tuple(_below(self._root, drop_in) for drop_in in drop_ins),
            settings=settings,
        )

    def _drop_ins(self, name: str) -> Iterator[Path]:
        """Yield the drop-ins of a unit in their order: by name, whatever folder they are in."""
        found: dict[str, Path] = {}
        for folder in self._folders:
            if f"{name}.d" in self._listed[folder]:
                place = self._root / folder / f"{name}.d"
                for file in names_in(place):
                    if file.endswith(".conf"):
                        found.setdefault(file, place / file)
        for file in sorted(found):
            yield found[file]

    def _links_to(self, name: str, settings: Settings) -> list[tuple[str, str]]:
        """Return where a unit is linked from: the folder, and the unit that wants it."""
        if self._wanted is None:
            self._wanted = self._read_links()
        names = [name]
        stem, at, suffix = name.partition("@")
        if at and suffix.startswith("."):
            # A template is enabled when one of its instances is.
            names += [
                link
                for link in self._wanted
                if link.startswith(f"{stem}@") and link.endswith(suffix)
            ]
        found = [place for wanted in names for place in self._wanted.get(wanted, [])]
        for alias in settings.get("Install", {}).get("Alias", []):
            for other in alias.split():
                found += [
                    (folder, "")
                    for folder in (*_SETTINGS_FOLDERS, *_RUNTIME_FOLDERS)
                    if other in self._listed.get(folder, [])
                    and os.path.basename(link_at(self._root / folder / other)) == name  # noqa: PTH119
                ]
        return found

    def _read_links(self) -> dict[str, list[tuple[str, str]]]:
        links: dict[str, list[tuple[str, str]]] = {}
        for folder in self._folders:
            for entry in self._listed[folder]:
                by, dot, kind = entry.rpartition(".")
                if dot and f".{kind}" in _WANTED_BY:
                    for name in names_in(self._root / folder / entry):
                        links.setdefault(name, []).append((folder, by))
        return links


def parse_unit(texts: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Read a unit file and its drop-ins: an empty value takes back what was given before it."""
    settings: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        section: dict[str, list[str]] = {}
        for line in _logical_lines(text):
            if line.startswith("[") and line.endswith("]"):
                section = settings.setdefault(line[1:-1], {})
                continue
            name, equals, value = line.partition("=")
            if not equals:
                continue
            if value.strip():
                section.setdefault(name.strip(), []).append(value.strip())
            else:
                section[name.strip()] = []
    return settings


def program_of(command: str) -> str:
    """Return the program of an `ExecStart=`, without systemd's prefixes."""
    return (command.split() or [""])[0].lstrip(_PREFIXES).strip("\"'")


def template_of(name: str) -> str:
    """Return the template of an instance: `a@.service` for `a@b.service`, else the name."""
    stem, at, rest = name.partition("@")
    _instance, dot, suffix = rest.rpartition(".")
    return f"{stem}@.{suffix}" if at and dot else name


def _logical_lines(text: str) -> Iterator[str]:
    whole = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        if raw.rstrip().endswith("\\"):
            whole += line[:-1].rstrip() + " "
            continue
        if whole or line:
            yield (whole + line).strip()
        whole = ""
    if whole:
        yield whole.strip()


def _state(folder: str, linked_from: list[str], settings: Settings, linked: bool) -> str:
    """Name the state as `systemctl list-unit-files` does (the man page's table, `is-enabled`)."""
    if folder.startswith(_GENERATED):
        return "generated"
    if folder == _TRANSIENT:
        return "transient"
    if any(place in _SETTINGS_FOLDERS for place in linked_from):
        return "enabled"
    if any(place in _RUNTIME_FOLDERS for place in linked_from):
        return "enabled-runtime"
    if linked:
        return "linked"
    return _state_without_links(settings.get("Install", {}))


def _state_without_links(install: Mapping[str, list[str]]) -> str:
    given = [name for name in _INSTALLING if install.get(name)]
    if not given:
        return "static"
    return "indirect" if given == ["Also"] else "disabled"


def _leads_out(target: str) -> bool:
    """Tell whether a unit's file lies where systemd does not look by itself."""
    folder = os.path.dirname(target)  # noqa: PTH120 - text
    return folder.startswith("/") and folder[1:] not in FOLDERS


def _is_instance(name: str, target: str) -> bool:
    return "@" in name and template_of(name) == os.path.basename(target)  # noqa: PTH119 - text


def _is_empty_file(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _texts_of(paths: Iterable[Path], root: Path) -> Iterator[str]:
    for path in paths:
        try:
            yield text_of(read_start(_resolved(path, root), _FILE_BYTES))
        except OSError:
            # Removed meanwhile, or a link into nowhere.
            continue


def _resolved(path: Path, root: Path) -> Path:
    """Follow one absolute link as it would lead below the root."""
    target = link_at(path)
    return root / target[1:] if target.startswith("/") and root != Path("/") else path


def _below(root: Path, path: Path) -> str:
    return f"/{path.relative_to(root)}"
