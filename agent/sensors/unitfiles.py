"""systemd's unit files: where they lie, what they say, and whether they are enabled.

Formats and places: systemd.unit(5). The files alone are read, so that this also works where
systemd does not run; specifiers such as `%i` stay as they are written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

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
USER_FOLDERS: Final = (
    "etc/systemd/user",
    "run/systemd/user",
    "usr/local/lib/systemd/user",
    "usr/local/share/systemd/user",
    "usr/lib/systemd/user",
    "usr/share/systemd/user",
)
"""Where units lie that every user's own systemd knows; those of the user come first."""

FOLDERS_OF_ONE_USER: Final = (
    ".config/systemd/user.control",
    ".config/systemd/user",
    ".local/share/systemd/user",
)
"""Where units of one user lie, below the user's home."""

_SETTINGS_OF_ONE_USER: Final = FOLDERS_OF_ONE_USER[:2]
_SETTINGS_FOLDERS: Final = (
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "etc/systemd/user",
)
_RUNTIME_FOLDERS: Final = ("run/systemd/system", "run/systemd/system.attached")
_GENERATED: Final = "run/systemd/generator"
_TRANSIENT: Final = "run/systemd/transient"
_DROP_INS: Final = ".d"
_WANTED_BY: Final = (".wants", ".requires", ".upholds")
_INSTALLING: Final = ("WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also")
_FILE_BYTES: Final = 256 * 1024
_PREFIXES: Final = "@-:+!|"

Settings = Mapping[str, Mapping[str, list[str]]]
"""Section → name → the values given for it, in order."""


class Link(NamedTuple):
    """A link that enables a unit: where it lies, who wants the unit (empty: an alias), its name."""

    folder: str
    by: str
    name: str


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

    def __init__(self, root: Path, folders: Sequence[str] = FOLDERS) -> None:
        self._root = root
        self._folders = [folder for folder in folders if (root / folder).is_dir()]
        if "usr/lib/systemd/system" in self._folders and (root / "lib").is_symlink():
            # Merged /usr: the same folder twice.
            self._folders = [folder for folder in self._folders if folder != "lib/systemd/system"]
        self._listed = {folder: names_in(root / folder) for folder in self._folders}
        self._drop_in_folders: dict[str, list[str]] = {}
        for folder, names in self._listed.items():
            for name in names:
                if name.endswith(_DROP_INS):
                    self._drop_in_folders.setdefault(name, []).append(folder)
        self._links: list[Link] | None = None

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
        drop_ins = list(self._drop_ins(_names_of_drop_ins(name)))
        of_instances = list(self._drop_ins(self._instances_of(name)))
        settings = parse_unit(_texts_of([path, *drop_ins], self._root))
        links = self._links_to(name, settings)
        return UnitFile(
            name=name,
            path=shown,
            state=_state(folder, links, settings, leads_out=_leads_out(target)),
            wanted_by=tuple(dict.fromkeys(link.by for link in links if link.by)),
            drop_ins=tuple(_below(self._root, drop_in) for drop_in in drop_ins + of_instances),
            settings=settings,
        )

    def _drop_ins(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield the drop-ins in folders of these names, in their order: by name of the file."""
        found: dict[str, Path] = {}
        for name in names:
            for folder in self._drop_in_folders.get(name, []):
                place = self._root / folder / name
                for file in names_in(place):
                    if file.endswith(".conf"):
                        found.setdefault(file, place / file)
        for file in sorted(found):
            yield found[file]

    def _instances_of(self, name: str) -> list[str]:
        """Return the folders of drop-ins for instances of a template: those change it there."""
        if template_of(name) != name or "@." not in name:
            return []
        folders = [folder.removesuffix(_DROP_INS) for folder in self._drop_in_folders]
        return [
            f"{unit}{_DROP_INS}" for unit in folders if unit != name and template_of(unit) == name
        ]

    def _links_to(self, name: str, settings: Settings) -> list[Link]:
        """Return the links to a unit; those to instances of a template count for it."""
        if self._links is None:
            self._links = list(self._read_links())
        found = [link for link in self._links if name in (link.name, template_of(link.name))]
        for alias in settings.get("Install", {}).get("Alias", []):
            found += [
                Link(folder, "", name)
                for other in alias.split()
                for folder in (*_SETTINGS_FOLDERS, *_RUNTIME_FOLDERS)
                if other in self._listed.get(folder, [])
                and os.path.basename(link_at(self._root / folder / other)) == name  # noqa: PTH119
            ]
        return found

    def _read_links(self) -> Iterator[Link]:
        for folder in self._folders:
            for entry in self._listed[folder]:
                by, dot, kind = entry.rpartition(".")
                if dot and f".{kind}" in _WANTED_BY:
                    for name in names_in(self._root / folder / entry):
                        yield Link(folder, by, name)


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


def _names_of_drop_ins(name: str) -> list[str]:
    """Return the folders with drop-ins for a unit: its own first, that of its whole kind last."""
    stem, _, kind = name.rpartition(".")
    names = [name, template_of(name)]
    prefix, at, _instance = stem.partition("@")
    while "-" in (prefix := prefix.rstrip("-")):
        prefix = prefix[: prefix.rindex("-") + 1]
        names += [f"{prefix}{at}.{kind}", f"{prefix}.{kind}"]
    return [f"{one}{_DROP_INS}" for one in dict.fromkeys([*names, kind])]


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


def _state(folder: str, links: Sequence[Link], settings: Settings, *, leads_out: bool) -> str:
    """Name the state as `systemctl list-unit-files` does (the man page's table, `is-enabled`)."""
    if folder.startswith(_GENERATED):
        return "generated"
    if folder == _TRANSIENT:
        return "transient"
    if any(_keeps_settings(link.folder) for link in links):
        return "enabled"
    if any(link.folder in _RUNTIME_FOLDERS for link in links):
        return "enabled-runtime"
    if leads_out:
        return "linked"
    # What a generator, or the distribution, enabled under another name.
    other_name = any("@" in link.name and template_of(link.name) != link.name for link in links)
    return _state_without_settings(settings.get("Install", {}), other_name=other_name)


def _keeps_settings(folder: str) -> bool:
    return folder in _SETTINGS_FOLDERS or folder.endswith(_SETTINGS_OF_ONE_USER)


def _state_without_settings(install: Mapping[str, list[str]], *, other_name: bool) -> str:
    given = [name for name in _INSTALLING if install.get(name)]
    if not given:
        return "static"
    return "indirect" if other_name or given == ["Also"] else "disabled"


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
