"""The audit fallback: the same programs, and nothing left behind. One at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.recorder.auditnetlink import AuditControl, AuditStatus, pack_rule
from agent.recorder.recorder import Recorder
from protocol.events import NetworkEvent, ProcessExited, ProcessStarted, SecurityEvent
from tests.agent.recorder.leftovers import audit_rules, audit_status
from tests.agent.recorder.recording import Recording, process_of, run
from tests.agent.recorder.test_ebpf import REFUSED
from tests.agent.recorder.user_messages import send_user_message

# The kernel has one audit system: whoever tests it must be alone.
pytestmark = pytest.mark.root

COUNTED_PROGRAMS = 300
NO_RULES = "No rules\n"


@pytest.fixture
def untouched_audit() -> Iterator[dict[str, str]]:
    """Skip where an audit daemon runs; check that the state is the same afterwards."""
    # An agent of the test before may be on its way out.
    deadline = time.monotonic() + 10
    while (before := audit_status())["pid"] != "0" or audit_rules() != NO_RULES:
        if time.monotonic() > deadline:
            pytest.skip("an audit daemon or audit rules are in use on this computer")
        time.sleep(0.1)
    yield before
    after = audit_status()
    for name in ("enabled", "pid", "backlog_limit", "backlog_wait_time"):
        assert after[name] == before[name]
    assert audit_rules() == NO_RULES


@pytest.mark.usefixtures("untouched_audit")
class TestAuditSource:
    def test_tells_the_programs_that_ebpf_tells(self, tmp_path: Path) -> None:
        wanted = COUNTED_PROGRAMS + 1
        with (
            Recording(tmp_path / "a", sources=("audit",)) as by_audit,
            Recording(tmp_path / "b", sources=("ebpf",)) as by_ebpf,
        ):
            for number in range(COUNTED_PROGRAMS):
                run("/bin/true", f"counted-{number}", "two words", "")
                by_audit.read()
            run(b"/bin/true", b"counted-odd", b"\xff\x1b", b"x" * 20_000)
            told = [
                [
                    process_of(event)
                    for event in source.programs("counted-", count=COUNTED_PROGRAMS + 1)
                ]
                for source in (by_audit, by_ebpf)
            ]
            lost = by_audit.recorder.counters()["process"].lost

        same = [
            [
                (p.pid, p.path, p.arguments, p.arguments_length, p.cwd, p.user, p.group_id)
                for p in processes
            ]
            for processes in told
        ]
        assert len(same[0]) == wanted
        assert same[0] == same[1]
        assert [p.ancestors[0].pid for p in told[0]] == [p.ancestors[0].pid for p in told[1]]
        assert lost == 0

    def test_tells_connections(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("audit",)) as recording:
            run(sys.executable, "-c", REFUSED, "9")
            (refused,) = recording.wait_for(
                NetworkEvent, lambda event: event.operation == "refuse" and event.port == 9
            )

        assert refused.address == "127.0.0.1"
        assert process_of(refused).arguments[-1] == "9"

    def test_notices_the_end_of_a_process(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("audit",)) as recording:
            run("/bin/true", "ending")
            ended = recording.wait_for(
                ProcessExited, lambda event: "ending" in process_of(event).command_line
            )

        assert ended[0].exit_code == -1

    def test_hashes_programs_with_the_help_of_fanotify(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("audit", "fanotify")) as recording:
            run("/bin/true", "hashed")
            process = process_of(recording.programs("hashed")[0])

        assert process.sha256 is not None

    def test_tells_logins(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("audit",)) as recording:
            # What PAM sends: an AUDIT_USER_LOGIN message.
            send_user_message(1112, b'op=login acct="eve" addr=192.0.2.9 res=failed')
            (login,) = recording.wait_for(SecurityEvent, lambda event: event.user == "eve")

        assert (login.operation, login.source_address) == ("logon failed", "192.0.2.9")

    def test_is_refused_while_another_owns_the_audit_system(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "a", sources=("audit",)):
            second = Recorder(tmp_path / "b", sources=("audit",))
            second.start()
            health = second.health()
            second.stop()

        assert [(source.name, source.state) for source in health] == [("audit", "absent")]
        assert "owns" in health[0].reason

    def test_reads_along_with_the_daemon_that_runs(self, tmp_path: Path) -> None:
        with (
            Recording(tmp_path / "a", sources=("audit",)),
            Recording(tmp_path / "b", sources=("audit-multicast",)) as along,
        ):
            run("/bin/true", "multicast")
            told = along.programs("multicast")

        assert process_of(told[0]).arguments == ("/bin/true", "multicast")

    def test_tells_logins_beside_ebpf_while_a_daemon_runs(self, tmp_path: Path) -> None:
        with (
            Recording(tmp_path / "a", sources=("audit",)),
            Recording(tmp_path / "b", sources=("ebpf", "audit-logins")) as beside,
        ):
            send_user_message(1112, b'op=login acct="mallory" addr=? res=success')
            run("/bin/true", "not-a-login")
            (login,) = beside.wait_for(SecurityEvent, lambda event: event.user == "mallory")
            health = {source.name: source.state for source in beside.recorder.health()}

        assert login.operation == "logon"
        assert health == {"ebpf": "running", "audit-logins": "running"}

    def test_says_that_logins_need_an_audit_daemon(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("ebpf", "audit-logins")) as recording:
            health = {source.name: source for source in recording.recorder.health()}

        assert health["audit-logins"].state == "absent"
        assert "no audit daemon" in health["audit-logins"].reason

    def test_cleans_up_after_a_killed_predecessor(self, tmp_path: Path) -> None:
        script = (
            "from pathlib import Path; from agent.recorder.recorder import Recorder; import time;"
            f"r = Recorder(Path({str(tmp_path)!r}), sources=('audit',)); r.start();"
            "print('started', flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        ) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == "started\n"
            os.kill(killed.pid, signal.SIGKILL)
        assert "vedette-exec" in audit_rules()

        with Recording(tmp_path / "data", sources=("audit",)) as recording:
            run("/bin/true", "successor")
            assert len(recording.programs("successor")) == 1

    def test_leaves_the_rules_of_others_alone(self, tmp_path: Path) -> None:
        control = AuditControl()
        control.add_rule(pack_rule([500], [(11, 0x40000000, 0xC000003E)], b"foreign"))
        try:
            with Recording(tmp_path / "data", sources=("audit",)):
                assert "vedette-exec" in audit_rules()
            assert "foreign" in audit_rules()
            assert "vedette" not in audit_rules()
        finally:
            subprocess.run(["/usr/sbin/auditctl", "-D"], check=True, capture_output=True)
            control.close()

    def test_counts_what_is_lost_when_it_is_not_read(self, tmp_path: Path) -> None:
        with Recording(tmp_path / "data", sources=("audit",)) as recording:
            source = recording.recorder
            control = AuditControl()
            # A backlog of one record: the kernel has to drop, and must be believed.
            status = control.status()
            control.set_status(AuditStatus(mask=0x10, backlog_limit=1, wait_time=status.wait_time))
            for number in range(200):
                run("/bin/true", f"dropped-{number}")
            control.set_status(AuditStatus(mask=0x10, backlog_limit=8192))
            control.close()
            run("/bin/true", "after-the-drops")
            recording.programs("after-the-drops")
            told = len(
                {
                    event.process.pid
                    for event in recording.events
                    if isinstance(event, ProcessStarted)
                    and event.process is not None
                    and "dropped-" in event.process.command_line
                }
            )
            lost = source.counters()["process"].lost

        # One more or less: a program counts as told by its first record, as lost by any.
        assert told < 200
        assert told + lost >= 199
