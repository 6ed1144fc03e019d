"""What users typed, from the history files of their shells and clients."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.homes import Home, homes_of_users
from agent.sensors.logins import most_rows
from agent.sensors.patterns import expression
from agent.sensors.userfiles import read_user_file
from agent.sensors.values import instant_text_of_seconds, text_of

_MOST_BYTES: Final = 4 * 1024 * 1024
_ZSH: Final = re.compile(r": (\d{1,12}):\d+;(.*)", re.DOTALL)
_BASH_TIME: Final = re.compile(r"#(\d{9,12})")
_FISH_COMMAND: Final = "- cmd: "
_FISH_TIME: Final = re.compile(r"\s+when: (\d{1,12})")
# What zsh stores of a byte that means something to itself: this mark, and the byte with a bit set.
_META: Final = 0x83
_META_BIT: Final = 0x20


class Typed(NamedTuple):
    """One command: its line in what was read, its instant in seconds (0: unknown), its text."""

    line: int
    at: int
    command: str


def shell_history(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the commands that fit."""
    fits = expression(parameters["pattern"])
    wanted = parameters["user"]
    users = [home for home in homes_of_users(context.root) if wanted in ("", home.user)]
    if wanted and not users:
        raise SensorFailed(f"There is no user {wanted!r} with a home on this endpoint.")
    kept: deque[Row] = deque(maxlen=most_rows(parameters))
    # Several accounts may share a home: its files are the first one's.
    seen = set()
    for home in users:
        if home.path in seen:
            continue
        seen.add(home.path)
        kept.extend(row for row in _typed_at(context.root, home) if fits(row[2]))
    yield from kept


def _typed_at(root: Path, home: Home) -> Iterator[Row]:
    for name, read in _FILES.items():
        path = f"{home.path.rstrip('/')}/{name}"
        file = read_user_file(
            root, path, user_id=home.user_id, base=home.path, most=_MOST_BYTES, end=True
        )
        if file is None:
            continue
        if file.remark:
            # Who links a history to /dev/null wants none.
            yield home.user, "", f"({file.remark})", path, ""
        for typed in read(file.content or b""):
            at = instant_text_of_seconds(typed.at)
            yield home.user, at, typed.command, path, str(typed.line)


def read_plain(raw: bytes) -> Iterator[Typed]:
    """Read one command a line, with instants before them where bash was told to keep those."""
    at = 0
    for number, line in enumerate(text_of(raw).split("\n"), 1):
        time = _BASH_TIME.fullmatch(line)
        if time is not None:
            at = int(time[1])
        elif line.strip():
            yield Typed(number, at, line)
            at = 0


def read_zsh(raw: bytes) -> Iterator[Typed]:
    """Read zsh's history: `: instant:seconds;command`, lines that go on end in a backslash."""
    whole, first = "", 0
    for number, line in enumerate(text_of(_without_marks(raw)).split("\n"), 1):
        first = first or number
        if line.endswith("\\"):
            whole += line[:-1] + "\n"
            continue
        whole += line
        found = _ZSH.fullmatch(whole)
        if whole.strip():
            yield Typed(first, int(found[1]) if found else 0, found[2] if found else whole)
        whole, first = "", 0


def read_fish(raw: bytes) -> Iterator[Typed]:
    """Read fish's history, which looks like YAML: `- cmd:` and, below it, `when:`."""
    command, first, at = "", 0, 0
    for number, line in enumerate(text_of(raw).split("\n"), 1):
        time = _FISH_TIME.fullmatch(line)
        if line.startswith(_FISH_COMMAND):
            if command:
                yield Typed(first, at, command)
            command, first, at = line[len(_FISH_COMMAND) :].replace("\\n", "\n"), number, 0
        elif time is not None:
            at = int(time[1])
    if command:
        yield Typed(first, at, command)


def _without_marks(raw: bytes) -> bytes:
    if _META not in raw:
        return raw
    plain, position = bytearray(), 0
    while position < len(raw):
        if raw[position] == _META and position + 1 < len(raw):
            position += 1
            plain.append(raw[position] ^ _META_BIT)
        else:
            plain.append(raw[position])
        position += 1
    return bytes(plain)


_FILES: Final[Mapping[str, Callable[[bytes], Iterator[Typed]]]] = {
    ".bash_history": read_plain,
    ".zsh_history": read_zsh,
    ".zhistory": read_zsh,
    ".histfile": read_zsh,
    ".local/share/fish/fish_history": read_fish,
    ".ash_history": read_plain,
    ".sh_history": read_plain,
    ".python_history": read_plain,
    ".mysql_history": read_plain,
    ".psql_history": read_plain,
    ".rediscli_history": read_plain,
    ".sqlite_history": read_plain,
}

SENSORS: Final[dict[str, SensorFunction]] = {"accounts.shell_history": shell_history}
