"""What processes hold, beside lsof, pmap and ps."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.process_contents import executable_mappings
from tests.agent.sensors.comparing import printed, program, rows_of
from tests.agent.sensors.running_programs import SLEEP, copy_of_sleep, started

HOLDS = """
import os, socket, sys, time
kept = [open(sys.argv[1], "rb"), open(sys.argv[2], "wb"), socket.socket(), os.pipe()]
gone = open(sys.argv[3], "w+b")
os.unlink(sys.argv[3])
print("ready", flush=True)
time.sleep(60)
"""


class TestOpenFiles:
    def test_are_those_of_lsof(self, tmp_path: Path) -> None:
        places = [str(tmp_path / name) for name in ("read\nme", "written", "gone")]
        Path(places[0]).touch()
        with started([sys.executable, "-c", HOLDS, *places]) as child:
            pid = str(child.pid)
            while len(rows_of("process.open_files", process=pid, path=".*gone")) == 0:
                continue
            rows = rows_of("process.open_files", process=pid)
            listed = printed(program("lsof"), "-nP", "-p", pid, "-F", "fan0").split("\n")

        theirs = {}
        for line in listed:
            fields = {field[:1]: field[1:] for field in line.split("\0") if field}
            if fields.get("f", "").isdigit():
                theirs[fields["f"]] = fields
        ours = {row["Descriptor"]: row for row in rows}
        assert ours.keys() == theirs.keys()
        for number, row in ours.items():
            access = {"r": "read", "w": "write", "u": "read, write"}[theirs[number]["a"]]
            assert row["Access"] == access
        files = {row["Path"]: (row["Access"], row["Deleted"]) for row in rows}
        assert files[places[0]] == ("read", "False")
        assert files[places[1]] == ("write", "False")
        assert files[places[2]] == ("read, write", "True")
        assert {"socket", "pipe", "file", "device"} >= {row["Kind"] for row in rows}

    def test_are_chosen_by_path(self) -> None:
        with Path("/etc/hosts").open("rb"):
            rows = rows_of("process.open_files", process=str(os.getpid()), path="/etc/h.*")

        assert [row["Path"] for row in rows] == ["/etc/hosts"]


class TestEnvironment:
    def test_is_what_ps_shows(self) -> None:
        given = {"VEDETTE_ODD": "a=b\n\x1b c", "LD_PROBE": "x", "OTHER": "y"}
        with started([SLEEP, "60"], environment=given) as child:
            pid = str(child.pid)
            rows = rows_of("process.environment", variable="(VEDETTE|LD)_.*", process=pid)
            shown = printed("ps", "eww", "-o", "args=", "-p", pid)

        found = {row["Variable"]: row["Value"] for row in rows}
        assert found == {"VEDETTE_ODD": "a=b\n\x1b c", "LD_PROBE": "x"}
        assert "LD_PROBE=x" in shown

    def test_is_searched_in_all_processes(self) -> None:
        with started([SLEEP, "60"], environment={"VEDETTE_PROBE": "1"}) as child:
            rows = rows_of("process.environment", variable="vedette_probe")

        assert [row["PID"] for row in rows] == [str(child.pid)]


class TestLoadedCode:
    def test_is_what_pmap_shows(self) -> None:
        with started([SLEEP, "60"]) as child:
            rows = rows_of("process.loaded_code", process=str(child.pid))
            listed = printed(program("pmap"), "-p", "-q", str(child.pid)).splitlines()

        theirs = set()
        for line in listed[1:]:
            _start, _size, permissions, path = line.split(None, 3)
            if "x" in permissions and path.startswith("/"):
                theirs.add(path)
        assert {row["Path"] for row in rows} == theirs
        assert {row["Deleted"] for row in rows} == {"False"}

    def test_may_be_deleted(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "lo\nst")
        with started([str(copy), "60"]) as child:
            copy.unlink()
            rows = rows_of("process.loaded_code", process=str(child.pid), path=".*lo.st")

        assert [(row["Path"], row["Deleted"]) for row in rows] == [(str(copy), "True")]

    @given(st.binary(max_size=200))
    def test_survives_any_table(self, raw: bytes) -> None:
        mapped = b"7f-80 r-xp 0 00:00 1 /usr/bin/x y\n"

        assert "/usr/bin/x y" in executable_mappings(raw + b"\n" + mapped)
