"""Which event sources there are for processes and network, best first, and how to start one.

One of them is used. Which one, and why the better ones are not, is part of the agent's status:
quiet and blind must look different.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from agent.recorder.audit import AuditMulticastSource, AuditSource
from agent.recorder.clock import BootClock
from agent.recorder.ebpf import EbpfSource
from agent.recorder.exceptions import RecorderError
from agent.recorder.executables import FileIdentity
from agent.recorder.procconnector import ProcConnectorSource
from agent.recorder.processes import ProcessTable
from agent.recorder.procpolling import ProcPollingSource
from agent.recorder.source import Source
from protocol.events import Process

logger = logging.getLogger(__name__)


class ProcessSource(Source, Protocol):
    """A source that starts processes and so knows what the last `drain` started."""

    @property
    def programs(self) -> Sequence[tuple[Process, FileIdentity | None]]:
        """The programs that were started, with the identity of their files where it is known."""

    @property
    def mount_namespaces(self) -> Mapping[int, Sequence[int]]:
        """The mount namespaces in which something started, with the pids that did."""


Factory: TypeAlias = Callable[[ProcessTable, BootClock], ProcessSource]

PROCESS_SOURCES: Final[dict[str, Factory]] = {
    "ebpf": EbpfSource,
    "audit": AuditSource,
    "audit-multicast": AuditMulticastSource,
    "proc-connector": ProcConnectorSource,
    "proc-polling": ProcPollingSource,
}


class Selection(msgspec.Struct):
    """The source in use, if any, and why each better one is not."""

    source: ProcessSource | None
    absent: dict[str, str]


def start_best_source(
    allowed: Sequence[str], processes: ProcessTable, clock: BootClock
) -> Selection:
    """Start the first source that works, among those that are allowed."""
    absent: dict[str, str] = {}
    for name, factory in PROCESS_SOURCES.items():
        if name not in allowed:
            continue
        source = factory(processes, clock)
        try:
            source.start()
        except RecorderError as error:
            absent[name] = str(error).partition("\n")[0]
            logger.info("event source %s is not used: %s", name, error)
        else:
            return Selection(source, absent)
    return Selection(None, absent)
