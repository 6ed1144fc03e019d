"""What happens to files, and who did it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from agent.recorder.clock import BootClock
from agent.recorder.fanotify import restore_order
from agent.recorder.processes import ProcessTable
from protocol.events import (
    FileEvent,
    Process,
)
from tests.agent.recorder.recording import Recording, process_of, run

pytestmark = pytest.mark.root

COUNTED_FILES = 400


class TestFiles:
    def test_are_told_with_what_happened_to_them(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        path = tmp_path / "file"
        run("/bin/sh", "-c", f"echo x > {path}")
        run("/bin/chmod", "600", str(path))
        run("/bin/mv", str(path), f"{path}.moved")
        run("/bin/rm", f"{path}.moved")

        recording.files(f"{path}.moved", "delete")
        told = [
            (event.operation, Path(process_of(event).path).name)
            for event in recording.events
            if isinstance(event, FileEvent) and event.path.startswith(str(path))
        ]
        renamed = recording.files(f"{path}.moved", "rename")[0]

        assert told == [
            ("create", "dash"),
            ("write", "dash"),
            ("permission", "chmod"),
            ("rename", "mv"),
            ("delete", "rm"),
        ]
        assert renamed.original_path == str(path)

    def test_of_dead_processes_are_told_with_their_process(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        for number in range(COUNTED_FILES):
            run("/bin/sh", "-c", f"echo x > f{number}", cwd=tmp_path)

        def is_counted(event: FileEvent) -> bool:
            return event.operation == "create" and event.path.startswith(f"{tmp_path}/f")

        found = recording.wait_for(FileEvent, is_counted, count=COUNTED_FILES)
        right = [
            event
            for event in found
            if event.process is not None
            and event.process.arguments[-1] == f"echo x > {Path(event.path).name}"
        ]

        assert len(found) == COUNTED_FILES
        assert len(right) >= COUNTED_FILES * 0.995

    def test_of_a_process_that_never_called_exec_are_its_own(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        run("/bin/sh", "-c", f"(echo sub > {tmp_path}/sub; true) & wait; true # forking")

        shell = process_of(recording.programs("# forking")[0])
        writer = process_of(recording.files(tmp_path / "sub", "create")[0])

        assert writer.pid != shell.pid
        assert writer.path == shell.path
        assert writer.ancestors[0].key == shell.key

    def test_in_directories_that_are_gone_have_their_full_path(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        run(
            "/bin/sh",
            "-c",
            f"mkdir -p {tmp_path}/a/b; echo x > {tmp_path}/a/b/c; rm -r {tmp_path}/a",
        )

        recording.files(tmp_path / "a", "delete")

        assert recording.files(tmp_path / "a" / "b" / "c", "create")
        assert recording.files(tmp_path / "a" / "b" / "c", "delete")
        assert recording.files(tmp_path / "a", "create")[0].directory

    def test_follow_a_directory_that_was_renamed(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        (tmp_path / "old").mkdir()
        run("/usr/bin/touch", str(tmp_path / "old" / "first"))
        assert recording.files(tmp_path / "old" / "first", "create")
        run("/bin/mv", str(tmp_path / "old"), str(tmp_path / "new"))
        run("/usr/bin/touch", str(tmp_path / "new" / "second"))

        assert recording.files(tmp_path / "new" / "second", "create")

    def test_have_names_with_any_byte(self, recording: Recording, tmp_path: Path) -> None:
        name = b"a\nb\x1b[2J<script>\xff"
        run(b"/usr/bin/touch", os.fsencode(tmp_path) + b"/" + name)

        assert recording.files(f"{tmp_path}/a\nb\x1b[2J<script>\\xff", "create")

    def test_on_a_file_system_that_is_mounted_later_are_told(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        mounted = tmp_path / "mounted"
        mounted.mkdir()
        run("/bin/mount", "-t", "tmpfs", "tmpfs", str(mounted))
        try:
            recording.read()
            run("/usr/bin/touch", str(mounted / "file"))
            assert recording.files(mounted / "file", "create")
        finally:
            assert run("/bin/umount", str(mounted)) == 0, "the recorder keeps it mounted"

    def test_on_a_file_system_of_another_mount_namespace_are_told(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        inner = (
            f"mount -t tmpfs tmpfs {tmp_path}; touch /dev/null; read go;"
            f"touch {tmp_path}/inner; read end"
        )
        with subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", inner], stdin=subprocess.PIPE, text=True
        ) as shell:
            assert shell.stdin is not None
            recording.programs("touch /dev/null", count=3)
            time.sleep(0.2)  # the mounts of a namespace are read again after a tenth of a second
            recording.read()
            shell.stdin.write("\n")
            shell.stdin.flush()
            told = recording.files(tmp_path / "inner", "create")
            shell.stdin.write("\n")

        assert told

    @pytest.mark.slow
    def test_of_a_storm_of_deletes_are_all_told(self, recording: Recording, tmp_path: Path) -> None:
        count = 50_000
        storm = tmp_path / "storm"
        storm.mkdir()
        for number in range(count):
            (storm / f"f{number}").touch()
        recording.read()
        recording.events.clear()
        run("/bin/rm", "-r", str(storm))

        def is_deleted(event: FileEvent) -> bool:
            return event.operation == "delete" and event.path.startswith(f"{storm}/f")

        found = recording.wait_for(FileEvent, is_deleted, count=count)

        assert len({event.path for event in found}) == count
        assert {process_of(event).arguments[0] for event in found} == {"/bin/rm"}
        assert recording.recorder.counters()["file"].lost == 0

    def test_of_the_agent_itself_are_filtered_and_counted(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        (tmp_path / "own").touch()
        run("/usr/bin/touch", str(tmp_path / "data" / "foreign"), str(tmp_path / "after"))

        assert recording.files(tmp_path / "after", "create")
        assert not any(
            isinstance(event, FileEvent)
            and event.path in (f"{tmp_path}/own", f"{tmp_path}/data/foreign")
            for event in recording.events
        )
        counters = recording.recorder.counters()["file"]
        assert counters.filtered >= 2
        assert counters.seen == counters.recorded + counters.filtered


class TestRestoreOrder:
    table = ProcessTable(BootClock(0))

    def event(self, operation: str, at: int, process: Process | None = None) -> FileEvent:
        return FileEvent(at=at, process=process, operation=operation, path="/x")

    def test_dates_what_came_before_no_later_than_what_came_after(self) -> None:
        events = [self.event("create", 900), self.event("delete", 500), self.event("create", 900)]

        restore_order(events, self.table)

        assert [event.at for event in events] == [500, 500, 900]

    def test_does_not_trust_when_a_dead_process_closed_its_files(self) -> None:
        late = Process(key=1, pid=7, started_at=700, path="/bin/late")
        self.table.started(late, started_ns=0)
        events = [self.event("create", 900, late), self.event("write", 500)]

        restore_order(events, self.table)

        assert events[0].process is late
        assert events[0].at == 700
