"""Processes, beside ps, pstree and the hashes of coreutils."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorFailed
from agent.sensors.processes import wanted_hashes
from tests.agent.sensors.comparing import assert_agree, printed, program, rows_of
from tests.agent.sensors.running_programs import SLEEP, copy_of_sleep, started

TICK = timedelta(seconds=2)
NOBODY = 65534
ODD: list[str | bytes] = ["s leep", "\x1b[31m\n(1) R 1", b"\xff\xfe", "60"]


def of(pid: int, rows: list[dict[str, str]]) -> dict[str, str]:
    """The one row of a process."""
    (row,) = (row for row in rows if row["PID"] == str(pid))
    return row


def digest(name: str, path: str | Path) -> str:
    return printed(f"{name}sum", str(path)).split()[0].lstrip("\\")


class TestRunningProcesses:
    def test_are_those_of_ps(self) -> None:
        columns = ("pid=", "ppid=", "euser:40=", "comm:80=")

        def look() -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
            rows = rows_of("process.running")
            options = [word for column in columns for word in ("-o", column)]
            listed = printed(program("ps"), "-e", "-ww", *options).splitlines()
            # Behind the name of a zombie ps says that it is one.
            theirs = {tuple(line.removesuffix(" <defunct>").split(None, 3)) for line in listed}
            ours = {
                (row["PID"], row["Parent PID"], row["User"], row["Process Name"]) for row in rows
            }
            # What began or ended between the two looks is nobody's mistake.
            both = {row[0] for row in ours} & {row[0] for row in theirs}
            return {row for row in ours if row[0] in both}, {
                row for row in theirs if row[0] in both
            }

        assert_agree(look)
        assert str(os.getpid()) in {row["PID"] for row in rows_of("process.running")}

    def test_have_the_facts_of_ps(self) -> None:
        with started([SLEEP, "60"]) as child:
            row = of(child.pid, rows_of("process.running"))
            pid = str(child.pid)
            started_at = printed("ps", "-o", "lstart=", "-p", pid).strip()
            kibibytes = int(printed("ps", "-o", "rss=", "-p", pid))
            arguments = printed("ps", "-ww", "-o", "args=", "-p", pid).strip()

        begun = datetime.strptime(started_at, "%a %b %d %H:%M:%S %Y").astimezone(UTC)
        assert abs(datetime.fromisoformat(row["Start Time"]) - begun) < TICK
        assert int(row["Memory"]) == pytest.approx(kibibytes * 1024, abs=1 << 20)
        assert row["Command Line"] == arguments
        assert row["Process Path"] == os.path.realpath(SLEEP)
        assert row["Parent PID"] == str(os.getpid())
        assert float(row["CPU Time"]) < 1

    def test_may_have_any_name_and_arguments(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "a) R 1 (\n")
        script: list[str | bytes] = [sys.executable, "-c", "import time; time.sleep(60)", *ODD]

        with started([str(copy), "60"]) as named, started(script) as argued:
            rows = rows_of("process.running")

        assert of(named.pid, rows)["Process Name"] == "a) R 1 (\n"
        assert of(named.pid, rows)["Process Path"] == str(copy)
        assert of(argued.pid, rows)["Command Line"].endswith(
            "s leep \x1b[31m\n(1) R 1 \\xff\\xfe 60"
        )

    @pytest.mark.root
    def test_belong_to_their_effective_user(self) -> None:
        # Not dumpable: most of its files in /proc belong to root.
        script = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0); time.sleep(60)"
        with started(["/usr/bin/perl", "-e", "sleep 60"], user=NOBODY) as plain:
            assert of(plain.pid, rows_of("process.running"))["User"] == "nobody"
        python = os.path.realpath("/usr/bin/python3")
        if not Path(python).exists():
            pytest.skip("needs a Python that every user may run")
        with started([python, "-c", script], user=NOBODY) as hidden:
            assert_agree(lambda: (Path(f"/proc/{hidden.pid}/stat").stat().st_uid, 0))
            assert of(hidden.pid, rows_of("process.running"))["User"] == "nobody"

    def test_may_be_zombies(self) -> None:
        child = subprocess.Popen([SLEEP, "0"])
        try:
            state = Path(f"/proc/{child.pid}/stat")
            assert_agree(lambda: (state.read_text().split()[2], "Z"))
            row = of(child.pid, rows_of("process.running"))
            assert (row["Process Path"], row["Command Line"]) == ("", "")
        finally:
            child.wait()

    @pytest.mark.slow
    def test_may_end_while_they_are_read(self) -> None:
        with _short_lived():
            for _ in range(3):
                for key in ("process.running", "process.running_with_hash", "process.tree"):
                    assert rows_of(key)
                for key in ("process.open_files", "process.details", "process.loaded_code"):
                    assert rows_of(key, process=".*")
                assert rows_of("process.environment", variable="PATH")


@contextlib.contextmanager
def _short_lived() -> Iterator[None]:
    """Start programs that end at once, as fast as one can."""
    done = threading.Event()

    def start() -> None:
        while not done.is_set():
            subprocess.run(["/bin/true"], check=True)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class TestHashes:
    def test_are_those_of_coreutils(self) -> None:
        with started([SLEEP, "60"]) as child:
            row = of(child.pid, rows_of("process.running_with_hash"))

        assert row["MD5"] == digest("md5", SLEEP)
        assert row["SHA-1"] == digest("sha1", SLEEP)
        assert row["SHA-256"] == digest("sha256", SLEEP)
        assert row["Not Hashed"] == ""

    def test_are_of_what_was_started_not_of_what_is_there_now(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "implant")
        with started([str(copy), "60"]) as child:
            copy.unlink()
            copy.write_text("innocent")
            row = of(child.pid, rows_of("process.running_with_hash"))

        assert row["SHA-256"] == digest("sha256", SLEEP)

    def test_are_left_out_for_a_huge_program(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "huge")
        os.truncate(copy, 1 << 30)
        with started([str(copy), "60"]) as child:
            row = of(child.pid, rows_of("process.running_with_hash"))

        assert (row["MD5"], row["Not Hashed"]) == ("", "Larger than 256 MiB")

    @pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
    def test_find_the_processes_that_run_it(self, tmp_path: Path, kind: str) -> None:
        copy = copy_of_sleep(tmp_path, "marked")
        with copy.open("ab") as file:
            file.write(os.urandom(16))
        asked = f"44d88612fea8a8f36de82e1278abb02f, {digest(kind, copy).upper()}"
        with started([str(copy), "60"]) as child:
            rows = rows_of("process.hash_match", hashes=asked)

        assert [row["PID"] for row in rows] == [str(child.pid)]
        assert rows[0]["MD5"] == digest("md5", copy)

    @pytest.mark.parametrize("wrong", ["", " , ", "nothex" * 6, "44d88612", "a" * 33])
    def test_must_be_hashes(self, wrong: str) -> None:
        with pytest.raises(SensorFailed):
            wanted_hashes(wrong)

    def test_must_not_be_too_many(self) -> None:
        with pytest.raises(SensorFailed, match="More than 500"):
            wanted_hashes(" ".join(f"{number:032x}" for number in range(501)))


class TestIsProcessRunning:
    def test_is_true_for_any_of_its_names(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "vedette-probe-with-a-long-name")
        with started(["other", "60"], executable=copy):
            for name in ("vedette-probe-w", copy.name, copy.name.upper(), str(copy), "other"):
                (row,) = rows_of("process.is_running", name=name)
                assert row == {"Is Process Running": "True"}, name

    def test_is_false_for_a_part_of_a_name(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "vedette-probe")
        with started([str(copy), "60"]):
            (row,) = rows_of("process.is_running", name="vedette-prob")

        assert row == {"Is Process Running": "False"}


class TestDetails:
    def test_are_those_of_ps(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "detailed")
        with started([str(copy), "61"]) as child:
            (row,) = rows_of("process.details", process=str(child.pid))
            columns = ["ppid", "ruser:40", "euser:40", "nlwp", "ni"]
            options = [word for column in columns for word in ("-o", f"{column}=")]
            shown = printed("ps", *options, "-p", str(child.pid)).split()
            folder = printed(program("pwdx"), str(child.pid)).strip().partition(": ")[2]
            rows = rows_of("process.details", process=".*detailed 61")

        names = ("Parent PID", "Real User", "Effective User", "Threads", "Niceness")
        assert [row[name] for name in names] == shown
        assert row["Working Folder"] == folder
        assert row["Root Folder"] == "/"
        assert row["State"] == "sleeping"
        assert row["Traced"] == "False"
        assert [one["PID"] for one in rows] == [str(child.pid)]

    def test_show_the_capabilities(self) -> None:
        mask = (
            f"{int(rows_of('process.details', process=str(os.getpid()))[0]['Capabilities'], 16):x}"
        )

        listed = printed(program("getpcaps"), str(os.getpid())).strip()
        decoded = printed(program("capsh"), f"--decode={mask}").strip()
        count = 0 if decoded.endswith("=") else len(decoded.split(","))
        # `=ep` for all of them, `=` for none, else a list.
        assert ("cap_" in listed or "=ep" in listed or "=eip" in listed) == bool(count)

    def test_of_a_process_that_does_not_exist_are_none(self) -> None:
        assert rows_of("process.details", process="4194305") == []
        assert rows_of("process.details", process="9" * 100) == []

    def test_refuse_what_is_no_expression(self) -> None:
        with pytest.raises(SensorFailed, match="regular expression"):
            rows_of("process.details", process="(")


class TestDeletedExecutables:
    def test_are_found_with_their_hash(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "gone")
        with started([str(copy), "60"]) as child:
            copy.unlink()
            row = of(child.pid, rows_of("process.deleted_executables"))

        assert row["Process Path"] == str(copy)
        assert (row["Memory Only"], row["Replaced"]) == ("False", "False")
        assert row["SHA-256"] == digest("sha256", SLEEP)

    def test_say_when_another_file_took_the_place(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "updated")
        with started([str(copy), "60"]) as child:
            copy.unlink()
            copy_of_sleep(tmp_path, "updated")
            row = of(child.pid, rows_of("process.deleted_executables"))

        assert row["Replaced"] == "True"

    def test_are_not_files_that_are_only_called_so(self, tmp_path: Path) -> None:
        copy = copy_of_sleep(tmp_path, "here (deleted)")
        with started([str(copy), "60"]) as child:
            pids = {row["PID"] for row in rows_of("process.deleted_executables")}
            row = of(child.pid, rows_of("process.running"))

        assert str(child.pid) not in pids
        assert row["Process Path"] == str(copy)

    def test_may_never_have_been_in_a_folder(self) -> None:
        memory = os.memfd_create("inject")
        os.write(memory, Path(SLEEP).read_bytes())
        try:
            with started(
                [SLEEP, "60"], executable=Path(f"/proc/{os.getpid()}/fd/{memory}")
            ) as child:
                row = of(child.pid, rows_of("process.deleted_executables"))
        finally:
            os.close(memory)

        assert row["Process Path"] == "memfd:inject"
        assert row["Memory Only"] == "True"
        assert row["SHA-256"] == digest("sha256", SLEEP)


class TestTree:
    def test_has_the_ancestors_of_pstree(self) -> None:
        with started([SLEEP, "60"]) as child:
            row = of(child.pid, rows_of("process.tree", process=str(child.pid)))
            line = printed(program("pstree"), "-lsAp", str(child.pid)).split("\n")[0]

        chain = row["Ancestors"].split(" > ")
        # pstree begins with the oldest as well.
        names = [part.rpartition("(")[0] for part in line.split("---")]
        assert chain[-1] == "sleep"
        assert chain[: len(names)] == names
        assert row["Tree"].strip() == "└─ sleep"

    def test_shows_what_stands_below_a_match(self) -> None:
        nested = f"{SLEEP} 60 & {SLEEP} 60; wait"
        with started(["sh", "-c", nested]) as shell:

            def look() -> tuple[list[str], list[str]]:
                rows = rows_of("process.tree", process=str(shell.pid))
                return [row["Tree"].strip() for row in rows][1:], ["└─ sleep", "└─ sleep"]

            assert_agree(look)
            rows = rows_of("process.tree", process=str(shell.pid))
            assert rows[0]["PID"] == str(shell.pid)
            assert {row["Parent PID"] for row in rows[1:]} == {str(shell.pid)}
            subprocess.run(["pkill", "-P", str(shell.pid)], check=True)
