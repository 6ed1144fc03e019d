"""The records of logins of newer systems, which outlive the year 2038: wtmpdb(8), lastlog2(8).

Both are SQLite databases of one table. wtmpdb counts microseconds, lastlog2 seconds.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from agent.sensors.exceptions import SensorFailed
from agent.sensors.loginrecords import USER_PROCESS, Login, LoginRecord
from agent.sensors.values import text_of

# wtmpdb.h has kinds of its own, in which a boot has the end of the run as its logout.
_BOOT, _USER = 1, 3
_MOST_ROWS: Final = 100_000
_PATIENCE_SECONDS: Final = 5.0
_MICROSECONDS: Final = 1_000_000
_WTMP: Final = "SELECT Type, User, Login, Logout, TTY, RemoteHost FROM wtmp ORDER BY Login DESC"
_LAST: Final = "SELECT Name, Time, TTY, RemoteHost FROM Lastlog2 ORDER BY Time DESC"


def read_wtmpdb(path: Path) -> list[Login]:
    """Return the logins of wtmpdb, newest first, each with its end; none without such a file.

    Raises `SensorFailed` for one that cannot be read.
    """
    boots: list[tuple[int, int]] = []
    logins = []
    for kind, user, login, logout, line, host in _rows(path, _WTMP):
        if kind == _BOOT:
            boots.append((_number(login), _number(logout)))
        elif kind == _USER:
            record = _record(user, line, host, at=_number(login))
            logins.append(Login(record=record, ended_at=_number(logout)))
    boots.sort()
    for each in logins:
        if each.ended_at:
            each.end = "logout"
        else:
            each.ended_at, each.end = _end_of_run(boots, each.record.at)
    return logins


def read_lastlog2(path: Path) -> dict[str, LoginRecord]:
    """Return the last login of each account by its name; none without such a file.

    Raises `SensorFailed` for one that cannot be read.
    """
    found: dict[str, LoginRecord] = {}
    for name, at, line, host in _rows(path, _LAST):
        record = _record(name, line, host, at=_number(at) * _MICROSECONDS)
        if record.at:
            found.setdefault(record.user, record)
    return found


def _end_of_run(boots: list[tuple[int, int]], at: int) -> tuple[int, str]:
    """Return when and how the run of the system ended in which something began."""
    place = bisect_right(boots, at, key=lambda boot: boot[0])
    stopped = boots[place - 1][1] if place else 0
    if stopped:
        return stopped, "shutdown"
    return (boots[place][0], "crash") if place < len(boots) else (0, "")


def _rows(path: Path, query: str) -> Iterator[tuple[Any, ...]]:
    if not path.exists():
        return
    uri = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS)) as database:
            # Names of users are what somebody typed: in no promised encoding.
            database.text_factory = text_of
            yield from database.execute(f"{query} LIMIT {_MOST_ROWS}")
    except sqlite3.Error as error:
        raise SensorFailed(f"{path} cannot be read: {error}.") from error


def _record(user: object, line: object, host: object, *, at: int) -> LoginRecord:
    return LoginRecord(
        kind=USER_PROCESS, pid=0, line=_text(line), user=_text(user), host=_text(host), at=at
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    """Read an instant; 0 for one that is not set."""
    return value if isinstance(value, int) and value > 0 else 0
