"""What users typed, from the history files of their shells and clients."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from agent.sensors.accountfiles import local_users
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.logins import most_rows
from agent.sensors.patterns import expression
from agent.sensors.tails import read_end
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
    users = [user for user in local_users(context.root) if wanted in ("", user.name)]
    if wanted and not users:
        raise SensorFailed(f"There is no local user {wanted!r}.")
    kept: deque[Row] = deque(maxlen=most_rows(parameters))
    # Several accounts may share a home: its files are the first one's.
    seen = set()
    for user in users:
        for name, read in _FILES.items():
            path = f"{user.home.rstrip('/')}/{name}"
            if path in seen or not path.startswith("/"):
                continue
            seen.add(path)
            try:
                raw = read_end(context.root / path[1:], _MOST_BYTES, follow=False)
            except OSError:
                continue
            kept.extend(
                (user.name, instant_text_of_seconds(typed.at), typed.command, path, str(typed.line))
                for typed in read(raw)
                if fits(typed.command)
            )
    yield from kept


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
