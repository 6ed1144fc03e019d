"""Which processes run, who started them, and what their programs are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from agent.recorder.containers import read_container
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.hashes import ProgramHashes
from agent.sensors.processlist import (
    MEMORY_PREFIX,
    Processes,
    RunningProcess,
    lineages,
    status_of,
)
from agent.sensors.reading import link_at, text_at
from agent.sensors.values import boolean_text, instant_text

MOST_HASHES: Final = 500
_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_BETWEEN_HASHES: Final = re.compile(r"[\s,;|]+")
_STATES: Final = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a disk",
    "Z": "zombie",
    "T": "stopped",
    "t": "traced",
    "I": "idle",
    "X": "dead",
}
_SECCOMP: Final = {"0": "off", "1": "strict", "2": "filter"}
_NO_LOGIN: Final = "4294967295"


def running(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every process."""
    processes = Processes(context)
    for process in processes:
        yield (
            process.name,
            process.path,
            str(process.pid),
            str(process.parent_pid),
            processes.user(process),
            process.command_line,
            instant_text(process.started_at),
            str(process.resident_bytes),
            f"{process.cpu_seconds:.2f}",
        )


def running_with_hash(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every process that has a program, with the program's hashes."""
    processes, programs = Processes(context), ProgramHashes(context)
    for process in processes:
        hashed = programs.of(process)
        if hashed is not None:
            yield (
                process.name,
                process.path,
                str(process.pid),
                processes.user(process),
                process.command_line,
                hashed.hashes.md5,
                hashed.hashes.sha1,
                hashed.hashes.sha256,
                hashed.reason,
            )


def hash_match(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the processes whose program has one of these hashes."""
    wanted = wanted_hashes(parameters["hashes"])
    processes, programs = Processes(context), ProgramHashes(context)
    for process in processes:
        hashed = programs.of(process)
        if hashed is None:
            continue
        hashes = hashed.hashes
        if not wanted.isdisjoint((hashes.md5, hashes.sha1, hashes.sha256)):
            yield (
                process.name,
                process.path,
                str(process.pid),
                processes.user(process),
                process.command_line,
                hashes.md5,
                hashes.sha256,
                instant_text(process.started_at),
            )


def wanted_hashes(text: str) -> frozenset[str]:
    """Read a list of hashes parted by commas or blanks. Raises `SensorFailed` for another word."""
    words = [word for word in _BETWEEN_HASHES.split(text.lower()) if word]
    for word in words:
        if not _HASH.fullmatch(word):
            raise SensorFailed(f"{word[:80]!r} is no MD5, SHA-1 or SHA-256.")
    if not words:
        raise SensorFailed("No hash is given.")
    if len(words) > MOST_HASHES:
        raise SensorFailed(f"More than {MOST_HASHES} hashes are given.")
    return frozenset(words)


def is_running(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether a process has that name: its own, or that of its program's file."""
    wanted = parameters["name"].casefold()
    yield (boolean_text(any(wanted in _names(process) for process in Processes(context))),)


def _names(process: RunningProcess) -> set[str]:
    """Name a process in every way that people do: by itself, its program and its first word."""
    program = PurePosixPath(process.path).name
    first = PurePosixPath(process.arguments[0]).name if process.arguments else ""
    return {name.casefold() for name in (process.name, program, first, process.path) if name}


def details(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give all that the kernel tells of each process that matches."""
    processes = Processes(context)
    for process in processes.matching(parameters["process"]):
        status = status_of(process)
        if not status:
            continue
        real, effective, *_ = (*status.get("Uid", "").split(), "", "")
        parent = processes.read(process.parent_pid)
        login = text_at(process.folder / "loginuid")
        yield (
            process.name,
            str(process.pid),
            process.path,
            process.command_line,
            str(process.parent_pid),
            parent.name if parent else "",
            _user(processes, real),
            _user(processes, effective),
            "" if login in ("", _NO_LOGIN) else _user(processes, login),
            link_at(process.folder / "cwd"),
            link_at(process.folder / "root"),
            instant_text(process.started_at),
            _STATES.get(process.state, process.state),
            str(process.threads),
            str(process.niceness),
            str(process.resident_bytes),
            f"{process.cpu_seconds:.2f}",
            status.get("CapEff", ""),
            _SECCOMP.get(status.get("Seccomp", ""), ""),
            boolean_text(status.get("TracerPid", "0") != "0"),
            text_at(process.folder / "attr/current").rstrip("\0"),
            read_container(text_at(process.folder / "cgroup").encode()),
        )


def _user(processes: Processes, number: str) -> str:
    return processes.user_name(int(number)) if number.isdecimal() else number


def deleted_executables(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the processes whose program is in no folder any more, or never was."""
    processes, programs = Processes(context), ProgramHashes(context)
    for process in processes:
        if not (process.deleted or process.memory_only):
            continue
        hashed = programs.of(process)
        if hashed is None:
            continue
        yield (
            process.name,
            process.path.removeprefix("/") if process.memory_only else process.path,
            str(process.pid),
            processes.user(process),
            process.command_line,
            instant_text(process.started_at),
            boolean_text(process.path.startswith(MEMORY_PREFIX)),
            boolean_text(_is_replaced(process)),
            hashed.hashes.sha256,
        )


def _is_replaced(process: RunningProcess) -> bool:
    """Tell whether another file now stands where the program was: an update, usually."""
    return not process.memory_only and (process.folder / "root" / process.path[1:]).exists()


def tree(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give processes below each other, each with the chain of its ancestors."""
    processes = Processes(context)
    present = {process.pid: process for process in processes}
    chains = lineages(present.values())
    roots = {process.pid for process in processes.matching(parameters["process"])}
    # By start, not by number: numbers begin anew.
    order = {pid: tuple((present[one].started_at, one) for one in chains[pid]) for pid in present}
    for pid in sorted(present, key=order.__getitem__):
        chain = chains[pid]
        if roots.isdisjoint(chain):
            continue
        process = present[pid]
        depth = len(chain) - 1
        yield (
            f"{'   ' * (depth - 1)}└─ {process.name}" if depth else process.name,
            str(pid),
            str(process.parent_pid),
            processes.user(process),
            " > ".join(present[one].name for one in chain),
            process.path,
            process.command_line,
            instant_text(process.started_at),
        )


SENSORS: Final[dict[str, SensorFunction]] = {
    "process.running": running,
    "process.running_with_hash": running_with_hash,
    "process.hash_match": hash_match,
    "process.is_running": is_running,
    "process.details": details,
    "process.deleted_executables": deleted_executables,
    "process.tree": tree,
}
