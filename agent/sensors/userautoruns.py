"""What starts when a user logs in, or opens a shell, from files in the user's own home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.sensors.autorunfiles import (
    DESKTOP,
    EVENTS,
    LOGON_SCRIPTS,
    SHELL_START,
    Autorun,
    command_of_entry,
    commands_in,
    content_of,
    shortened,
    units_of,
)
from agent.sensors.homes import Home, homes
from agent.sensors.hookfolders import is_python_start, python_start
from agent.sensors.reading import names_in
from agent.sensors.unitfiles import FOLDERS_OF_ONE_USER, USER_FOLDERS
from agent.sensors.userfiles import UserFile, read_user_file

_SHELL_FILES: Final = (
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".bash_aliases",
    ".bash_logout",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".xsessionrc",
    ".config/fish/config.fish",
)
# What fetches, hides, or lets something go on: the lines to look at first.
_TELLING: Final = re.compile(
    r"\b(curl|wget|nc|ncat|socat|telnet|ssh|base64|xxd|openssl|python3?|perl|ruby|php|nohup|setsid|"
    r"disown|crontab|LD_PRELOAD|PROMPT_COMMAND|eval|trap)\b|/dev/(tcp|udp|shm)/|/tmp/|&\s*$"
)
_HOOK_SETTING: Final = re.compile(
    r"^\s*(hooksPath|fsmonitor|sshCommand|templateDir)\s*=\s*(.+)$", re.IGNORECASE | re.MULTILINE
)
_MOST_LINES: Final = 10
_SSH_SCRIPT: Final = ".ssh/rc"
_AUTOSTART: Final = ".config/autostart"
_PYTHONS: Final = ".local/lib"


def user_autoruns(root: Path) -> Iterator[Autorun]:
    """Yield what starts from the homes of users, and for every one of them."""
    yield from units_of(root, USER_FOLDERS, "every user")
    yield from _git_hooks("/etc/gitconfig", content_of(root / "etc/gitconfig"), "every user")
    for home in homes(root):
        yield from _of_home(root, home)


def _of_home(root: Path, home: Home) -> Iterator[Autorun]:
    for name in _SHELL_FILES:
        file = _read(root, home, name)
        if file is not None:
            runs = _telling_lines(root, file.text, name) if file.content is not None else ""
            yield _autorun(home, name, file, "shell start-up", runs, SHELL_START)
    ssh = _read(root, home, _SSH_SCRIPT)
    if ssh is not None and (ssh.text or ssh.remark):
        runs = "; ".join(commands_in(ssh.text))
        yield _autorun(home, _SSH_SCRIPT, ssh, "SSH login script", runs, LOGON_SCRIPTS)
    for name in names_in(root / home.below / _AUTOSTART):
        if name.endswith(".desktop"):
            yield from _desktop_entry(root, home, f"{_AUTOSTART}/{name}")
    folders = tuple(f"{home.below}/{folder}" for folder in FOLDERS_OF_ONE_USER)
    yield from units_of(root, folders, home.user)
    yield from _python_start(root, home)
    for name in (".gitconfig", ".config/git/config"):
        file = _read(root, home, name)
        if file is not None:
            yield from _git_hooks(f"{home.path}/{name}", file.text, home.user)


def _read(root: Path, home: Home, name: str) -> UserFile | None:
    path = f"{home.path}/{name}"
    return read_user_file(root, path, user_id=home.user_id, base=home.path)


def _autorun(
    home: Home, name: str, file: UserFile, category: str, runs: str, technique: str
) -> Autorun:
    """Describe what a file runs, and first where a link leads: programs do follow it."""
    return Autorun(
        category=category,
        path=f"{home.path}/{name}",
        runs=shortened(": ".join(text for text in (file.remark, runs) if text)),
        technique=technique,
        user=home.user,
    )


def _desktop_entry(root: Path, home: Home, name: str) -> Iterator[Autorun]:
    file = _read(root, home, name)
    if file is not None:
        command = command_of_entry(file.text)
        if command is not None or file.remark:
            yield _autorun(home, name, file, "desktop autostart", command or "", DESKTOP)


def _python_start(root: Path, home: Home) -> Iterator[Autorun]:
    for version in names_in(root / home.below / _PYTHONS):
        folder = f"{_PYTHONS}/{version}/site-packages"
        for name in names_in(root / home.below / folder):
            file = _read(root, home, f"{folder}/{name}") if is_python_start(name) else None
            if file is not None:
                path = f"{home.path}/{folder}/{name}"
                yield from python_start(path, file.text, home.user)


def _telling_lines(root: Path, text: str, name: str) -> str:
    if text and text == content_of(root / "etc/skel" / name):
        return "as new accounts get it"
    commands = commands_in(text)
    telling = [line for line in commands if _TELLING.search(line)]
    if not telling:
        return f"{len(commands)} lines, none of them remarkable"
    return shortened("; ".join(telling[:_MOST_LINES]))


def _git_hooks(path: str, text: str, user: str) -> Iterator[Autorun]:
    for setting, value in _HOOK_SETTING.findall(text):
        yield Autorun(
            category="git hook",
            path=path,
            runs=f"{setting} = {value.strip()}",
            technique=EVENTS,
            user=user,
        )
