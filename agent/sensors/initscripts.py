"""Services as scripts in /etc/init.d, for computers without systemd.

Nobody keeps their state, so it is concluded: from the pid file that the script names (or the usual
one), else from a process that runs the script's program. Header: LSB 3.1, "Comment Conventions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.context import SensorContext
from agent.sensors.processlist import Processes
from agent.sensors.reading import names_in, read_start, text_at
from agent.sensors.values import text_of

_SCRIPT_BYTES: Final = 256 * 1024
_FOLDERS: Final = ("etc/init.d", "etc/rc.d/init.d")
_RUNLEVELS: Final = "S2345"
_NO_SERVICES: Final = frozenset({"README", "skeleton", "functions", "rc", "rcS", "rc.local"})
_HEADER: Final = re.compile(r"^#\s*(Short-Description|Description|Provides):\s*(.+)$", re.MULTILINE)
_ASSIGNMENT: Final = re.compile(
    r"^\s*(?:export\s+)?(DAEMON|PROG|exec|PIDFILE|pidfile|PIDDIR|NAME|USER)="
    r"[\"']?([^\"'\s;#]+)",
    re.MULTILINE,
)
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")
_LONGEST_PID: Final = 10


class InitScript(msgspec.Struct, frozen=True, kw_only=True):
    """One script, and what is known of its service. `pid` is 0 when that is stopped."""

    name: str
    title: str
    path: str
    program: str
    user: str
    start_mode: str
    pid: int
    command_line: str


def read_init_scripts(context: SensorContext) -> Iterator[InitScript]:
    """Yield every script of the computer; none where there is no such folder."""
    root = context.root
    folder = next((folder for folder in _FOLDERS if (root / folder).is_dir()), None)
    if folder is None:
        return
    running = _Running(context)
    links = _runlevel_links(root)
    for name in names_in(root / folder):
        path = root / folder / name
        if name in _NO_SERVICES or name.startswith("."):
            continue
        try:
            executable = path.stat().st_mode & 0o111
            text = text_of(read_start(path, _SCRIPT_BYTES))
        except OSError:
            continue
        if not executable:
            continue
        given = _assignments(text)
        program = given.get("DAEMON") or given.get("PROG") or given.get("exec") or ""
        pid, command_line = running.find(name, program, given)
        headers: dict[str, str] = dict(_HEADER.findall(text))
        yield InitScript(
            name=name,
            title=headers.get("Short-Description", headers.get("Provides", "")).strip(),
            path=f"/{folder}/{name}",
            program=program,
            user=running.user(pid) if pid else given.get("USER", ""),
            start_mode=_start_mode(links.get(name, "")),
            pid=pid,
            command_line=command_line,
        )


def read_script_titles(root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and title of every script, without looking at what runs."""
    folder = next((folder for folder in _FOLDERS if (root / folder).is_dir()), None)
    for name in names_in(root / folder) if folder else []:
        path = root / str(folder) / name
        if name not in _NO_SERVICES and not name.startswith(".") and path.is_file():
            headers: dict[str, str] = dict(_HEADER.findall(text_at(path, _SCRIPT_BYTES)))
            yield f"/{folder}/{name}", headers.get("Short-Description", name).strip()


class _Running:
    """Finds the process of a service."""

    def __init__(self, context: SensorContext) -> None:
        self._root = context.root
        self._processes = Processes(context)
        # Ascending ids: the first one with a program is usually the oldest.
        self._by_program = {one.path: one for one in reversed(list(self._processes))}

    def find(self, name: str, program: str, given: Mapping[str, str]) -> tuple[int, str]:
        """Return a service's process and its command line; 0 when there is none."""
        for file in self._pid_files(name, given):
            text = (text_at(self._root / file.lstrip("/"), 64).split() or [""])[0]
            if text.isascii() and text.isdecimal() and len(text) < _LONGEST_PID:
                process = self._processes.read(int(text))
                # A number that another program has by now is no service.
                if process is not None and (not program or process.path == self._real(program)):
                    return process.pid, process.command_line
        process = self._by_program.get(self._real(program)) if program else None
        return (process.pid, process.command_line) if process else (0, "")

    def user(self, pid: int) -> str:
        """Name who a process runs as."""
        process = self._processes.read(pid)
        return self._processes.user(process) if process else ""

    def _pid_files(self, name: str, given: Mapping[str, str]) -> Iterator[str]:
        for key in ("PIDFILE", "pidfile"):
            if key in given:
                yield given[key]
        yield f"/run/{name}.pid"
        yield f"/run/{name}/{name}.pid"

    def _real(self, program: str) -> str:
        if not program.startswith("/"):
            return program
        try:
            return f"/{(self._root / program[1:]).resolve().relative_to(self._root.resolve())}"
        except (OSError, ValueError):
            return program


def _assignments(text: str) -> dict[str, str]:
    """Read the few variables by which scripts name their program, with plain ones filled in."""
    given: dict[str, str] = {}
    for name, value in _ASSIGNMENT.findall(text):
        filled = _VARIABLE.sub(lambda found: given.get(found[1], found[0]), value)
        if "$" not in filled and "`" not in filled:
            given.setdefault(name, filled)
    return given


def _runlevel_links(root: Path) -> dict[str, str]:
    """Return for each script the letters of its links in the runlevels that start services."""
    links: dict[str, str] = {}
    for level in _RUNLEVELS:
        for folder in (f"etc/rc{level}.d", f"etc/rc.d/rc{level}.d"):
            for link in names_in(root / folder):
                if link[:1] in ("S", "K") and link[1:3].isdecimal():
                    links[link[3:]] = links.get(link[3:], "") + link[0]
    return links


def _start_mode(letters: str) -> str:
    if "S" in letters:
        return "Automatic"
    return "Disabled" if letters else "Manual"
