"""Keep the file marks up with what is mounted, in this and in other mount namespaces.

The kernel announces changes of this namespace. Other namespaces (containers, `unshare`) are known
by the programs that start in them: their mounts are read again, at most ten times a second, for as
long as programs start there. Watching them all the time would mean holding a reference that keeps
a dead container's file systems from being unmounted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.recorder.mounts import Mount, MountTable, mounts_of, worth_watching

_RESCAN_SECONDS: Final = 0.1
# A mount follows the start of the program that mounts: look again a while after the last start.
_ATTENTION_SECONDS: Final = 1.0
_MOST_NAMESPACES: Final = 512
_PIDS_KEPT: Final = 8


class _Namespace:
    __slots__ = ("mounts", "pids", "scanned_at", "started_at")

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.mounts: list[Mount] = []
        self.scanned_at = float("-inf")
        self.started_at = time.monotonic()


class MountWatch:
    """Calls `watch` with the mounts that are new."""

    def __init__(self, watch: Callable[[list[Mount]], None]) -> None:
        self._watch = watch
        # Asking one descriptor takes the news from it, so one is asked and one wakes the agent.
        self._table = MountTable()
        self._bell = MountTable()
        self._own = Path("/proc/self/ns/mnt").stat().st_ino
        self._namespaces: dict[int, _Namespace] = {}
        self._watch(worth_watching(self._table.read()))

    def descriptor(self) -> int:
        """Return the descriptor that is exceptional (EPOLLPRI) when this namespace changes."""
        return self._bell.descriptor

    def update(self, started_in: Mapping[int, Sequence[int]]) -> None:
        """Look for new mounts; `started_in` maps mount namespaces to pids that started there."""
        if self._table.changed():
            self._watch(worth_watching(self._table.read()))
        for number, pids in started_in.items():
            if number != self._own:
                self._note(number, pids)
        now = time.monotonic()
        for number, namespace in list(self._namespaces.items()):
            if now - namespace.scanned_at >= _RESCAN_SECONDS:
                self._scan(namespace, now)
            if now - namespace.started_at > _ATTENTION_SECONDS:
                del self._namespaces[number]

    def close(self) -> None:
        """Close both descriptors."""
        self._table.close()
        self._bell.close()

    def _note(self, number: int, pids: Sequence[int]) -> None:
        namespace = self._namespaces.get(number)
        if namespace is None:
            if len(self._namespaces) >= _MOST_NAMESPACES:
                self._namespaces.pop(next(iter(self._namespaces)))
            namespace = self._namespaces[number] = _Namespace()
        # The first of them is most likely still there: it waits for the others.
        namespace.pids = [*namespace.pids, *pids]
        del namespace.pids[1:-_PIDS_KEPT]
        namespace.started_at = time.monotonic()

    def _scan(self, namespace: _Namespace, now: float) -> None:
        namespace.scanned_at = now
        for pid in reversed(namespace.pids):
            if mounts := worth_watching(mounts_of(pid)):
                if mounts != namespace.mounts:
                    namespace.mounts = mounts
                    self._watch(mounts)
                return
