"""The records of logins that login programs keep: utmp, wtmp, btmp, lastlog; utmp(5).

All are files of fixed records in the machine's byte order. On Linux with 64 bits, times have 32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.sensors.reading import names_in, text_at
from agent.sensors.tails import read_end
from agent.sensors.values import text_of

RUN_LEVEL, BOOT_TIME = 1, 2
LOGIN_PROCESS, USER_PROCESS, DEAD_PROCESS = 6, 7, 8
MOST_BYTES: Final = 8 * 1024 * 1024

_RECORD: Final = struct.Struct("=hxxi32s4x32s256s8xIi36x")
_LAST: Final = struct.Struct("=I32s256s")
_MICROSECONDS: Final = 1_000_000


class LoginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `at` is in µs since the epoch."""

    kind: int
    pid: int
    line: str
    user: str
    host: str
    at: int


class Login(msgspec.Struct, kw_only=True):
    """One login with its end. `ended_at` is in µs, 0 while it is open."""

    record: LoginRecord
    ended_at: int = 0
    end: str = ""


def read_records(path: Path) -> list[LoginRecord]:
    """Read the newest records of a file, the oldest first; none where there is no such file.

    Raises `OSError` for one that cannot be read.
    """
    try:
        raw = read_end(path, MOST_BYTES, multiple_of=_RECORD.size)
    except FileNotFoundError:
        return []
    whole = len(raw) - len(raw) % _RECORD.size
    return [_record(fields) for fields in _RECORD.iter_unpack(raw[:whole])]


def read_last_login(path: Path, user_id: int) -> LoginRecord | None:
    """Read an account's record in lastlog; None when there is none."""
    try:
        with path.open("rb") as file:
            # The file has holes: it may seem to have gigabytes.
            file.seek(user_id * _LAST.size)
            raw = file.read(_LAST.size)
    except OSError:
        return None
    if len(raw) < _LAST.size:
        return None
    at, line, host = _LAST.unpack(raw)
    if not at:
        return None
    return LoginRecord(
        kind=USER_PROCESS,
        pid=0,
        line=_text(line),
        user="",
        host=_text(host),
        at=at * _MICROSECONDS,
    )


def logins_of(records: Sequence[LoginRecord]) -> Iterator[Login]:
    """Yield the logins of wtmp, newest first, each with its end as `last` finds it."""
    ended: dict[str, tuple[int, str]] = {}
    stopped: tuple[int, str] = (0, "")
    for record in reversed(records):
        if record.kind == BOOT_TIME:
            # Nothing from before is still open, whatever the records say.
            stopped, ended = (record.at, "crash"), {}
        elif record.kind == RUN_LEVEL and record.user == "shutdown":
            stopped, ended = (record.at, "shutdown"), {}
        elif record.kind == DEAD_PROCESS:
            ended[record.line] = (record.at, "logout")
        elif record.kind == USER_PROCESS and record.user:
            ended_at, end = ended.get(record.line, stopped)
            yield Login(record=record, ended_at=ended_at, end=end)
            # A terminal has one login at a time.
            ended[record.line] = (record.at, "logout")


def read_sessions(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the sessions that systemd's login service keeps in /run/systemd/sessions."""
    for name in names_in(folder):
        if name.endswith(".ref"):
            continue
        facts = {}
        for line in text_at(folder / name).splitlines():
            key, _, value = line.partition("=")
            facts[key] = value
        if "UID" in facts:
            yield facts


def _record(fields: tuple[Any, ...]) -> LoginRecord:
    kind, pid, line, user, host, seconds, microseconds = fields
    return LoginRecord(
        kind=kind,
        pid=pid,
        line=_text(line),
        user=_text(user),
        host=_text(host),
        at=seconds * _MICROSECONDS + microseconds,
    )


def _text(raw: bytes) -> str:
    return text_of(raw.partition(b"\0")[0])
