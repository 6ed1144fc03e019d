"""What is not recorded: the agent's own doings, and what the administrator excluded.

A filtered event is counted, never silently dropped.
"""

from __future__ import annotations

from pathlib import Path

from protocol.events import DnsEvent, Event, FileEvent, NetworkEvent


class Filters:
    """Excludes file events below certain directories, and what certain processes do.

    Processes themselves are always recorded: an excluded process still starts and ends.
    """

    def __init__(self, *, directories: tuple[Path, ...] = (), pids: frozenset[int] = frozenset()):
        self._directories = directories
        self._exact = frozenset(str(directory) for directory in directories)
        self._prefixes = tuple(f"{str(directory).rstrip('/')}/" for directory in directories)
        self._pids = pids

    def also(self, *, directory: Path, pids: frozenset[int]) -> Filters:
        """Return filters that exclude this directory and these processes as well."""
        return Filters(directories=(*self._directories, directory), pids=self._pids | pids)

    def excludes_pid(self, pid: int) -> bool:
        """Tell whether nothing that this process does to files or the network is recorded."""
        return pid in self._pids

    def admits(self, event: Event) -> bool:
        """Tell whether an event is to be recorded."""
        if isinstance(event, FileEvent):
            return not (
                event.path.startswith(self._prefixes)
                or event.path in self._exact
                or self._is_excluded(event)
            )
        if isinstance(event, NetworkEvent | DnsEvent):
            return not self._is_excluded(event)
        return True

    def _is_excluded(self, event: Event) -> bool:
        return event.process is not None and event.process.pid in self._pids
