"""Searches of what a real recorder saw a real computer do."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from agent.directories import Directories
from agent.identity import store_key
from eventstore.store import EventStore
from protocol.events import DnsEvent, NetworkEvent, ProcessStarted
from tests.agent.recorder.recording import Recording
from tests.agent.sensors.comparing import printed, rows_of

pytestmark = [pytest.mark.root, pytest.mark.slow]

MARK = f"vedette-{uuid.uuid4().hex}"
# A name server that answers nothing hears the question all the same.
WORK = """
import socket, subprocess, sys
mark, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(folder + "/" + mark, "w") as file:
    file.write("x")
socket.create_connection(("127.0.0.1", port)).close()
query = bytes.fromhex("123401000001000000000000") + bytes([len(mark)]) + mark.encode()
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect(("127.0.0.1", 53))
asking.send(query + bytes.fromhex("0474657374000001") + bytes.fromhex("0001"))
subprocess.run([folder + "/program-" + mark, "0.01"])
"""


class Seen:
    """What was done, and the home of the agent that recorded it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.folder = folder
        directories = Directories.under(self.home)
        directories.create()
        key = store_key(directories.store_key_file)
        self.program = folder / f"program-{MARK}"
        # Nobody else runs a program with this content.
        self.program.write_bytes(Path("/bin/sleep").read_bytes() + MARK.encode())
        self.program.chmod(0o755)
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            Recording(folder / "data", sources=("ebpf", "fanotify")) as recording,
            EventStore.open(directories.store_file, key=key) as store,
        ):
            self.port = server.getsockname()[1]
            words = (MARK, str(self.port), str(folder))
            worker = subprocess.Popen([sys.executable, "-c", WORK, *words])
            worker.wait()
            self.pid = worker.pid
            assert len(recording.programs(MARK, count=2)) == 2
            # Large programs get their hashes a moment later.
            assert len(recording.wait_for(ProcessStarted, _is_hashed, count=2)) == 2
            assert recording.files(folder / MARK)
            assert recording.wait_for(NetworkEvent, lambda event: event.port == self.port)
            assert recording.wait_for(DnsEvent, lambda event: MARK in event.query)
            store.append(recording.events)

    def rows(self, key: str, **parameters: str) -> list[dict[str, str]]:
        given = {"time_range": "all", "max_rows": "1000"} | parameters
        return [
            row
            for row in rows_of(key, Path("/"), self.home, **given)
            if row["PID"] == str(self.pid)
        ]


def _is_hashed(event: ProcessStarted) -> bool:
    process = event.process
    return process is not None and MARK in process.command_line and process.sha256 is not None


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return Seen(tmp_path_factory.mktemp("recorded"))


class TestRecordedEvents:
    def test_have_the_program_with_its_hash_and_parent(self, seen: Seen) -> None:
        (row,) = seen.rows("events.processes", command_line=f"{MARK} {seen.port}")

        real = os.path.realpath(sys.executable)
        assert row["Process Path"] == real
        assert row["SHA-256"] == printed("sha256sum", real).split()[0]
        assert (row["Parent PID"], row["User"]) == (str(os.getpid()), "root")

    def test_have_the_tree(self, seen: Seen) -> None:
        rows = rows_of("events.process_trees", home=seen.home, time_range="all")

        (row,) = (row for row in rows if row["Process Tree"].endswith(str(seen.program)))
        assert os.path.realpath(sys.executable) in row["Process Tree"]

    def test_count_programs_by_their_hash(self, seen: Seen) -> None:
        digest = hashlib.sha256(seen.program.read_bytes()).hexdigest()

        rows = rows_of("events.process_hashes", home=seen.home, time_range="all", hash=digest)

        assert [(row["Process Path"], row["Starts"]) for row in rows] == [(str(seen.program), "1")]

    def test_have_the_file(self, seen: Seen) -> None:
        rows = seen.rows("events.files", file=MARK)

        assert {row["File"] for row in rows} == {str(seen.folder / MARK)}
        assert "create" in {row["Operation"] for row in rows}

    def test_have_the_connection(self, seen: Seen) -> None:
        rows = seen.rows("events.network", port=str(seen.port))

        assert {(row["Remote Address"], row["Remote Port"]) for row in rows} == {
            ("127.0.0.1", str(seen.port))
        }

    def test_have_the_question_to_a_name_server(self, seen: Seen) -> None:
        rows = seen.rows("events.dns", query=MARK)

        assert {(row["Query"], row["Type"]) for row in rows} == {(f"{MARK}.test", "A")}
