"""What single processes hold: open files, environment, loaded code."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import Final

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.processlist import (
    DELETED,
    Processes,
    RunningProcess,
    descriptors_of,
    environment_of,
    pattern_of,
)
from agent.sensors.reading import read_start, text_at
from agent.sensors.values import boolean_text, text_of

_FLAGS: Final = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE)
_ACCESS: Final = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "read, write"}
_MAPS_BYTES: Final = 16 * 1024 * 1024
_MAP_FIELDS: Final = 6
_NOTATION: Final = re.compile(rb"\\012")


def open_files(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the open descriptors of the processes that match, and of those the paths that match."""
    processes, wanted = Processes(context), pattern_of(parameters["path"])
    for process, links in processes.contents(parameters["process"], descriptors_of):
        for number, target in sorted(links, key=lambda link: int(link[0])):
            path = target.removesuffix(DELETED)
            if wanted.fullmatch(path):
                yield (
                    process.name,
                    str(process.pid),
                    processes.user(process),
                    number,
                    _kind(process, number, target),
                    path,
                    _access(process, number),
                    boolean_text(path != target),
                )


def _kind(process: RunningProcess, number: str, target: str) -> str:
    if not target.startswith("/"):
        # `socket:[4711]`, `pipe:[4712]`, `anon_inode:[eventpoll]`, `mnt:[4026531841]`
        return target.partition(":")[0]
    try:
        mode = os.stat(process.folder / "fd" / number).st_mode  # noqa: PTH116 - a link to follow
    except OSError:
        return "file"
    kinds = {stat.S_IFDIR: "directory", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return kinds.get(stat.S_IFMT(mode), "fifo" if stat.S_ISFIFO(mode) else "file")


def _access(process: RunningProcess, number: str) -> str:
    found = _FLAGS.search(text_at(process.folder / "fdinfo" / number))
    return _ACCESS.get(int(found[1], 8) & os.O_ACCMODE, "") if found else ""


def environment(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the variables that match, of the processes that match."""
    processes, wanted = Processes(context), pattern_of(parameters["variable"])
    for process, variables in processes.contents(parameters["process"], environment_of):
        for name, value in variables:
            if wanted.fullmatch(name):
                yield (
                    process.name,
                    str(process.pid),
                    processes.user(process),
                    name,
                    value,
                )


def loaded_code(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the files whose code is mapped into the processes that match."""
    processes, wanted = Processes(context), pattern_of(parameters["path"])
    for process, maps in processes.contents(parameters["process"], _maps):
        for path in sorted(executable_mappings(maps)):
            deleted = path.endswith(DELETED)
            shown = path.removesuffix(DELETED)
            if wanted.fullmatch(shown):
                yield (
                    process.name,
                    str(process.pid),
                    processes.user(process),
                    shown,
                    boolean_text(deleted),
                )


def _maps(process: RunningProcess) -> bytes:
    return read_start(process.folder / "maps", _MAPS_BYTES)


def executable_mappings(maps: bytes) -> set[str]:
    """Read proc(5), /proc/PID/maps: the files that are mapped as code."""
    found = set()
    for line in maps.splitlines():
        fields = line.split(None, _MAP_FIELDS - 1)
        if len(fields) == _MAP_FIELDS and b"x" in fields[1] and fields[5].startswith(b"/"):
            found.add(text_of(_NOTATION.sub(b"\n", fields[5])))
    return found


SENSORS: Final[dict[str, SensorFunction]] = {
    "process.open_files": open_files,
    "process.environment": environment,
    "process.loaded_code": loaded_code,
}
