"""Folders whose every script something of the system runs: networks, sleep, sessions, Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.sensors.autorunfiles import (
    EVENTS,
    INSTALLERS,
    LOGON_SCRIPTS,
    SYSTEMD,
    Autorun,
    commands_in,
    content_of,
    shortened,
)
from agent.sensors.reading import names_in

PYTHON: Final = "T1546.018"
"""ATT&CK's name for start-up hooks of Python."""

_NETWORK_HOOKS: Final = (
    *(f"etc/network/if-{when}.d" for when in ("pre-up", "up", "down", "post-down")),
    *(
        f"{place}/NetworkManager/dispatcher.d{when}"
        for place in ("etc", "usr/lib")
        for when in ("", "/pre-up.d", "/pre-down.d", "/no-wait.d")
    ),
    *(
        f"{place}/networkd-dispatcher/{state}.d"
        for place in ("etc", "usr/lib")
        for state in ("carrier", "configured", "configuring", "degraded", "dormant", "no-carrier")
    ),
    *(
        f"{place}/networkd-dispatcher/{state}.d"
        for place in ("etc", "usr/lib")
        for state in ("off", "routable")
    ),
    "etc/dhcp/dhclient-enter-hooks.d",
    "etc/dhcp/dhclient-exit-hooks.d",
    *(f"etc/ppp/{when}.d" for when in ("ip-up", "ip-down", "ipv6-up", "ipv6-down")),
)
_MANAGER_FOLDERS: Final = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_SCRIPT_FOLDERS: Final = (
    ("motd script", ("etc/update-motd.d",), LOGON_SCRIPTS),
    (
        "desktop session script",
        ("etc/X11/Xsession.d", "etc/X11/Xreset.d", "etc/X11/xinit/xinitrc.d"),
        LOGON_SCRIPTS,
    ),
    ("network hook", _NETWORK_HOOKS, EVENTS),
    ("sleep hook", tuple(f"{place}/system-sleep" for place in _MANAGER_FOLDERS), EVENTS),
    ("shutdown hook", tuple(f"{place}/system-shutdown" for place in _MANAGER_FOLDERS), EVENTS),
    (
        "systemd generator",
        tuple(
            f"{place}/{kind}-generators"
            for place in _MANAGER_FOLDERS
            for kind in ("system", "user", "system-environment", "user-environment")
        ),
        SYSTEMD,
    ),
    ("dnf plugin", ("etc/dnf/plugins",), INSTALLERS),
    (
        "kernel hook",
        tuple(f"etc/kernel/{when}.d" for when in ("preinst", "postinst", "prerm", "postrm")),
        INSTALLERS,
    ),
    ("kernel hook", ("etc/kernel/install.d",), INSTALLERS),
    ("git hook", ("usr/share/git-core/templates/hooks",), EVENTS),
)
_PYTHON_FOLDERS: Final = (
    "usr/lib/python3/dist-packages",
    "usr/local/lib/python3*/dist-packages",
    "usr/local/lib/python3*/site-packages",
    "usr/lib/python3*/site-packages",
    "usr/lib/python3.*",
)
_START_UP: Final = ("sitecustomize.py", "usercustomize.py")


def hook_autoruns(root: Path) -> Iterator[Autorun]:
    """Yield the scripts in such folders, and what every Python runs first."""
    for category, folders, technique in _SCRIPT_FOLDERS:
        for folder in folders:
            yield from _scripts_in(root, folder, category, technique)
    for pattern in _PYTHON_FOLDERS:
        for place in sorted(root.glob(pattern)):
            for name in names_in(place):
                path = f"/{(place / name).relative_to(root)}"
                if is_python_start(name):
                    text = content_of(place / name)
                    yield from python_start(path, text, "every user")


def is_python_start(name: str) -> bool:
    """Tell whether Python runs a file of this name in such a folder before anything else."""
    return name in _START_UP or name.endswith(".pth")


def python_start(path: str, text: str, user: str) -> Iterator[Autorun]:
    """Yield what one such file runs; nothing of a .pth file that only names folders."""
    commands = commands_in(text)
    if path.endswith(".pth"):
        # site(7): lines that begin so are run.
        lines = [line for line in commands if line.startswith(("import ", "import\t"))]
    else:
        lines = [f"{len(commands)} lines"]
    for line in lines:
        yield Autorun(
            category="Python start-up",
            path=path,
            runs=shortened(line),
            technique=PYTHON,
            user=user,
        )


def _scripts_in(root: Path, folder: str, category: str, technique: str) -> Iterator[Autorun]:
    for name in names_in(root / folder):
        if name == "README" or name.endswith((".sample", ".conf")):
            continue
        if (root / folder / name).is_file():
            path = f"/{folder}/{name}"
            yield Autorun(category=category, path=path, runs=path, technique=technique)
