"""Who is who: the process behind a pid, now or until just now.

Sources report pids; an analyst needs the program, its arguments and its ancestry. The table is fed
by exec, fork and exit, seeded from /proc, and keeps ended processes for five seconds, because file
events arrive after their process has died. A pid that was forked and never called exec stands for
its parent's image, as a process of its own.

One rule: a key never changes and never repeats. Two images of one pid within the same millisecond
therefore start a millisecond apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from agent.recorder.accounts import Accounts
from agent.recorder.clock import BootClock
from agent.recorder.procfs import TICK_NANOSECONDS, ProcessSnapshot, list_pids, read_process
from protocol.events import Ancestor, Process, ancestors_below, process_key

KEPT_AFTER_EXIT: Final = 5_000_000  # µs
# At 2,000 processes a second five seconds are 10,000; beyond twice that the oldest go early.
MOST_ENDED: Final = 20_000
_IMAGES_KEPT: Final = 4
_MILLISECOND: Final = 1000


class RememberedImage(msgspec.Struct, array_like=True, frozen=True):
    """What a later run of the agent needs to give a process the same key again."""

    pid: int
    process_ticks: int
    started_at: int
    path: str


class _Entry:
    """One pid. `own` is its image; before the first exec `inherited` is the parent's."""

    __slots__ = (
        "before",
        "ended_at",
        "inherited",
        "lineage",
        "offspring_lineage",
        "own",
        "started_at",
        "ticks",
    )

    def __init__(
        self,
        *,
        own: Process | None,
        inherited: Process | None,
        lineage: tuple[Ancestor, ...],
        started_at: int,
        ticks: int,
    ) -> None:
        self.own = own
        self.inherited = inherited
        self.lineage = lineage
        self.offspring_lineage: tuple[Ancestor, ...] | None = None
        self.started_at = started_at
        self.ticks = ticks
        self.ended_at = 0
        self.before: _Entry | None = None

    def forget_before(self, kept: int) -> None:
        """Keep so many earlier images: a process may call exec for ever."""
        entry: _Entry = self
        while kept and entry.before is not None:
            entry = entry.before
            kept -= 1
        entry.before = None


class ProcessTable:
    """All running processes and those that ended within the last five seconds."""

    def __init__(self, clock: BootClock, accounts: Accounts | None = None) -> None:
        self._clock = clock
        self._accounts = accounts or Accounts()
        self._entries: dict[int, _Entry] = {}
        self._ended: deque[tuple[int, int, _Entry]] = deque()
        self._remembered: dict[tuple[int, int], RememberedImage] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def remember(self, images: Iterable[RememberedImage]) -> None:
        """Take over the keys that an earlier run of the agent gave, before `seed`."""
        self._remembered = {(image.pid, image.process_ticks): image for image in images}

    def images(self) -> Iterator[RememberedImage]:
        """Yield what `remember` needs in a later run: the images that are still running."""
        for pid, entry in self._entries.items():
            if entry.own is not None and not entry.ended_at:
                yield RememberedImage(pid, entry.ticks, entry.own.started_at, entry.own.path)

    def seed(self) -> list[Process]:
        """Read all processes from /proc; return the user processes, parents first."""
        snapshots = [snapshot for pid in list_pids() if (snapshot := read_process(pid))]
        snapshots.sort(key=lambda snapshot: snapshot.started_ticks)
        seeded = []
        for snapshot in snapshots:
            process = self.add_snapshot(snapshot)
            if not snapshot.kernel_thread:
                seeded.append(process)
        self._remembered = {}
        return seeded

    def add_snapshot(self, snapshot: ProcessSnapshot) -> Process:
        """Enter a process that was already running, and return it."""
        started_at = self._clock.instant(snapshot.started_ticks * TICK_NANOSECONDS)
        known = self._remembered.get((snapshot.pid, snapshot.started_ticks))
        if known is not None and known.path == snapshot.path:
            started_at = known.started_at
        process = self._from_snapshot(
            snapshot, started_at=started_at, lineage=self._lineage_below(snapshot.parent_pid)
        )
        self.started(process, started_ns=snapshot.started_ticks * TICK_NANOSECONDS)
        return process

    def start_snapshot(self, snapshot: ProcessSnapshot, *, at: int, started_ns: int) -> Process:
        """Enter a program that just began to run, as /proc shows it, and return it."""
        started_at, lineage = self.place(snapshot.pid, parent_pid=snapshot.parent_pid, at=at)
        process = self._from_snapshot(snapshot, started_at=started_at, lineage=lineage)
        self.started(process, started_ns=started_ns)
        return process

    def look_up(self, pid: int) -> Process | None:
        """Return the process of a pid, read from /proc where no event told of it."""
        process = self.find(pid)
        if process is None and pid > 0 and (snapshot := read_process(pid)):
            process = self.add_snapshot(snapshot)
        return process

    def forked(self, pid: int, *, parent_pid: int, at: int, started_ns: int) -> None:
        """Enter a new process, which for now runs its parent's image."""
        parent = self._entries.get(parent_pid)
        # A millisecond early, so that the image which starts at once has a key of its own.
        at -= _MILLISECOND
        self._entries[pid] = _Entry(
            own=None,
            inherited=None if parent is None else parent.own or parent.inherited,
            lineage=() if parent is None else self._lineage_of_offspring(parent_pid, parent),
            started_at=at,
            ticks=started_ns // TICK_NANOSECONDS,
        )

    def place(self, pid: int, *, parent_pid: int, at: int) -> tuple[int, tuple[Ancestor, ...]]:
        """Return when an image that `pid` just began to run started (µs), and its ancestors.

        The parent is the one that forked the process, even if it has ended since.
        """
        entry = self._entries.get(pid)
        if entry is None or entry.ended_at:
            return at, self._lineage_below(parent_pid)
        if at // _MILLISECOND <= entry.started_at // _MILLISECOND:
            at = (entry.started_at // _MILLISECOND + 1) * _MILLISECOND
        return at, entry.lineage or self._lineage_below(parent_pid)

    def started(self, process: Process, *, started_ns: int) -> None:
        """Enter the image that a process runs from now on."""
        entry = _Entry(
            own=process,
            inherited=None,
            lineage=process.ancestors,
            started_at=process.started_at,
            ticks=started_ns // TICK_NANOSECONDS,
        )
        replaced = self._entries.get(process.pid)
        if replaced is not None and not replaced.ended_at:
            entry.before = replaced
            entry.forget_before(_IMAGES_KEPT)
        self._entries[process.pid] = entry

    def image_at(self, process: Process, at: int) -> Process:
        """Return what the pid of this process ran at an earlier instant (µs), as far as known."""
        entry = self._entries.get(process.pid)
        if entry is None or entry.own is not process:
            return process
        while entry.before is not None and at < entry.started_at:
            entry = entry.before
        return self._image(process.pid, entry) or process

    def exited(self, pid: int, *, at: int) -> Process | None:
        """Note the end of a process; return its image, or None if it never called exec."""
        entry = self._entries.get(pid)
        if entry is None or entry.ended_at:
            return None
        # Its image may have been dated up to a millisecond late, for the sake of its key.
        entry.ended_at = max(at, entry.started_at + 2)
        self._ended.append((at, pid, entry))
        return entry.own

    def find(self, pid: int) -> Process | None:
        """Return the process that has this pid or had it within the last five seconds."""
        entry = self._entries.get(pid)
        return None if entry is None else self._image(pid, entry)

    def ended_at(self, pid: int) -> int:
        """Return when the process ended (µs), or 0 while it is running or unknown."""
        entry = self._entries.get(pid)
        return 0 if entry is None else entry.ended_at

    def is_running(self, pid: int) -> bool:
        """Tell whether the table holds this pid as a running process."""
        entry = self._entries.get(pid)
        return entry is not None and not entry.ended_at

    def running_pids(self) -> list[int]:
        """Return the pids that are held as running."""
        return [pid for pid, entry in self._entries.items() if not entry.ended_at]

    def forget_ended(self, now: int) -> None:
        """Drop the processes that ended more than five seconds before `now` (µs)."""
        ended = self._ended
        oldest_kept = now - KEPT_AFTER_EXIT
        while ended and (ended[0][0] < oldest_kept or len(ended) > MOST_ENDED):
            _, pid, entry = ended.popleft()
            if self._entries.get(pid) is entry:
                del self._entries[pid]

    def account(self, user_id: int) -> str:
        """Return the name of a user id."""
        return self._accounts.name(user_id)

    def _from_snapshot(
        self, snapshot: ProcessSnapshot, *, started_at: int, lineage: tuple[Ancestor, ...]
    ) -> Process:
        return Process(
            key=process_key(snapshot.pid, started_at),
            pid=snapshot.pid,
            started_at=started_at,
            path=snapshot.path,
            arguments=snapshot.arguments,
            arguments_length=snapshot.arguments_length,
            cwd=snapshot.cwd,
            user=self._accounts.name(snapshot.user_id) if snapshot.user_id >= 0 else "",
            user_id=snapshot.user_id,
            group_id=snapshot.group_id,
            login_user_id=snapshot.login_user_id,
            logon_id=snapshot.session_id,
            ancestors=lineage,
            memory_only=snapshot.memory_only,
        )

    def _image(self, pid: int, entry: _Entry) -> Process | None:
        if entry.own is not None or entry.inherited is None:
            return entry.own
        if entry.inherited.pid == pid:
            return entry.inherited
        # Only now somebody asks for this process: most forked ones call exec before.
        copied = msgspec.structs.replace(
            entry.inherited,
            key=process_key(pid, entry.started_at),
            pid=pid,
            started_at=entry.started_at,
            ancestors=entry.lineage,
        )
        entry.inherited = copied
        return copied

    def _lineage_below(self, parent_pid: int) -> tuple[Ancestor, ...]:
        parent = self._entries.get(parent_pid)
        return () if parent is None else self._lineage_of_offspring(parent_pid, parent)

    def _lineage_of_offspring(self, pid: int, entry: _Entry) -> tuple[Ancestor, ...]:
        """Return the ancestors of this entry's children; computed once per image."""
        if entry.offspring_lineage is None:
            entry.offspring_lineage = ancestors_below(self._image(pid, entry))
        return entry.offspring_lineage
