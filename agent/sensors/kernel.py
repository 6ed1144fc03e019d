"""What runs inside the kernel: modules, eBPF programs, and with which settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.recorder.clock import measure_boot
from agent.recorder.exceptions import SourceUnavailable
from agent.sensors.bpfprograms import BpfProgram, list_programs
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.modulefiles import ModuleFiles
from agent.sensors.processlist import Processes, descriptors_of, pattern_of
from agent.sensors.reading import names_in, read_start, text_at
from agent.sensors.values import boolean_text, instant_text, text_of

_MODULE_FIELDS: Final = 6
# Documentation/admin-guide/tainted-kernels.rst: the letters of /proc/modules and of `taint`.
_MARKS: Final = {
    "P": "proprietary",
    "F": "forced",
    "O": "out of tree",
    "C": "staging",
    "E": "unsigned",
    "K": "live patch",
    "X": "auxiliary",
    "N": "test",
}
_PARAMETER_BYTES: Final = 64 * 1024
_PROGRAM_LINK: Final = "anon_inode:bpf-prog"
_PROGRAM_ID: Final = re.compile(r"^prog_id:\s*(\d+)$", re.MULTILINE)


def modules(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the loaded modules, and those that only /sys shows."""
    try:
        listed = read_start(context.root / "proc/modules")
    except FileNotFoundError as error:
        raise SensorUnavailable("This kernel is built without loadable modules.") from error
    folder, files = context.root / "sys/module", ModuleFiles(context.root)
    names = set()
    for line in text_of(listed).splitlines():
        fields = line.split()
        if len(fields) < _MODULE_FIELDS:
            continue
        name, size, uses, used_by, state = fields[:5]
        names.add(name)
        marks = text_at(folder / name / "taint") or "".join(fields[6:]).strip("()")
        users = ", ".join(user for user in used_by.split(",") if user not in ("", "-"))
        yield (
            name, size, uses, users, state.lower(), *_of_module(folder / name, marks, files),
        )  # fmt: skip
    for name in names_in(folder):
        # Built-in ones have no state of their own.
        if name not in names and (folder / name / "initstate").exists():
            size, uses = text_at(folder / name / "coresize"), text_at(folder / name / "refcnt")
            users = ", ".join(names_in(folder / name / "holders"))
            marks = text_at(folder / name / "taint")
            yield name, size, uses, users, "hidden", *_of_module(folder / name, marks, files)


def _of_module(folder: Path, marks: str, files: ModuleFiles) -> Row:
    """Return marks, version, path and signature."""
    file = files.find(folder.name)
    shown = ", ".join(_MARKS.get(mark, mark) for mark in marks)
    return (
        shown,
        text_at(folder / "version"),
        f"/{file.relative_to(files.root)}" if file else "",
        boolean_text(files.is_signed(file)) if file else "",
    )


def parameters(context: SensorContext, given: Mapping[str, str]) -> Iterator[Row]:
    """Give the settings under /proc/sys whose name fits, in the order of their names."""
    wanted = pattern_of(given["parameter"])
    root = context.root / "proc/sys"
    for path in sorted(_files_below(root)):
        # As sysctl(8) does: `.` parts folders, and stands as `/` within a name.
        name = str(path.relative_to(root)).translate(str.maketrans("/.", "./"))
        if not wanted.fullmatch(name):
            continue
        try:
            value = text_of(read_start(path, _PARAMETER_BYTES))
        except OSError:
            # Write-only, or of a device that does not answer.
            continue
        yield name, value.removesuffix("\n")


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _folders, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def command_line(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the kernel's command line."""
    yield (text_at(context.root / "proc/cmdline"),)


def ebpf_programs(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the loaded programs with the processes that hold them."""
    try:
        programs = list_programs()
    except PermissionError as error:
        raise SensorFailed("The agent may not see eBPF programs: that needs root.") from error
    except (OSError, SourceUnavailable) as error:
        raise SensorUnavailable(f"This kernel does not show eBPF programs: {error}.") from error
    processes, booted_at = Processes(context), measure_boot()
    holders = _program_holders(processes) if programs else {}
    for program in programs:
        yield _program_row(program, processes, booted_at, holders.get(program.id, []))


def _program_row(
    program: BpfProgram, processes: Processes, booted_at: int, holders: list[str]
) -> Row:
    return (
        str(program.id),
        program.kind,
        program.name,
        program.tag,
        processes.user_name(program.user_id),
        instant_text(booted_at + program.loaded_ns // 1000),
        ", ".join(holders),
    )


def _program_holders(processes: Processes) -> dict[int, list[str]]:
    """Map programs to the processes that have them open: `name (pid)`."""
    found: dict[int, list[str]] = {}
    for process, links in processes.contents("", descriptors_of):
        for number, target in links:
            if target != _PROGRAM_LINK:
                continue
            held = _PROGRAM_ID.search(text_at(process.folder / "fdinfo" / number))
            shown = f"{process.name} ({process.pid})"
            if held and shown not in found.setdefault(int(held[1]), []):
                found[int(held[1])].append(shown)
    return found


SENSORS: Final[dict[str, SensorFunction]] = {
    "kernel.modules": modules,
    "kernel.parameters": parameters,
    "kernel.command_line": command_line,
    "kernel.ebpf_programs": ebpf_programs,
}
