"""Who is logged in, who was, and who could not."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.sensors.accountfiles import local_users
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.logindatabases import read_lastlog2, read_wtmpdb
from agent.sensors.loginrecords import (
    LOGIN_PROCESS,
    USER_PROCESS,
    LoginRecord,
    logins_of,
    read_last_login,
    read_records,
    read_sessions,
)
from agent.sensors.values import instant_text

_OPEN: Final = ("run/utmp", "var/run/utmp")
_SESSIONS: Final = "run/systemd/sessions"
_HISTORY: Final = "var/log/wtmp"
_FAILED: Final = "var/log/btmp"
_HISTORY_DATABASE: Final = "var/lib/wtmpdb/wtmp.db"
_LAST: Final = "var/log/lastlog"
_LAST_DATABASE: Final = "var/lib/lastlog/lastlog2.db"
_MOST_ROWS: Final = 10_000
_PEOPLE: Final = "user"


def logged_in(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the sessions that are open."""
    root = context.root
    place = next((root / name for name in _OPEN if (root / name).exists()), None)
    sessions = root / _SESSIONS
    if place is None and not sessions.is_dir():
        raise SensorUnavailable("Neither utmp nor systemd's login service keeps sessions here.")
    seen = set()
    for record in read_records(place) if place else []:
        # A session that was not closed properly has no process any more.
        if record.kind == USER_PROCESS and (root / "proc" / str(record.pid)).exists():
            seen.add(record.pid)
            yield (
                record.user,
                record.line,
                record.host,
                instant_text(record.at),
                str(record.pid),
                "",
            )
    for session in read_sessions(sessions):
        leader = session.get("LEADER", "")
        is_known = leader.isdecimal() and int(leader) in seen
        # Greeters and background managers are nobody's session.
        if not is_known and session.get("CLASS", _PEOPLE) == _PEOPLE:
            realtime = session.get("REALTIME", "")
            yield (
                session.get("USER", session["UID"]),
                session.get("TTY", ""),
                session.get("REMOTE_HOST", ""),
                instant_text(int(realtime) if realtime.isdecimal() else 0),
                leader,
                session.get("SERVICE", ""),
            )


def last_logins(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the last login of each account."""
    root = context.root
    _require(root, (_HISTORY, _HISTORY_DATABASE, _LAST, _LAST_DATABASE))
    newest: dict[str, LoginRecord] = {}
    for record in _records(context, _HISTORY):
        if record.kind == USER_PROCESS:
            newest[record.user] = record
    newest_in_database: dict[str, LoginRecord] = {}
    for login in read_wtmpdb(root / _HISTORY_DATABASE):
        newest_in_database.setdefault(login.record.user, login.record)
    last_in_database = read_lastlog2(root / _LAST_DATABASE)
    for user in local_users(context.root):
        known = (
            newest.get(user.name),
            newest_in_database.get(user.name),
            read_last_login(root / _LAST, user.id),
            last_in_database.get(user.name),
        )
        records = [record for record in known if record is not None]
        last = max(records, key=lambda record: record.at, default=None)
        yield (
            user.name,
            str(user.id),
            instant_text(last.at) if last else "",
            last.line if last else "",
            last.host if last else "",
        )


def login_history(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the logins that wtmp, or its database, has kept."""
    root = context.root
    _require(root, (_HISTORY, _HISTORY_DATABASE))
    logins = heapq.merge(
        logins_of(_records(context, _HISTORY)),
        read_wtmpdb(root / _HISTORY_DATABASE),
        key=lambda login: -login.record.at,
    )
    for login in itertools.islice(logins, most_rows(parameters)):
        record = login.record
        yield (
            record.user,
            record.line,
            record.host,
            instant_text(record.at),
            instant_text(login.ended_at),
            login.end,
        )


def failed_logins(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the logins that failed, one row for each user name and origin."""
    if not (context.root / _FAILED).exists():
        raise SensorUnavailable("This computer keeps no btmp.")
    failed: dict[tuple[str, str], list[LoginRecord]] = {}
    for record in _records(context, _FAILED):
        if record.kind in (LOGIN_PROCESS, USER_PROCESS):
            failed.setdefault((record.user, record.host), []).append(record)
    for (user, host), records in sorted(failed.items(), key=lambda item: -item[1][-1].at):
        yield (
            user,
            host,
            str(len(records)),
            instant_text(min(record.at for record in records)),
            instant_text(max(record.at for record in records)),
            records[-1].line,
        )


def most_rows(parameters: Mapping[str, str]) -> int:
    """Read the parameter of that name. Raises `SensorFailed`."""
    most = int(parameters["max_rows"])
    if not 1 <= most <= _MOST_ROWS:
        raise SensorFailed(f"The most rows are a number from 1 to {_MOST_ROWS}.")
    return most


def _require(root: Path, places: Sequence[str]) -> None:
    """Refuse to say "never" where nobody would have written anything down."""
    if not any((root / place).exists() for place in places):
        raise SensorUnavailable(f"This computer keeps none of {', '.join(places)}.")


def _records(context: SensorContext, name: str) -> list[LoginRecord]:
    path: Path = context.root / name
    try:
        return read_records(path)
    except OSError as error:
        raise SensorFailed(f"/{name} cannot be read: {error.strerror}.") from error


SENSORS: Final[dict[str, SensorFunction]] = {
    "accounts.logged_in": logged_in,
    "accounts.last_logins": last_logins,
    "accounts.login_history": login_history,
    "accounts.failed_logins": failed_logins,
}
