"""What the system's own files start: at boot, at events, and with its tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.initscripts import read_script_titles
from agent.sensors.reading import names_in, read_start
from agent.sensors.unitfiles import Settings, UnitFile, UnitFiles, parse_unit
from agent.sensors.values import text_of

RC_SCRIPTS, SYSTEMD, SHELL_START, DESKTOP = "T1037.004", "T1543.002", "T1546.004", "T1547.013"
LINKER, UDEV, PAM, KERNEL_MODULES = "T1574.006", "T1546.017", "T1556.003", "T1547.006"
LOGON_SCRIPTS, EVENTS, INSTALLERS = "T1037", "T1546", "T1546.016"

FILE_BYTES: Final = 256 * 1024
_SHOWN_CHARACTERS: Final = 2000
DROP_IN: Final = "systemd drop-in"

_EXECUTED: Final = (
    "ExecCondition",
    "ExecStartPre",
    "ExecStart",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
)
_PROFILES: Final = (
    "etc/profile",
    "etc/bash.bashrc",
    "etc/bashrc",
    "etc/bash.bash_logout",
    "etc/zshenv",
    "etc/zsh/zshenv",
    "etc/zsh/zshrc",
    "etc/zsh/zprofile",
    "etc/zsh/zlogin",
    "etc/zshrc",
    "etc/csh.cshrc",
    "etc/csh.login",
    "etc/fish/config.fish",
    "etc/ssh/sshrc",
)
_UDEV_FOLDERS: Final = (
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
)
_UDEV_RUN: Final = re.compile(r"\bRUN(?:\{program\})?\s*\+?:?=\s*\"([^\"]+)\"")
_PAM_FOLDERS: Final = (
    "usr/lib/x86_64-linux-gnu/security",
    "usr/lib/aarch64-linux-gnu/security",
    "usr/lib64/security",
    "usr/lib/security",
    "lib/security",
)
_HOOK: Final = re.compile(
    r"((?:DPkg|APT)(?:::[\w-]+)*::(?:Pre|Post)-(?:Invoke|Install-Pkgs)(?:-Success)?|"
    r"pre-invoke|post-invoke)\s*[{=]?\s*([^;\n}]+)",
    re.IGNORECASE,
)
_MODULE_FOLDERS: Final = ("etc/modules-load.d", "run/modules-load.d", "usr/lib/modules-load.d")


class Autorun(msgspec.Struct, frozen=True, kw_only=True):
    """Something that starts by itself. `path` is the file that says so, as the computer has it."""

    category: str
    path: str
    runs: str
    technique: str
    user: str = "root"


def system_autoruns(root: Path) -> Iterator[Autorun]:
    """Yield everything that the system's own files start."""
    yield from _units(UnitFiles(root), root, "systemd", "root")
    yield from _boot_scripts(root)
    yield from _profiles(root)
    yield from _desktop_entries(root, "etc/xdg/autostart")
    yield from _preloaded(root)
    yield from _udev(root)
    yield from _pam(root)
    yield from _kernel_modules(root)
    yield from _package_hooks(root)


def units_of(root: Path, folders: tuple[str, ...], user: str) -> Iterator[Autorun]:
    """Yield the enabled units of users' own systemd."""
    yield from _units(UnitFiles(root, folders), root, "systemd user", user)


def content_of(path: Path) -> str:
    """Return the beginning of a file; empty when it is none or cannot be read."""
    try:
        return text_of(read_start(path, FILE_BYTES))
    except OSError:
        return ""


def commands_in(text: str) -> list[str]:
    """Return the lines of a script that do something."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def shortened(text: str) -> str:
    """Cut what an analyst reads of one file."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def command_of_entry(text: str) -> str | None:
    """Return what a `.desktop` file starts at login; None when it does not."""
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    fields = dict(line.split("=", 1) for line in lines)
    if fields.get("Hidden", "").strip().lower() == "true" or "Exec" not in fields:
        return None
    return shortened(fields["Exec"].strip())


def _desktop_entries(root: Path, folder: str) -> Iterator[Autorun]:
    for name in names_in(root / folder):
        command = command_of_entry(content_of(root / folder / name))
        if name.endswith(".desktop") and command is not None:
            yield Autorun(
                category="desktop autostart",
                path=f"/{folder}/{name}",
                runs=command,
                technique=DESKTOP,
                user="every user",
            )


def _units(units: UnitFiles, root: Path, manager: str, user: str) -> Iterator[Autorun]:
    shared: dict[str, str] = {}
    for suffix in (".service", ".socket", ".path"):
        for unit in units.named(suffix):
            runs = _commands_of(unit)
            who = unit.value("Service", "User") or user
            if unit.starts_by_itself or unit.state in ("enabled", "generated", "transient"):
                yield Autorun(
                    category=f"{manager} {suffix[1:]}",
                    path=unit.path,
                    runs=runs,
                    technique=SYSTEMD,
                    user=who,
                )
            for drop_in in unit.drop_ins:
                of_unit = drop_in.split("/")[-2].removesuffix(".d")
                if of_unit != unit.name:
                    # Of all units of a kind, of a prefix, or of an instance: told once.
                    shared[drop_in] = of_unit
                    continue
                yield Autorun(
                    category=DROP_IN,
                    path=drop_in,
                    runs=f"{unit.name}: {runs}",
                    technique=SYSTEMD,
                    user=who,
                )
    for drop_in, of_unit in shared.items():
        settings = parse_unit([content_of(root / drop_in[1:])])
        changed = shortened("; ".join(_changes_in(settings))) or "nothing that runs"
        yield Autorun(
            category=DROP_IN,
            path=drop_in,
            runs=f"{of_unit}: {changed}",
            technique=SYSTEMD,
            user=user,
        )


def _changes_in(settings: Settings) -> Iterator[str]:
    """Yield what a drop-in alone changes of what runs."""
    for given in settings.values():
        for name, values in given.items():
            if name in _EXECUTED or name.startswith("Environment"):
                yield from (f"{name}={value}" for value in values)


def _commands_of(unit: UnitFile) -> str:
    if not unit.name.endswith(".service"):
        section = unit.name.rpartition(".")[2].capitalize()
        given = unit.settings.get(section, {})
        started = unit.value(section, "Service" if section == "Socket" else "Unit")
        watched = [value for name, values in given.items() for value in values if "/" in value]
        return shortened(f"{started or unit.name.rpartition('.')[0]} on {', '.join(watched)}")
    return shortened("; ".join(line for name in _EXECUTED for line in unit.values("Service", name)))


def _boot_scripts(root: Path) -> Iterator[Autorun]:
    for name in ("etc/rc.local", "etc/rc.d/rc.local"):
        for line in commands_in(content_of(root / name)):
            if line not in ("exit 0", "touch /var/lock/subsys/local"):
                yield Autorun(category="rc.local", path=f"/{name}", runs=line, technique=RC_SCRIPTS)
    for path, title in read_script_titles(root):
        yield Autorun(category="init script", path=path, runs=title, technique=RC_SCRIPTS)


def _profiles(root: Path) -> Iterator[Autorun]:
    names = [name for name in _PROFILES if (root / name).is_file()]
    for folder in ("etc/profile.d", "etc/bashrc.d", "etc/bash_completion.d", "etc/fish/conf.d"):
        names += [f"{folder}/{name}" for name in names_in(root / folder)]
    for name in names:
        commands = commands_in(content_of(root / name))
        yield Autorun(
            category="shell start-up",
            path=f"/{name}",
            runs=shortened("; ".join(commands)),
            technique=SHELL_START,
            user="every user",
        )


def _preloaded(root: Path) -> Iterator[Autorun]:
    for word in content_of(root / "etc/ld.so.preload").replace(":", " ").split():
        yield Autorun(
            category="ld.so.preload",
            path="/etc/ld.so.preload",
            runs=word,
            technique=LINKER,
            user="every user",
        )


def _udev(root: Path) -> Iterator[Autorun]:
    for folder in _UDEV_FOLDERS:
        for name in names_in(root / folder):
            for program in dict.fromkeys(_UDEV_RUN.findall(content_of(root / folder / name))):
                yield Autorun(
                    category="udev rule",
                    path=f"/{folder}/{name}",
                    runs=program,
                    technique=UDEV,
                )


def _pam(root: Path) -> Iterator[Autorun]:
    for name in names_in(root / "etc/pam.d"):
        for line in commands_in(content_of(root / "etc/pam.d" / name)):
            if "pam_exec" in line or "pam_script" in line:
                yield Autorun(
                    category="PAM command", path=f"/etc/pam.d/{name}", runs=line, technique=PAM
                )
    for folder in _PAM_FOLDERS:
        for name in names_in(root / folder):
            if name.endswith(".so"):
                path = f"/{folder}/{name}"
                yield Autorun(category=PAM_MODULE, path=path, runs=path, technique=PAM)


PAM_MODULE: Final = "PAM module"
"""Whoever lists these leaves out those that a package brought."""


def _kernel_modules(root: Path) -> Iterator[Autorun]:
    names = ["etc/modules"]
    for folder in _MODULE_FOLDERS:
        names += [f"{folder}/{name}" for name in names_in(root / folder) if name.endswith(".conf")]
    seen = set()
    for name in names:
        place = (root / name).resolve()
        # Debian links one of these to /etc/modules.
        if place in seen:
            continue
        seen.add(place)
        for line in commands_in(content_of(root / name)):
            yield Autorun(
                category="kernel module", path=f"/{name}", runs=line, technique=KERNEL_MODULES
            )


def _package_hooks(root: Path) -> Iterator[Autorun]:
    names = ["etc/apt/apt.conf", "etc/dpkg/dpkg.cfg"]
    for folder in ("etc/apt/apt.conf.d", "etc/dpkg/dpkg.cfg.d"):
        names += [f"{folder}/{name}" for name in names_in(root / folder)]
    for name in names:
        text = "\n".join(commands_in(content_of(root / name)))
        for hook, command in _HOOK.findall(text):
            yield Autorun(
                category="package manager hook",
                path=f"/{name}",
                runs=shortened(f"{hook}: {command.strip()}"),
                technique=INSTALLERS,
            )
