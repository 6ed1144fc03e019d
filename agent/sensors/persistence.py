"""What is started again and again, with who brought it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.sensors.autorunfiles import PAM_MODULE, system_autoruns
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.crontabs import ScheduledJob, at_jobs, cron_jobs
from agent.sensors.homes import homes
from agent.sensors.hookfolders import hook_autoruns
from agent.sensors.packages import owners_of
from agent.sensors.unitfiles import (
    FOLDERS,
    FOLDERS_OF_ONE_USER,
    USER_FOLDERS,
    UnitFile,
    UnitFiles,
)
from agent.sensors.userautoruns import user_autoruns
from agent.sensors.values import instant_text_of_seconds

_TIMERS: Final = "T1053.006"
_WHEN: Final = (
    "OnCalendar",
    "OnBootSec",
    "OnStartupSec",
    "OnActiveSec",
    "OnUnitActiveSec",
    "OnUnitInactiveSec",
)


def scheduled_jobs(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what a clock starts."""
    root = context.root
    jobs = [*cron_jobs(root), *at_jobs(root), *_timers(root)]
    owners = owners_of(root, {job.path for job in jobs})
    for job in jobs:
        yield (
            job.kind,
            job.schedule,
            job.command,
            job.user,
            job.state,
            job.path,
            _modified(root, job.path),
            owners.get(job.path, ""),
            job.technique,
        )


def autoruns(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what starts by itself, but not by a clock."""
    root = context.root
    found = [*system_autoruns(root), *hook_autoruns(root), *user_autoruns(root)]
    owners = owners_of(root, {autorun.path for autorun in found})
    for autorun in found:
        package = owners.get(autorun.path, "")
        # Dozens of modules come with packages: only the others are news.
        if autorun.category == PAM_MODULE and package:
            continue
        yield (
            autorun.category,
            autorun.path,
            autorun.runs,
            autorun.user,
            _modified(root, autorun.path),
            package,
            autorun.technique,
        )


def _timers(root: Path) -> Iterator[ScheduledJob]:
    yield from _timers_of(UnitFiles(root, FOLDERS), "systemd timer", "root")
    yield from _timers_of(UnitFiles(root, USER_FOLDERS), "systemd user timer", "every user")
    for home in homes(root):
        folders = [f"{home.below}/{folder}" for folder in FOLDERS_OF_ONE_USER]
        yield from _timers_of(UnitFiles(root, folders), "systemd user timer", home.user)


def _timers_of(units: UnitFiles, kind: str, user: str) -> Iterator[ScheduledJob]:
    for timer in units.named(".timer"):
        started = timer.value("Timer", "Unit") or f"{timer.name.removesuffix('.timer')}.service"
        service = units.find(started)
        commands = service.values("Service", "ExecStart") if service else []
        yield ScheduledJob(
            kind=kind,
            schedule=_schedule_of(timer),
            command="; ".join(commands) or started,
            user=(service.value("Service", "User") if service else "") or user,
            path=timer.path,
            technique=_TIMERS,
            state="enabled" if timer.starts_by_itself else timer.state,
        )


def _schedule_of(timer: UnitFile) -> str:
    given = [(name, value) for name in _WHEN for value in timer.values("Timer", name)]
    return "; ".join(value if name == "OnCalendar" else f"{name}={value}" for name, value in given)


def _modified(root: Path, path: str) -> str:
    try:
        status = (root / path.lstrip("/")).stat()
    except (OSError, ValueError):
        return ""
    return instant_text_of_seconds(status.st_mtime)


SENSORS: Final[dict[str, SensorFunction]] = {
    "persistence.scheduled_jobs": scheduled_jobs,
    "persistence.autoruns": autoruns,
}
