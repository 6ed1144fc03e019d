"""The processes of this computer, for sensors: one look at each, and silence about those that end.

Field meanings: proc(5). Processes write their own names and arguments: anything may stand there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from agent.recorder.accounts import Accounts
from agent.recorder.clock import measure_boot
from agent.sensors.context import SensorContext
from agent.sensors.exceptions import SensorFailed
from agent.sensors.reading import links_in, read_start, text_at
from agent.sensors.values import text_of
from sensors.exceptions import SensorsError
from sensors.patterns import Pattern, compile_pattern

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
DELETED: Final = " (deleted)"
_DELETED_MARK: Final = DELETED.encode()
MEMORY_PREFIX: Final = "/memfd:"
ARGUMENT_BYTES: Final = 32 * 1024
_KERNEL_THREAD: Final = 0x00200000  # PF_KTHREAD
_ENDED: Final = (FileNotFoundError, ProcessLookupError)
_MICROSECONDS: Final = 1_000_000
Content = TypeVar("Content")
_STATUS_LINE: Final = re.compile(r"^(\w+):\s*(.*)$", re.MULTILINE)


class RunningProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `path` is as the process' own root has it, empty for a kernel thread.

    `started_at` is in µs since the epoch, UTC.
    """

    pid: int
    parent_pid: int
    name: str
    state: str
    path: str
    deleted: bool
    arguments: tuple[str, ...]
    user_id: int
    started_at: int
    resident_bytes: int
    cpu_seconds: float
    threads: int
    niceness: int
    kernel_thread: bool
    folder: Path

    @property
    def command_line(self) -> str:
        """The arguments in one line, as the process shows them now."""
        return " ".join(self.arguments)

    @property
    def memory_only(self) -> bool:
        """Whether the program never was in a file system (memfd)."""
        return self.path.startswith(MEMORY_PREFIX)


class Processes:
    """The processes under a context's root, in the order of their ids."""

    def __init__(self, context: SensorContext) -> None:
        self._proc = context.root / "proc"
        self._accounts = Accounts(context.root / "etc/passwd")
        # Read anew each time: instants are on the clock that `ps` would use now.
        self._booted_at = measure_boot()

    def __iter__(self) -> Iterator[RunningProcess]:
        """Yield each process that does not end before it can be read."""
        for pid in self.ids():
            process = self.read(pid)
            if process is not None:
                yield process

    def ids(self) -> list[int]:
        """Return the ids of all processes."""
        return sorted(int(name) for name in os.listdir(self._proc) if name.isdecimal())  # noqa: PTH208 - names are enough

    def user(self, process: RunningProcess) -> str:
        """Name the effective user of a process; its number when it has no local name."""
        return self._accounts.name(process.user_id)

    def user_name(self, user_id: int) -> str:
        """Name any user."""
        return self._accounts.name(user_id)

    def matching(self, wanted: str) -> Iterator[RunningProcess]:
        """Yield the processes with that id, or that a regular expression fits; all for "".

        The expression must fit a name, a path or a command line as a whole. Raises `SensorFailed`.
        """
        if wanted.isascii() and wanted.isdecimal():
            process = self.read(int(wanted)) if len(wanted) < 10 else None
            if process is not None:
                yield process
            return
        pattern = pattern_of(wanted) if wanted else None
        for process in self:
            if pattern is None or fits(pattern, process):
                yield process

    def contents(
        self, wanted: str, read: Callable[[RunningProcess], Content]
    ) -> Iterator[tuple[RunningProcess, Content]]:
        """Yield the processes that match, each with what `read` finds in it.

        Leaves out those that end. Raises `SensorFailed` when the agent may look into none of them.
        """
        refused = looked = 0
        for process in self.matching(wanted):
            try:
                content = read(process)
            except _ENDED:
                continue
            except PermissionError:
                # Even root is refused by some: by security modules, or from within a container.
                refused += 1
                continue
            looked += 1
            yield process, content
        if refused and not looked:
            raise SensorFailed("The agent may not look into these processes.")

    def read(self, pid: int) -> RunningProcess | None:
        """Read one process; None when it has ended."""
        folder = self._proc / str(pid)
        try:
            stat = read_start(folder / "stat")
            arguments = read_start(folder / "cmdline", ARGUMENT_BYTES)
            # The folder's owner is the effective user, even where the files in it are root's.
            user_id = folder.stat().st_uid
        except _ENDED:
            return None
        return self._made_of(pid, folder, stat, arguments, user_id)

    def _made_of(
        self, pid: int, folder: Path, stat: bytes, arguments: bytes, user_id: int
    ) -> RunningProcess:
        # The name may hold blanks and parentheses: what counts starts behind the last one.
        head, _, tail = stat.rpartition(b") ")
        fields = tail.split()
        path, deleted = _executable(folder)
        ticks = int(fields[19])
        return RunningProcess(
            pid=pid,
            parent_pid=int(fields[1]),
            name=text_of(head.partition(b" (")[2]),
            state=text_of(fields[0]),
            path=path,
            deleted=deleted,
            arguments=_split(arguments),
            user_id=user_id,
            started_at=self._booted_at + ticks * _MICROSECONDS // TICKS_PER_SECOND,
            resident_bytes=int(fields[21]) * PAGE_BYTES,
            cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
            threads=int(fields[17]),
            niceness=int(fields[16]),
            kernel_thread=bool(int(fields[6]) & _KERNEL_THREAD),
            folder=folder,
        )


def pattern_of(expression: str) -> Pattern:
    """Compile an analyst's regular expression. Raises `SensorFailed`."""
    try:
        return compile_pattern(expression)
    except SensorsError as error:
        raise SensorFailed(f"The regular expression cannot be used: {error}.") from error


def fits(pattern: Pattern, process: RunningProcess) -> bool:
    """Tell whether an expression fits the name, the path or the command line."""
    shown = (process.name, process.path, process.command_line)
    return any(pattern.fullmatch(text) is not None for text in shown if text)


def status_of(process: RunningProcess) -> dict[str, str]:
    """Read /proc/PID/status: name → value; empty when the process has ended."""
    return dict(_STATUS_LINE.findall(text_at(process.folder / "status")))


def descriptors_of(process: RunningProcess) -> list[tuple[str, str]]:
    """Return the open descriptors of a process: number → what it is. Raises `OSError`."""
    return links_in(process.folder / "fd")


def environment_of(process: RunningProcess) -> list[tuple[str, str]]:
    """Read the variables that a process was started with, or has put in their place since.

    Raises `OSError`.
    """
    variables = []
    for entry in read_start(process.folder / "environ").split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals:
            variables.append((text_of(name), text_of(value)))
    return variables


def lineages(processes: Iterable[RunningProcess]) -> dict[int, tuple[int, ...]]:
    """Map each process to its ancestors' ids, the oldest first; itself is the last."""
    parents = {process.pid: process.parent_pid for process in processes}
    found: dict[int, tuple[int, ...]] = {}
    for pid in parents:
        chain: list[int] = []
        above = pid
        # Two looks at a changing table may make a ring.
        while above in parents and above not in chain:
            chain.append(above)
            above = parents[above]
        found[pid] = tuple(reversed(chain))
    return found


def _executable(folder: Path) -> tuple[str, bool]:
    """Return where the program was started from, and whether that file is gone."""
    try:
        raw = os.readlink(os.fsencode(folder / "exe"))  # noqa: PTH115 - Path cannot return bytes
    except OSError:
        # A kernel thread, a zombie, or ended meanwhile.
        return "", False
    if not raw.endswith(_DELETED_MARK):
        return text_of(raw), False
    # The kernel's mark, or the end of a file's real name: only the file itself can tell.
    if raw.startswith(b"/") and _is_same_file(os.fsencode(folder / "root") + raw, folder / "exe"):
        return text_of(raw), False
    return text_of(raw.removesuffix(_DELETED_MARK)), True


def _is_same_file(path: bytes, other: Path) -> bool:
    try:
        return os.path.samestat(os.stat(path), other.stat())  # noqa: PTH116 - bytes
    except OSError:
        return False


def _split(raw: bytes) -> tuple[str, ...]:
    if not raw.strip(b"\0"):
        return ()
    return tuple(text_of(raw).removesuffix("\0").split("\0"))
