"""Logins, held against last, lastb, lastlog and who, on records that utmpdump made."""

from __future__ import annotations

import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.loginrecords import read_records
from tests.agent.sensors.comparing import printed, program, rows_of, write

AT = 1_714_557_600
WTMPDB = (
    "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, "
    "Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT"
)
LASTLOG2 = (
    "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, "
    "Service TEXT)"
)

INSERTS = {
    WTMPDB: "INSERT INTO wtmp VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    LASTLOG2: "INSERT INTO Lastlog2 VALUES (?, ?, ?, ?, ?)",
}


def database(path: Path, table: str, *rows: tuple[object, ...]) -> Path:
    """Make a database as wtmpdb(8) or lastlog2(8) has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(table)
        made.executemany(INSERTS[table], rows)
    return path


def session(number: int, kind: int, user: str, at: int, until: int | None) -> tuple[object, ...]:
    micro = 1_000_000
    ended = until and (AT + until) * micro
    return (number, kind, user, (AT + at) * micro, ended, f"pts/{number}", "192.0.2.7", "sshd")


SESSIONS = (
    session(1, 1, "reboot", 0, None),
    session(2, 3, "alice", 10, 20),
    session(3, 3, "bob", 30, None),
    session(4, 1, "reboot", 100, 200),
    session(5, 3, "bob", 110, None),
    session(6, 1, "reboot", 300, None),
    session(7, 3, "alice", 310, None),
)

LINE = "[{kind}] [{pid:05}] [{id:4}] [{user:8}] [{line:12}] [{host:20}] [0.0.0.0        ] [{at}]\n"


def record(kind: int, user: str, line: str, at: str, *, pid: int = 1, host: str = "") -> str:
    stamp = f"2024-05-{at},000000+00:00"
    return LINE.format(kind=kind, pid=pid, id=line[-4:], user=user, line=line, host=host, at=stamp)


def dump(path: Path, *records: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [program("utmpdump"), "-r"],
        input="".join(records).encode(),
        capture_output=True,
        env={"TZ": "UTC", "LC_ALL": "C"},
        check=True,
    )
    path.write_bytes(made.stdout)
    return path


BOOT = record(2, "reboot", "~", "01T10:00:00", host="6.1.0")
HISTORY = (
    BOOT,
    record(7, "alice", "tty1", "01T10:01:00", pid=10),
    record(7, "bob", "pts/0", "01T10:02:00", pid=11, host="192.0.2.7"),
    record(8, "", "tty1", "01T10:05:00", pid=10),
    record(2, "reboot", "~", "02T09:00:00", host="6.1.0"),
    record(7, "alice", "pts/0", "02T09:30:00", pid=20, host="host.example"),
)


class TestLoginHistory:
    def test_is_that_of_last(self, tmp_path: Path) -> None:
        path = dump(tmp_path / "var/log/wtmp", *HISTORY)
        shown = printed("env", "TZ=UTC", program("last"), "-F", "-w", "-f", str(path))
        theirs = [line for line in shown.splitlines() if line[:5] in ("alice", "bob  ")]

        rows = rows_of("accounts.login_history", tmp_path)

        assert [row["User"] for row in rows] == [line.split()[0] for line in theirs]
        assert [(row["Logged In"][:19], row["End"]) for row in rows] == [
            ("2024-05-02 09:30:00", ""),
            ("2024-05-01 10:02:00", "crash"),
            ("2024-05-01 10:01:00", "logout"),
        ]
        assert "10:05:00 2024" in theirs[2]
        assert rows[2]["Logged Out"][:19] == "2024-05-01 10:05:00"
        assert (rows[1]["From"], rows[1]["Terminal"]) == ("192.0.2.7", "pts/0")
        assert rows_of("accounts.login_history", tmp_path, max_rows="1") == rows[:1]

    def test_ends_where_a_record_is_broken_off(self, tmp_path: Path) -> None:
        path = dump(tmp_path / "var/log/wtmp", *HISTORY)
        path.write_bytes(path.read_bytes() + b"\xff" * 100)

        assert len(read_records(path)) == len(HISTORY)

    def test_is_that_of_a_database_where_wtmp_is_one(self, tmp_path: Path) -> None:
        database(tmp_path / "var/lib/wtmpdb/wtmp.db", WTMPDB, *SESSIONS)

        rows = rows_of("accounts.login_history", tmp_path)

        assert [(row["User"], row["Terminal"], row["End"]) for row in rows] == [
            ("alice", "pts/7", ""),
            ("bob", "pts/5", "shutdown"),
            ("bob", "pts/3", "crash"),
            ("alice", "pts/2", "logout"),
        ]
        assert rows[3]["Logged In"] == "2024-05-01 10:00:10.000+00:00"
        assert rows[3]["Logged Out"] == "2024-05-01 10:00:20.000+00:00"

    def test_says_when_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="keeps none of"):
            rows_of("accounts.login_history", tmp_path)

    def test_says_when_a_database_is_broken(self, tmp_path: Path) -> None:
        write(tmp_path, {"var/lib/wtmpdb/wtmp.db": bytes(range(256)) * 30})

        with pytest.raises(SensorFailed, match="cannot be read"):
            rows_of("accounts.login_history", tmp_path)

    def test_survives_noise(self, tmp_path: Path) -> None:
        write(tmp_path, {"var/log/wtmp": bytes(range(256)) * 30})

        assert isinstance(rows_of("accounts.login_history", tmp_path), list)


class TestFailedLogins:
    def test_are_counted_as_lastb_lists_them(self, tmp_path: Path) -> None:
        attempts = [
            record(6, "root", "ssh:notty", f"03T00:00:{second:02}", host="198.51.100.9")
            for second in range(40)
        ]
        attempts.append(record(6, "admin", "ssh:notty", "03T01:00:00", host="198.51.100.9"))
        path = dump(tmp_path / "var/log/btmp", *attempts)
        listed = printed(program("lastb"), "-f", str(path)).splitlines()

        rows = rows_of("accounts.failed_logins", tmp_path)

        assert [(row["User"], row["Count"]) for row in rows] == [("admin", "1"), ("root", "40")]
        assert sum(line.startswith("root") for line in listed) == 40
        assert rows[1]["First"][:19] == "2024-05-03 00:00:00"
        assert rows[1]["Last"][:19] == "2024-05-03 00:00:39"


class TestLoggedInUsers:
    def test_are_those_of_who(self, tmp_path: Path) -> None:
        path = dump(
            tmp_path / "run/utmp",
            BOOT,
            record(7, "alice", "tty1", "01T10:01:00", pid=1),
            record(7, "bob", "pts/0", "01T10:02:00", pid=99_999, host="192.0.2.7"),
            record(8, "carol", "pts/1", "01T10:02:00", pid=1),
        )
        write(
            tmp_path,
            {
                "proc/1/stat": "",
                "run/systemd/sessions/1": "UID=0\nUSER=alice\nLEADER=1\nCLASS=user\n",
                "run/systemd/sessions/2": "UID=5\nUSER=dave\nLEADER=7\nSERVICE=sshd\n"
                "REMOTE_HOST=2001:db8::1\nREALTIME=1714557600000000\nCLASS=user\n",
                "run/systemd/sessions/c1": "UID=9\nUSER=gdm\nCLASS=greeter\n",
                "run/systemd/sessions/2.ref": "",
            },
        )

        rows = rows_of("accounts.logged_in", tmp_path)

        listed = {line.split()[0] for line in printed(program("who"), str(path)).splitlines()}
        # `who` trusts the file; bob's process is gone.
        assert listed >= {"alice"}
        assert [(row["User"], row["From"]) for row in rows] == [
            ("alice", ""),
            ("dave", "2001:db8::1"),
        ]
        assert rows[1]["Logged In"] == "2024-05-01 10:00:00.000+00:00"


class TestLastLogins:
    @pytest.mark.root
    def test_are_those_of_lastlog(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "etc/passwd": "root:x:0:0::/:/bin/sh\nalice:x:9:9::/:/bin/sh\nbob:x:8:8::/:/b\n",
                "var/log/lastlog": bytes(292 * 9)
                + struct.pack("=I32s256s", 1_714_557_600, b"pts/3", b"host"),
            },
        )
        shown = printed("env", "TZ=UTC", program("lastlog"), "-R", str(tmp_path))

        rows = {row["User"]: row for row in rows_of("accounts.last_logins", tmp_path)}

        (line,) = (line for line in shown.splitlines() if line.startswith("alice"))
        assert "pts/3" in line
        assert "10:00:00" in line
        assert rows["alice"]["Last Login"] == "2024-05-01 10:00:00.000+00:00"
        assert (rows["alice"]["Terminal"], rows["alice"]["From"]) == ("pts/3", "host")
        assert (rows["root"]["Last Login"], rows["bob"]["Last Login"]) == ("", "")

    def test_take_the_later_of_two_records(self, tmp_path: Path) -> None:
        dump(tmp_path / "var/log/wtmp", *HISTORY)
        write(tmp_path, {"etc/passwd": "alice:x:0:0::/:/bin/sh\n", "var/log/lastlog": bytes(292)})

        (row,) = rows_of("accounts.last_logins", tmp_path)

        assert row["Last Login"] == "2024-05-02 09:30:00.000+00:00"

    def test_are_those_of_the_databases_of_newer_systems(self, tmp_path: Path) -> None:
        write(tmp_path, {"etc/passwd": "alice:x:1:1::/:/bin/sh\nbob:x:2:2::/:/b\nd:x:3:3::/:/b\n"})
        database(tmp_path / "var/lib/wtmpdb/wtmp.db", WTMPDB, *SESSIONS)
        rows = (("bob", AT + 500, "tty2", None, None), ("d", 0, "tty3", "", ""))
        database(tmp_path / "var/lib/lastlog/lastlog2.db", LASTLOG2, *rows)

        found = rows_of("accounts.last_logins", tmp_path)

        assert [(row["User"], row["Last Login"][:19], row["Terminal"]) for row in found] == [
            ("alice", "2024-05-01 10:05:10", "pts/7"),
            ("bob", "2024-05-01 10:08:20", "tty2"),
            ("d", "", ""),
        ]

    def test_are_not_never_where_nobody_wrote_them_down(self, tmp_path: Path) -> None:
        write(tmp_path, {"etc/passwd": "alice:x:0:0::/:/bin/sh\n"})

        with pytest.raises(SensorUnavailable, match=r"lastlog2\.db"):
            rows_of("accounts.last_logins", tmp_path)
