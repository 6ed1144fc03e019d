"""What starts when a user logs in, or opens a shell, from files in the user's own home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.sensors.accountfiles import LocalUser, local_users
from agent.sensors.autorunfiles import (
    EVENTS,
    LOGON_SCRIPTS,
    SHELL_START,
    Autorun,
    commands_in,
    content_of,
    desktop_entries,
    shortened,
    units_of,
)
from agent.sensors.unitfiles import OF_ONE_USER, USER_FOLDERS

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


def user_autoruns(root: Path) -> Iterator[Autorun]:
    """Yield what starts from the homes of local users, and for every one of them."""
    yield from units_of(root, USER_FOLDERS, "every user")
    yield from _git_hooks(root, "etc/gitconfig", "every user")
    seen = set()
    for user in local_users(root):
        home = user.home.strip("/")
        # Accounts of services share homes, and some have /.
        if home in seen or not home or not (root / home).is_dir():
            continue
        seen.add(home)
        yield from _of_home(root, home, user)


def _of_home(root: Path, home: str, user: LocalUser) -> Iterator[Autorun]:
    for name in _SHELL_FILES:
        path = root / home / name
        if not path.is_file() or path.is_symlink():
            continue
        yield Autorun(
            category="shell start-up",
            path=f"/{home}/{name}",
            runs=_telling_lines(root, path, name),
            technique=SHELL_START,
            user=user.name,
        )
    ssh = content_of(root / home / ".ssh/rc", follow=False)
    if ssh:
        yield Autorun(
            category="SSH login script",
            path=f"/{home}/.ssh/rc",
            runs=shortened("; ".join(commands_in(ssh))),
            technique=LOGON_SCRIPTS,
            user=user.name,
        )
    yield from desktop_entries(root, f"{home}/.config/autostart", user.name)
    yield from units_of(root, (f"{home}/{OF_ONE_USER}",), user.name)
    for name in (".gitconfig", ".config/git/config"):
        yield from _git_hooks(root, f"{home}/{name}", user.name)


def _telling_lines(root: Path, path: Path, name: str) -> str:
    text = content_of(path, follow=False)
    if text and text == content_of(root / "etc/skel" / name):
        return "as new accounts get it"
    commands = commands_in(text)
    telling = [line for line in commands if _TELLING.search(line)]
    if not telling:
        return f"{len(commands)} lines, none of them remarkable"
    return shortened("; ".join(telling[:_MOST_LINES]))


def _git_hooks(root: Path, name: str, user: str) -> Iterator[Autorun]:
    for setting, value in _HOOK_SETTING.findall(content_of(root / name, follow=False)):
        yield Autorun(
            category="git hook",
            path=f"/{name}",
            runs=f"{setting} = {value.strip()}",
            technique=EVENTS,
            user=user,
        )
