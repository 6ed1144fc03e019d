"""What the audit source could not read is counted as what it was."""

from __future__ import annotations

import pytest

from agent.recorder import audit
from agent.recorder.audit import AuditSource
from agent.recorder.auditnetlink import CONNECT_KEY, EXEC_KEY, AuditStatus
from agent.recorder.auditrecords import END, EXECVE, SOCKADDR, SYSCALL
from agent.recorder.clock import BootClock
from agent.recorder.logins import LOGIN_TYPES
from agent.recorder.processes import ProcessTable


class Kernel:
    """An audit system that has these records, and drops so many."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes]] = []
        self.dropped = 0

    def status(self) -> AuditStatus:
        return AuditStatus(lost=self.dropped)

    def delete_own_rules(self) -> list[bytes]:
        return []

    def set_status(self, status: AuditStatus) -> None:
        """Nothing to set."""

    def add_rule(self, rule: bytes) -> None:
        """Nothing to add."""

    def own(self) -> None:
        """It has no other owner."""

    def receive(self) -> tuple[int, bytes] | None:
        return self.records.pop(0) if self.records else None

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(audit, "AuditControl", lambda: made)
    monkeypatch.setattr(audit, "AuditStream", lambda: made)
    return made


@pytest.fixture
def source(kernel: Kernel) -> AuditSource:
    clock = BootClock()
    started = AuditSource(ProcessTable(clock), clock)
    started.start()
    return started


def call(serial: int, key: bytes, kind: int) -> list[tuple[int, bytes]]:
    """Return the records of a system call that lack what they must have."""
    stamp = b"audit(1700000000.000:%d): " % serial
    return [(SYSCALL, stamp + b'key="%s"' % key), (kind, stamp + b"saddr=00"), (END, stamp)]


class TestLost:
    def test_counts_unreadable_records_per_kind(self, kernel: Kernel, source: AuditSource) -> None:
        kernel.records = [
            *call(1, EXEC_KEY, EXECVE),
            *call(2, CONNECT_KEY, SOCKADDR),
            *call(3, CONNECT_KEY, SOCKADDR),
            (min(LOGIN_TYPES), b"audit(1700000000.000:4): acct=zz"),
        ]

        source.drain(lambda event: None)

        lost = source.lost()
        assert (lost["process"], lost["network"]) == (1, 2)

    def test_counts_what_the_kernel_dropped_as_processes(
        self, kernel: Kernel, source: AuditSource
    ) -> None:
        kernel.dropped = 7

        assert source.lost() == {"process": 7}
        assert any("counted as processes" in what for what in source.capabilities().blind_to)
