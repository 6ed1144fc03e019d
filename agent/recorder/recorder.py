"""The recorder: the best sources of this computer, as one stream of events.

Tries the sources for processes and network in the order of their worth and uses the first that
works; fanotify for files stands beside any of them. Every tick reads files first, then processes,
then attributes the former by the latter, so that even a process that is dead by then is named.
Stopping it, or killing it, leaves nothing behind in the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from agent.recorder.bootrecord import BootRecord, load_boot_record, save_boot_record
from agent.recorder.clock import NOTABLE_DRIFT_SECONDS, BootClock
from agent.recorder.ebpf import EbpfSource
from agent.recorder.exceptions import SourceUnavailable
from agent.recorder.executables import ExecutableHashes
from agent.recorder.fanotify import FileSource
from agent.recorder.filters import Filters
from agent.recorder.hashing import Hashes
from agent.recorder.kernelrecords import RING_BYTES
from agent.recorder.loginsource import LoginSource
from agent.recorder.mounts import Mount
from agent.recorder.mountwatch import MountWatch
from agent.recorder.pace import Pace
from agent.recorder.processes import ProcessTable
from agent.recorder.selection import PROCESS_SOURCES, Selection, start_best_source
from agent.recorder.source import Source
from protocol.events import KIND_OF, Event, ProcessStarted
from protocol.messages import KindCounters, SourceHealth

Sink: TypeAlias = Callable[[list[Event]], None]

SOURCES_VARIABLE: Final = "VEDETTE_RECORDER_SOURCES"
FILE_SOURCE: Final = "fanotify"
LOGIN_SOURCE: Final = "audit-logins"
_IDLE_SECONDS: Final = 1.0
_HASH_WAIT_SECONDS: Final = 0.2
_SAVE_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


def allowed_sources() -> tuple[str, ...]:
    """Return the sources that the environment allows; all of them when it says nothing."""
    named = os.environ.get(SOURCES_VARIABLE, "")
    if not named:
        return (*PROCESS_SOURCES, FILE_SOURCE, LOGIN_SOURCE)
    return tuple(name.strip() for name in named.split(","))


class Recorder:
    """Records until it is stopped. Not to be used from two threads."""

    def __init__(
        self,
        data_directory: Path,
        *,
        filters: Filters | None = None,
        own_pids: Iterable[int] = (),
        sources: Sequence[str] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        What happens below `data_directory` and what `own_pids` and this process do is filtered, in
        addition to `filters`.
        `sources` forces certain sources (see `selection.PROCESS_SOURCES`, and `fanotify`).
        """
        self._directory = data_directory
        pids = frozenset({os.getpid(), *own_pids})
        self._filters = (filters or Filters()).also(directory=data_directory.resolve(), pids=pids)
        self._allowed = tuple(sources) if sources is not None else allowed_sources()
        self._record: BootRecord | None = None
        self._clock = BootClock(0)
        self._processes = ProcessTable(self._clock)
        self._selection = Selection(None, {})
        self._files: FileSource | None = None
        self._logins: LoginSource | None = None
        self._hashes: ExecutableHashes | None = None
        self._mounts: MountWatch | None = None
        self._counters = {kind: KindCounters() for kind in KIND_OF.values()}
        self._backlog: list[Event] = []
        self._saved_at = 0.0
        self._hashing: list[Future[Hashes | None]] = []
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()

    def start(self) -> None:
        """Start the best sources. Works with none at all, and says so in `health`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._record = load_boot_record(self._directory)
        self._clock = BootClock(self._record.booted_at)
        self._processes = ProcessTable(self._clock)
        self._processes.remember(self._record.images)
        began_at = self._clock.now()
        self._selection = start_best_source(self._allowed, self._processes, self._clock)
        if FILE_SOURCE in self._allowed:
            self._start_files()
        if LOGIN_SOURCE in self._allowed:
            self._start_logins()
        # What started since the source did will be told by the source.
        self._backlog = [
            ProcessStarted(at=process.started_at, process=process, already_running=True)
            for process in self._processes.seed()
            if process.started_at < began_at
        ]
        self._saved_at = time.monotonic()

    async def run(self, sink: Sink) -> None:
        """Give batches of events to `sink`, each in the order of time, until a stop is asked for.

        An empty batch is never given. What the sink raises ends the run; `stop` still has to be
        called.
        """
        pace = Pace()
        read_at = time.monotonic()
        waker = self._open_waker()
        try:
            while not self._stopping.is_set():
                fullness = self._fullness()
                events = self.drain()
                await self._await_hashes()
                if events:
                    sink(events)
                now = time.monotonic()
                pause = pace.pause_after(len(events), elapsed=now - read_at, fullness=fullness)
                read_at = now
                await self._stopped_within(pause)
                await self._readable_within(waker, _IDLE_SECONDS)
        finally:
            waker.close()
        if events := self.drain():
            sink(events)

    def request_stop(self) -> None:
        """Let `run` read once more and return. From the event loop's thread only."""
        self._stopping.set()
        self._awake.set()

    def drain(self) -> list[Event]:
        """Return what happened since the last call, in the order of time, without waiting.

        A program that is larger than a megabyte and new may get its hashes a moment later: its
        process is the same object in all events.
        """
        events, self._backlog = self._backlog, []
        if self._files:
            self._files.collect()
        source = self._selection.source
        if source:
            source.drain(events.append)
        if self._mounts:
            self._mounts.update(source.mount_namespaces if source else {})
        self._fill_hashes()
        if self._files:
            self._files.drain(events.append)
        if self._logins:
            self._logins.drain(events.append)
        self._processes.forget_ended(self._clock.now())
        self._save_now_and_then()
        events.sort(key=attrgetter("at"))
        return self._admitted(events)

    def health(self) -> list[SourceHealth]:
        """Tell which sources are in use, what they cannot see, and why others are not used."""
        health = [self._health_of(source) for source in self._sources()]
        for name, reason in self._selection.absent.items():
            health.append(SourceHealth(name=name, state="absent", kinds=[], reason=reason))
        return health

    def problems(self) -> list[str]:
        """Say what is wrong with this computer rather than with one of the sources."""
        drift = self._clock.drift_seconds()
        if abs(drift) <= NOTABLE_DRIFT_SECONDS:
            return []
        return [
            f"The computer's clock was moved by {drift:+.0f} s since the recorder first ran in "
            "this boot: events keep the earlier clock until the computer starts again."
        ]

    def counters(self) -> dict[str, KindCounters]:
        """Count what was seen, filtered, recorded and lost, per kind, since `start`."""
        if sources := self._sources():
            for kind, counters in self._counters.items():
                counters.lost = sum(source.lost().get(kind, 0) for source in sources)
        return self._counters

    def stop(self) -> None:
        """Close all sources and leave nothing behind in the kernel. May be called twice."""
        self.request_stop()
        self.counters()  # the kernel's counters are gone with their source
        self._save()
        if self._mounts:
            self._mounts.close()
            self._mounts = None
        if self._hashes:
            self._hashes.stop()
            self._hashes = None
        for source in self._sources():
            source.stop()
        self._selection.source = self._files = self._logins = None

    def _sources(self) -> list[Source]:
        """Return the sources that are in use."""
        return [source for source in (self._selection.source, self._files, self._logins) if source]

    def _start_logins(self) -> None:
        if self._selection.source and "security" in self._selection.source.capabilities().kinds:
            return  # the audit source tells them already
        logins = LoginSource(self._processes, self._clock)
        try:
            logins.start()
        except SourceUnavailable as error:
            self._selection.absent[LOGIN_SOURCE] = str(error)
        else:
            self._logins = logins

    def _start_files(self) -> None:
        files = FileSource(self._processes, self._clock, is_own=self._filters.excludes_pid)
        hashes = ExecutableHashes()
        try:
            files.start()
            hashes.start()
        except SourceUnavailable as error:
            files.stop()
            self._selection.absent[FILE_SOURCE] = str(error)
            logger.info("files are not recorded: %s", error)
            return

        def watch(mounts: list[Mount]) -> None:
            files.watch(mounts)
            hashes.watch(mounts)

        self._mounts = MountWatch(watch)
        self._files, self._hashes = files, hashes

    def _open_waker(self) -> select.epoll:
        """Open a descriptor that is readable when any source has something."""
        waker = select.epoll()
        for source in self._sources():
            for descriptor in source.descriptors():
                waker.register(descriptor, select.EPOLLIN)
        if self._mounts:
            waker.register(self._mounts.descriptor(), select.EPOLLPRI)
        return waker

    async def _stopped_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _readable_within(self, waker: select.epoll, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        # Only while waiting: a reader that stays would be called again and again during a pause.
        loop.add_reader(waker.fileno(), self._awake.set)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._awake.wait()
        finally:
            loop.remove_reader(waker.fileno())
            if not self._stopping.is_set():
                self._awake.clear()

    def _fill_hashes(self) -> None:
        if not self._hashes:
            return
        self._hashes.drain()
        self._hashes.settle()
        source = self._selection.source
        for process, identity in source.programs if source else ():
            if waiting := self._hashes.fill(process, identity):
                self._hashing.append(waiting)

    async def _await_hashes(self) -> None:
        """Wait a moment for the hashes of large new programs: rules may ask for them."""
        if self._hashing and self._hashes:
            await asyncio.wait(map(asyncio.wrap_future, self._hashing), timeout=_HASH_WAIT_SECONDS)
            self._hashing.clear()
            self._hashes.settle()

    def _admitted(self, events: list[Event]) -> list[Event]:
        """Leave out what is filtered, and count."""
        kept = list(filter(self._filters.admits, events))
        recorded = Counter(map(type, kept))
        for kind, seen in Counter(map(type, events)).items():
            counters = self._counters[KIND_OF[kind]]
            counters.seen += seen
            counters.recorded += recorded[kind]
            counters.filtered += seen - recorded[kind]
        if self._files:
            own, self._files.own_events = self._files.own_events, 0
            self._counters["file"].seen += own
            self._counters["file"].filtered += own
        return kept

    def _health_of(self, source: Source) -> SourceHealth:
        capabilities = source.capabilities()
        lost = sum(source.lost().values())
        return SourceHealth(
            name=capabilities.name,
            state="degraded" if lost else "running",
            kinds=list(capabilities.kinds),
            blind_to=list(capabilities.blind_to),
            reason=f"{lost} events lost" if lost else "",
        )

    def _fullness(self) -> float:
        source = self._selection.source
        return source.waiting_bytes() / RING_BYTES if isinstance(source, EbpfSource) else 0.0

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if self._record:
            self._record.images = list(self._processes.images())
            save_boot_record(self._directory, self._record)
