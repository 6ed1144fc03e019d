"""Jobs of cron, anacron and at, from their files: crontab(5), anacrontab(5), at(1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.filefacts import Owners
from agent.sensors.reading import names_in, read_start
from agent.sensors.values import instant_text_of_seconds, text_of

CRON, AT = "T1053.003", "T1053.002"

_FILE_BYTES: Final = 1024 * 1024
_SYSTEM_TABLES: Final = ("etc/crontab",)
_TABLE_FOLDERS: Final = ("etc/cron.d",)
# Debian, Red Hat, SUSE, Alpine; file names are users.
_USER_FOLDERS: Final = (
    "var/spool/cron/crontabs",
    "var/spool/cron/tabs",
    "var/spool/cron",
    "etc/crontabs",
    "var/cron/tabs",
)
_PERIODS: Final = ("hourly", "daily", "weekly", "monthly", "yearly")
_AT_FOLDERS: Final = ("var/spool/cron/atjobs", "var/spool/at", "var/spool/atjobs")
# queue letter, job number, minutes since the epoch; `=` in front while it runs.
_AT_NAME: Final = re.compile(r"([a-zA-Z=])([0-9a-f]{5})([0-9a-f]{8})")
_AT_COMMANDS: Final = re.compile(r"^cd [^\n]* \|\| \{\n.*?^\}\n(.*)", re.DOTALL | re.MULTILINE)
_SETTING: Final = re.compile(r"[A-Za-z_]\w*\s*=")
_FIELDS: Final = 5
_ANACRON_FIELDS: Final = 3
_SHOWN_CHARACTERS: Final = 2000


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job, whoever starts it."""

    kind: str
    schedule: str
    command: str
    user: str
    path: str
    technique: str
    state: str = "enabled"


def cron_jobs(root: Path) -> Iterator[ScheduledJob]:
    """Yield the jobs of cron and anacron."""
    for table in _SYSTEM_TABLES:
        yield from _table(root, table, user=None)
    for folder in _TABLE_FOLDERS:
        for name in names_in(root / folder):
            yield from _table(root, f"{folder}/{name}", user=None)
    for folder in _USER_FOLDERS:
        for name in names_in(root / folder):
            if (root / folder / name).is_file():
                yield from _table(root, f"{folder}/{name}", user=name)
    for period in _PERIODS:
        yield from _scripts(root, period)
    yield from _anacron(root)


def at_jobs(root: Path) -> Iterator[ScheduledJob]:
    """Yield the jobs that wait for their one instant."""
    owners = Owners(root)
    for folder in _AT_FOLDERS:
        for name in names_in(root / folder):
            found = _AT_NAME.fullmatch(name)
            path = root / folder / name
            if found is None:
                continue
            try:
                text = text_of(read_start(path, _FILE_BYTES))
                user = owners.user(path.stat().st_uid)
            except OSError:
                continue
            commands = _AT_COMMANDS.search(text)
            yield ScheduledJob(
                kind="at",
                schedule=instant_text_of_seconds(int(found[3], 16) * 60),
                command=(commands[1] if commands else text).strip()[:_SHOWN_CHARACTERS],
                user=user,
                path=f"/{folder}/{name}",
                technique=AT,
                state="running" if found[1] == "=" else "enabled",
            )


def read_table(text: str, *, user: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield schedule, user and command of each job of a crontab.

    Without `user` the table names one in each line, as those of the system do.
    """
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#") or _SETTING.match(line):
            continue
        count = 1 if line.startswith("@") else _FIELDS
        words = line.split(None, count + (user is None))
        # Of a table of the system, even the user must be there.
        if len(words) <= count + (user is None):
            continue
        schedule = " ".join(words[:count])
        yield schedule, words[count] if user is None else user, words[-1]


def _table(root: Path, name: str, *, user: str | None) -> Iterator[ScheduledJob]:
    try:
        text = text_of(read_start(root / name, _FILE_BYTES))
    except OSError:
        return
    for schedule, who, command in read_table(text, user=user):
        yield ScheduledJob(
            kind="cron",
            schedule=schedule,
            command=command,
            user=who,
            path=f"/{name}",
            technique=CRON,
        )


def _scripts(root: Path, period: str) -> Iterator[ScheduledJob]:
    folder = f"etc/cron.{period}"
    for name in names_in(root / folder):
        try:
            mode = (root / folder / name).stat().st_mode
        except OSError:
            # A link into nowhere.
            mode = 0
        if name.startswith(".") or (root / folder / name).is_dir():
            continue
        yield ScheduledJob(
            kind=f"cron.{period}",
            schedule=period,
            command=f"/{folder}/{name}",
            user="root",
            path=f"/{folder}/{name}",
            technique=CRON,
            # run-parts(8) passes over what is not executable.
            state="enabled" if mode & 0o111 else "not executable",
        )


def _anacron(root: Path) -> Iterator[ScheduledJob]:
    try:
        text = text_of(read_start(root / "etc/anacrontab", _FILE_BYTES))
    except OSError:
        return
    for raw in text.splitlines():
        line = raw.strip()
        words = line.split(None, _ANACRON_FIELDS)
        if line.startswith("#") or _SETTING.match(line) or len(words) <= _ANACRON_FIELDS:
            continue
        yield ScheduledJob(
            kind="anacron",
            schedule=f"every {words[0]} days" if words[0].isdecimal() else words[0],
            command=words[3],
            user="root",
            path="/etc/anacrontab",
            technique=CRON,
        )
