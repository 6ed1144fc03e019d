"""Login messages of PAM."""

from __future__ import annotations

import pytest

from agent.recorder.clock import BootClock
from agent.recorder.logins import USER_AUTH, USER_END, USER_LOGIN, USER_LOGOUT, read_login
from agent.recorder.processes import ProcessTable

LOGIN = (
    b' pid=812 uid=0 auid=1000 ses=3 msg=\'op=login id=0 exe="/usr/sbin/sshd" hostname=far'
    b" addr=192.0.2.7 terminal=ssh res=success'"
)


@pytest.fixture
def processes() -> ProcessTable:
    return ProcessTable(BootClock())


class TestReadLogin:
    def test_tells_who_came_from_where(self, processes: ProcessTable) -> None:
        event = read_login(USER_LOGIN, LOGIN, 5, processes)

        assert (event.at, event.operation, event.user) == (5, "logon", "root")
        assert (event.logon_type, event.source_address) == ("remote", "192.0.2.7")
        assert event.service_name == "sshd"

    def test_tells_failure_from_success(self, processes: ProcessTable) -> None:
        failed = LOGIN.replace(b"res=success", b"res=failed")

        assert read_login(USER_LOGIN, failed, 5, processes).operation == "logon failed"

    def test_decodes_a_name_that_is_not_plain(self, processes: ProcessTable) -> None:
        text = b"pid=1 msg='op=PAM:authentication acct=28756E6B6E6F776E29 addr=? res=failed'"

        event = read_login(USER_AUTH, text, 5, processes)

        assert (event.user, event.operation, event.logon_type) == (
            "(unknown)",
            "authentication failed",
            "local",
        )

    @pytest.mark.parametrize(
        ("kind", "operation"), [(USER_LOGOUT, "logoff"), (USER_END, "session closed")]
    )
    def test_tells_the_end(self, kind: int, operation: str, processes: ProcessTable) -> None:
        assert read_login(kind, LOGIN, 5, processes).operation == operation
