"""What is not recorded."""

from __future__ import annotations

from pathlib import Path

from agent.recorder.filters import Filters
from protocol.events import FileEvent, NetworkEvent, Process, ProcessStarted

AGENT = Process(key=1, pid=70, started_at=0, path="/opt/agent")
OTHER = Process(key=2, pid=71, started_at=0, path="/bin/sh")


def wrote(path: str, process: Process | None = OTHER) -> FileEvent:
    return FileEvent(at=1, process=process, operation="write", path=path)


class TestFilters:
    filters = Filters().also(directory=Path("/var/lib/agent"), pids=frozenset({70}))

    def test_excludes_a_directory_and_what_is_in_it(self) -> None:
        assert not self.filters.admits(wrote("/var/lib/agent"))
        assert not self.filters.admits(wrote("/var/lib/agent/outbox/1"))

    def test_admits_a_path_that_only_begins_alike(self) -> None:
        assert self.filters.admits(wrote("/var/lib/agents/x"))

    def test_excludes_what_the_agent_does_but_not_that_it_runs(self) -> None:
        connection = NetworkEvent(
            at=1,
            process=AGENT,
            operation="connect",
            protocol="tcp",
            local_address="",
            local_port=1,
            address="",
            port=2,
        )

        assert not self.filters.admits(wrote("/tmp/x", AGENT))  # noqa: S108 - a name
        assert not self.filters.admits(connection)
        assert self.filters.admits(ProcessStarted(at=1, process=AGENT))

    def test_admits_what_nobody_is_known_for(self) -> None:
        assert self.filters.admits(wrote("/etc/passwd", None))
