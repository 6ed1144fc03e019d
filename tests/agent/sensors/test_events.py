"""Searches over a real, encrypted event store, beside the writer that fills it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.directories import Directories
from agent.identity import store_key
from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.recordedevents import Span, read_span
from eventstore.store import EventStore
from protocol.events import (
    DnsEvent,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessStarted,
    SecurityEvent,
    ancestors_below,
    process_key,
)
from tests.agent.gateway import now
from tests.agent.sensors.comparing import rows_of

MINUTE = 60_000_000
SHELL_HASH = "ab" * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Directories.under(tmp_path / "home").create()
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[EventStore]:
    directories = Directories.under(home)
    key = store_key(directories.store_key_file)
    with EventStore.open(directories.store_file, key=key) as store:
        yield store


def ran(number: int, path: str, *arguments: str, at: int, parent: Process | None = None) -> Process:
    return Process(
        key=process_key(number, at),
        pid=number,
        started_at=at,
        path=path,
        arguments=arguments or (path,),
        user="alice",
        ancestors=ancestors_below(parent),
        sha256=SHELL_HASH if path.endswith("sh") else None,
    )


def fill(store: EventStore, *, at: int) -> None:
    server = ran(10, "/usr/sbin/sshd", at=at)
    shell = ran(11, "/bin/sh", "sh", "-c", "curl x\ny | sh", at=at + 1000, parent=server)
    store.append(
        [
            ProcessStarted(at=at, process=server),
            ProcessStarted(at=at + 1000, process=shell),
            FileEvent(
                at=at + 2000,
                process=shell,
                operation="write",
                path="/etc/cron.d/\x1b[31mx",
                md5="a" * 32,
            ),
            NetworkEvent(
                at=at + 3000,
                process=shell,
                operation="connect",
                protocol="tcp",
                local_address="10.0.0.1",
                local_port=40000,
                address="203.0.113.9",
                port=4444,
                domain="evil.example",
            ),
            DnsEvent(at=at + 4000, process=shell, query="evil.example", record_type="A"),
            ImageLoaded(at=at + 5000, process=None, path="/lib/modules/rootkit.ko"),
            SecurityEvent(
                at=at + 6000,
                process=server,
                operation="logon failed",
                user="root",
                logon_type="remote",
                source_address="198.51.100.7",
                service_name="sshd",
            ),
        ]
    )


class TestTraceExecutedProcesses:
    def test_shows_what_ran_newest_first(self, home: Path, store: EventStore) -> None:
        at = now() - MINUTE
        fill(store, at=at)

        shell, server = rows_of("events.processes", home=home)

        assert (shell["Process Path"], server["Process Path"]) == ("/bin/sh", "/usr/sbin/sshd")
        assert shell["Command Line"] == "sh -c curl x\ny | sh"
        assert (shell["Parent Path"], shell["Parent PID"]) == ("/usr/sbin/sshd", "10")
        assert shell["SHA-256"] == SHELL_HASH
        written = datetime.strptime(shell["Timestamp"], "%Y-%m-%d %H:%M:%S.%f%z")
        assert written == datetime.fromtimestamp((at + 1000) // 1000 / 1000, UTC)

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"process_path": "/BIN/"}, 2),
            ({"process_path": "sshd"}, 1),
            ({"process_path": "sshd", "regex": "1"}, 0),
            ({"process_path": ".*sshd", "regex": "1"}, 1),
            ({"command_line": "curl.*sh", "regex": "0"}, 0),
            ({"command_line": ".*curl.*sh", "regex": "1"}, 1),
            ({"parent_path": "sshd", "user": "alice"}, 1),
            ({"max_rows": "1"}, 1),
            ({"time_range": "last 1 minutes"}, 0),
            ({"time_range": "3 h"}, 2),
        ],
    )
    def test_finds_what_is_asked(
        self, home: Path, store: EventStore, asked: dict[str, str], found: int
    ) -> None:
        fill(store, at=now() - 2 * MINUTE)

        expected = found - 1 if asked.get("process_path") == "/BIN/" else found
        assert len(rows_of("events.processes", Path("/"), home, **asked)) == expected

    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            ({"process_path": "(", "regex": "1"}, "RE2 refuses"),
            ({"process_path": "(?=a)", "regex": "1"}, "RE2 refuses"),
            ({"max_rows": "0"}, "from 1 to 10000"),
            ({"max_rows": "99999"}, "from 1 to 10000"),
            ({"time_range": "yesterday"}, "is no time range"),
        ],
    )
    def test_refuses_what_cannot_be_asked(
        self, home: Path, store: EventStore, asked: dict[str, str], reason: str
    ) -> None:
        with pytest.raises(SensorFailed, match=reason):
            rows_of("events.processes", Path("/"), home, **asked)

    def test_reads_a_period_far_back_in_several_segments(
        self, home: Path, store: EventStore
    ) -> None:
        begin = now() - 10_000 * MINUTE
        tool = ran(7, "/bin/tool", at=begin)
        for hour in range(3):
            store.append(
                [
                    FileEvent(
                        at=begin + hour * 60 * MINUTE + number * 1000,
                        process=tool,
                        operation="write",
                        path=f"/{hour}/{number}",
                    )
                    for number in range(35_000)
                ]
            )
        start = datetime.fromtimestamp((begin + 59 * MINUTE) / 1e6, UTC)
        end = datetime.fromtimestamp((begin + 61 * MINUTE) / 1e6, UTC)
        given = f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}"

        rows = rows_of("events.files", home=home, time_range=given, max_rows="10000", file="99")

        numbers = [int(row["File"].rpartition("/")[2]) for row in rows]
        within = [number for number in range(35_000) if "99" in str(number)]
        assert {row["File"].split("/")[1] for row in rows} == {"1"}
        assert sorted(numbers) == within
        assert numbers == sorted(numbers, reverse=True)

    def test_is_missed_aloud(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="no event store"):
            rows_of("events.processes", home=tmp_path)

    def test_says_that_the_key_is_wrong(self, home: Path, store: EventStore) -> None:
        fill(store, at=now())
        Directories.under(home).store_key_file.write_bytes(bytes(32))

        with pytest.raises(SensorFailed, match="cannot be searched"):
            rows_of("events.processes", home=home)


class TestOtherTraces:
    def test_show_the_tree(self, home: Path, store: EventStore) -> None:
        fill(store, at=now())

        (row,) = rows_of("events.process_trees", home=home, ancestor_path="sshd")

        assert row["Process Tree"] == "/usr/sbin/sshd > /bin/sh"

    def test_count_programs(self, home: Path, store: EventStore) -> None:
        fill(store, at=now() - 2 * MINUTE)
        fill(store, at=now() - MINUTE)

        (row,) = rows_of("events.process_hashes", home=home, hash=SHELL_HASH[:8].upper())

        assert (row["Process Path"], row["Starts"]) == ("/bin/sh", "2")
        with pytest.raises(SensorFailed, match="is no hash"):
            rows_of("events.process_hashes", home=home, hash="xyz")

    def test_show_files_and_connections(self, home: Path, store: EventStore) -> None:
        fill(store, at=now())

        (file,) = rows_of("events.files", home=home, file="cron.d")
        (connection,) = rows_of("events.network", home=home, port="4444", domain="evil")

        assert (file["File"], file["MD5"]) == ("/etc/cron.d/\x1b[31mx", "a" * 32)
        assert (connection["Remote Address"], connection["SHA-256"]) == ("203.0.113.9", SHELL_HASH)
        with pytest.raises(SensorFailed, match="is no port"):
            rows_of("events.network", home=home, port="70000")

    def test_show_names_modules_and_logons(self, home: Path, store: EventStore) -> None:
        fill(store, at=now())

        (name,) = rows_of("events.dns", home=home, query="evil")
        (module,) = rows_of("events.images", home=home, module=".ko")
        (logon,) = rows_of("events.logons", home=home, account="root", operation="failed")

        assert (name["Query"], name["Process Path"]) == ("evil.example", "/bin/sh")
        assert (module["Module"], module["PID"]) == ("/lib/modules/rootkit.ko", "")
        assert (logon["Source Address"], logon["Service"]) == ("198.51.100.7", "sshd")


class TestSpan:
    NOW = 1_800_000_000_000_000

    @pytest.mark.parametrize("text", ["last 90 minutes", "90", "90m", "LAST 5400 seconds"])
    def test_reads_what_just_was(self, text: str) -> None:
        assert read_span(text, now=self.NOW).start == self.NOW - 90 * MINUTE

    def test_reads_two_instants(self) -> None:
        day = 1_714_521_600_000_000  # 2024-05-01

        assert read_span("2024-05-01", now=0) == Span(day, day + 24 * 60 * MINUTE)
        assert read_span("2024-05-01 to 2024-05-02", now=0).end == day + 48 * 60 * MINUTE
        assert read_span("2024-05-01 10:00 to 2024-05-01 12:00", now=0) == Span(
            day + 600 * MINUTE, day + 720 * MINUTE
        )
        assert read_span("2024-05-01 10:00|2024-05-01T12:00+02:00", now=0) == Span(
            day + 600 * MINUTE, day + 600 * MINUTE
        )
        assert read_span("all", now=0).start == 0

    @pytest.mark.parametrize("text", ["x", "last", "a to b", "1 to 2 to 3", "5 years", "9" * 40])
    def test_refuses_other_text(self, text: str) -> None:
        with pytest.raises(SensorFailed, match="no time range"):
            read_span(text, now=0)
