"""What the recorder tells of things that really happen, from eBPF and fanotify."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.recorder.recorder import Recorder
from protocol.events import (
    DnsEvent,
    Event,
    FileEvent,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
)
from tests.agent.recorder.leftovers import assert_unloaded, loaded_programs
from tests.agent.recorder.recording import Recording
from tests.agent.recorder.sandbox import WORKING_DIRECTORY, Sandbox

pytestmark = pytest.mark.root

COUNTED_PROGRAMS = 300
COUNTED_FILES = 400


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with Recording(tmp_path / "data", sources=("ebpf", "fanotify")) as running:
        yield running


def run(*arguments: str | bytes, cwd: Path | None = None) -> int:
    return subprocess.run(arguments, cwd=cwd, check=False, capture_output=True).returncode


def process_of(event: Event) -> Process:
    assert event.process is not None
    return event.process


class TestPrograms:
    def test_are_all_told_with_their_arguments(self, recording: Recording) -> None:
        for number in range(COUNTED_PROGRAMS):
            run("/bin/true", f"counted-{number}", "two words", "")

        found = recording.programs("counted-", count=COUNTED_PROGRAMS)

        assert [process_of(event).arguments for event in found] == [
            ("/bin/true", f"counted-{n}", "two words", "") for n in range(COUNTED_PROGRAMS)
        ]
        assert recording.recorder.counters()["process"].lost == 0

    def test_have_the_fields_that_the_system_gives_them(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        run("/bin/true", "fielded", cwd=tmp_path)

        process = process_of(recording.programs("fielded")[0])

        own = Path("/proc/self")
        assert process.path == str(Path("/bin/true").resolve())
        assert process.cwd == str(tmp_path)
        assert (process.user, process.user_id, process.group_id) == ("root", 0, 0)
        login = int((own / "loginuid").read_text())
        assert process.login_user_id == (-1 if login == 2**32 - 1 else login)
        assert process.arguments_length == len("/bin/true fielded")
        assert process.ancestors[0].pid == os.getpid()
        assert process.ancestors[0].path == os.path.realpath(sys.executable)
        assert process.sha256 == hashlib.sha256(Path("/bin/true").read_bytes()).hexdigest()
        assert abs(process.started_at / 1e6 - time.time()) < 60

    def test_end_with_their_exit_code_or_what_killed_them(self, recording: Recording) -> None:
        run("/bin/sh", "-c", "exit 7 # leaving")
        run("/bin/sh", "-c", "kill -9 $$ # killing")

        def ended(mark: str) -> ProcessExited:
            return recording.wait_for(
                ProcessExited, lambda event: mark in process_of(event).command_line
            )[0]

        assert (ended("leaving").exit_code, ended("leaving").killed_by) == (7, 0)
        assert (ended("killing").exit_code, ended("killing").killed_by) == (0, 9)

    def test_keep_eight_kibibytes_of_arguments_and_their_true_length(
        self, recording: Recording
    ) -> None:
        run("/bin/true", "lengthy", "x" * 20_000)

        process = process_of(recording.programs("lengthy")[0])

        assert process.arguments_length == len("/bin/true lengthy ") + 20_000
        assert len("\0".join(process.arguments)) == 8192

    def test_show_arguments_that_are_not_text(self, recording: Recording) -> None:
        run(b"/bin/true", b"textless", b"\xff\xfe", b"<script>\x1b[2J\n")

        process = process_of(recording.programs("textless")[0])

        assert process.arguments[2:] == ("\\xff\\xfe", "<script>\x1b[2J\n")

    def test_have_paths_with_any_byte(self, recording: Recording, tmp_path: Path) -> None:
        program = tmp_path / os.fsdecode(b"<script>\n\x1b[31m\xff")
        shutil.copy("/bin/true", program)
        run(os.fsencode(program), b"pathological")

        process = process_of(recording.programs("pathological")[0])

        assert process.path == f"{tmp_path}/<script>\n\x1b[31m\\xff"

    def test_that_replace_each_other_in_one_process_have_their_own_keys(
        self, recording: Recording
    ) -> None:
        run("/bin/sh", "-c", "exec env chained=1 sh -c 'exec true chained'")

        found = [process_of(event) for event in recording.programs("chained", count=4)]

        assert len({process.pid for process in found}) == 1
        assert len({process.key for process in found}) == len(found) == 4
        assert [Path(process.path).name for process in found][-1] == "true"
        assert {process.ancestors[0].pid for process in found} == {os.getpid()}

    def test_of_a_memory_file_are_flagged(self, recording: Recording) -> None:
        script = (
            "import os, shutil\n"
            "fd = os.memfd_create('hidden')\n"
            "os.write(fd, open('/bin/true', 'rb').read())\n"
            "os.execv(f'/proc/self/fd/{fd}', ['memorial'])\n"
        )
        run(sys.executable, "-c", script)

        def is_memorial(event: ProcessStarted) -> bool:
            return process_of(event).arguments == ("memorial",)

        process = process_of(recording.wait_for(ProcessStarted, is_memorial)[0])

        assert (process.path, process.memory_only) == ("memfd:hidden", True)

    def test_in_a_sandbox_have_the_paths_that_the_sandbox_sees(self, recording: Recording) -> None:
        sandbox = Sandbox()
        try:
            assert sandbox.run("cp /bin/true inner; ./inner boxed-in") == 0
            found = recording.programs("./inner boxed-in", count=3)
        finally:
            sandbox.remove()

        inner = process_of(found[-1])
        assert (inner.path, inner.cwd) == (f"{WORKING_DIRECTORY}/inner", WORKING_DIRECTORY)

    def test_that_ran_before_are_told_as_such(self, tmp_path: Path) -> None:
        recorder = Recorder(tmp_path / "data", sources=("ebpf",))
        recorder.start()
        try:
            events = recorder.drain()
        finally:
            recorder.stop()

        own = [
            e for e in events if isinstance(e, ProcessStarted) and process_of(e).pid == os.getpid()
        ]
        assert [event.already_running for event in own] == [True]

    def test_keep_their_key_over_a_restart(self, tmp_path: Path) -> None:
        keys = []
        with subprocess.Popen(["/bin/sleep", "60"]) as child:
            try:
                for _ in range(2):
                    recorder = Recorder(tmp_path / "data", sources=("ebpf",))
                    recorder.start()
                    keys += [
                        process_of(e).key
                        for e in recorder.drain()
                        if process_of(e).pid == child.pid
                    ]
                    recorder.stop()
            finally:
                child.kill()

        assert len(keys) == 2
        assert keys[0] == keys[1]


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


class TestHashes:
    def test_are_known_of_programs_that_delete_themselves(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        shell = Path("/bin/sh").resolve()
        digests = []
        for number in range(30):
            dropper = tmp_path / f"dropper{number}"
            dropper.write_bytes(shell.read_bytes() + os.urandom(16))
            dropper.chmod(0o755)
            digests.append(hashlib.sha256(dropper.read_bytes()).hexdigest())
            run(str(dropper), "-c", f"rm {dropper} # dropped")

        found = [
            process_of(event)
            for event in recording.programs("# dropped", count=30)
            if "dropper" in process_of(event).path
        ]

        assert [process.sha256 for process in found] == digests
        assert not list(tmp_path.glob("dropper*"))

    def test_follow_a_program_that_is_changed_in_place(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        program = tmp_path / "changing"
        digests = []
        for number in range(3):
            with program.open("wb") as file:
                file.write(Path("/bin/true").read_bytes() + bytes([number]))
            program.chmod(0o755)
            digests.append(hashlib.sha256(program.read_bytes()).hexdigest())
            run(str(program), "changed")
            recording.read()

        found = recording.programs("changed", count=3)

        assert [process_of(event).sha256 for event in found] == digests

    def test_are_not_those_of_another_content(self, recording: Recording, tmp_path: Path) -> None:
        program = tmp_path / "replaced"
        for number in range(2):
            with program.open("wb") as file:
                file.write(Path("/bin/true").read_bytes() + bytes([number]))
            program.chmod(0o755)
            run(str(program), "overwritten")
            time.sleep(0.02)  # file systems count changes in steps of a few milliseconds

        first, second = recording.programs("overwritten", count=2)

        assert process_of(first).sha256 is None
        assert process_of(second).sha256 == hashlib.sha256(program.read_bytes()).hexdigest()

    async def test_of_a_large_program_are_there_when_it_is_told(self, tmp_path: Path) -> None:
        program, digest = make_large_program(tmp_path)
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        seen: list[str | None] = []

        def sink(events: list[Event]) -> None:
            for event in events:
                if isinstance(event, ProcessStarted) and "sizeable" in process_of(event).arguments:
                    seen.append(process_of(event).sha256)
                    recorder.request_stop()

        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(recorder.run(sink))
                child = await asyncio.create_subprocess_exec(program, "sizeable")
                await child.wait()
                await running
        finally:
            recorder.stop()

        assert seen == [digest]


def make_large_program(folder: Path) -> tuple[Path, str]:
    program = folder / "large"
    program.write_bytes(Path("/bin/true").read_bytes() + bytes(4_000_000))
    program.chmod(0o755)
    return program, hashlib.sha256(program.read_bytes()).hexdigest()


SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer, _ = server.accept()
    peer.recv(1)
"""
CLIENT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
REFUSED = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])))
except ConnectionRefusedError:
    sys.exit(3)
"""


class TestNetwork:
    def test_tells_both_ends_of_a_connection(self, recording: Recording) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with subprocess.Popen([sys.executable, "-c", CLIENT, str(port)]) as client:
                client.wait()

        def told(operation: str) -> NetworkEvent:
            return recording.wait_for(
                NetworkEvent,
                lambda event: (
                    event.operation == operation and port in (event.port, event.local_port)
                ),
            )[0]

        assert process_of(told("listen")).pid == server.pid
        assert process_of(told("connect")).pid == client.pid
        assert process_of(told("accept")).pid == server.pid
        assert (told("connect").address, told("connect").port) == ("127.0.0.1", port)
        assert told("accept").local_port == port
        assert told("accept").port == told("connect").local_port
        assert told("close")

    def test_tells_a_connection_that_was_refused(self, recording: Recording) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        assert run(sys.executable, "-c", REFUSED, str(port)) == 3

        (refused,) = recording.wait_for(
            NetworkEvent, lambda event: event.operation == "refuse" and event.port == port
        )
        assert process_of(refused).arguments[-1] == str(port)

    def test_names_the_owner_of_a_listener_that_was_there_before(self, tmp_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with Recording(tmp_path / "data", sources=("ebpf",)) as recording:
                run(sys.executable, "-c", CLIENT, str(port))
                (accepted,) = recording.wait_for(
                    NetworkEvent,
                    lambda event: event.operation == "accept" and event.local_port == port,
                )

        assert process_of(accepted).pid == server.pid

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_tells_a_question_to_a_name_server(self, recording: Recording, address: str) -> None:
        family = "AF_INET6" if ":" in address else "AF_INET"
        name = f"asked.by.{family.lower().replace('_', '-')}.example"
        labels = "".join(f"\\x{len(label):02x}{label}" for label in name.split("."))
        script = (
            f"import socket; s = socket.socket(socket.{family}, socket.SOCK_DGRAM);"
            f"s.sendto(b'\\0\\7\\1\\0\\0\\1' + bytes(6) + b'{labels}\\0\\0\\1\\0\\1',"
            f"('{address}', 53))"
        )
        if run(sys.executable, "-c", script) != 0:
            pytest.skip(f"this computer has no {address}")

        (asked,) = recording.wait_for(DnsEvent, lambda event: event.query == name)

        assert (asked.record_type, asked.server) == ("A", address)
        assert process_of(asked).arguments[-1] == script


class TestRun:
    async def test_tells_what_happens_within_a_tick_in_the_order_of_time(
        self, tmp_path: Path
    ) -> None:
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        batches: list[list[Event]] = []
        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(recorder.run(batches.append))
                for number in range(20):
                    child = await asyncio.create_subprocess_exec("/bin/true", f"ordered-{number}")
                    await child.wait()
                recorder.request_stop()
                await running
        finally:
            recorder.stop()

        marked = [
            process_of(event).arguments[1]
            for batch in batches
            for event in batch
            if isinstance(event, ProcessStarted) and "ordered-" in process_of(event).command_line
        ]
        assert marked == [f"ordered-{number}" for number in range(20)]
        assert all(batch == sorted(batch, key=lambda event: event.at) for batch in batches)

    async def test_ends_with_what_the_sink_raises(self, tmp_path: Path) -> None:
        recorder = Recorder(tmp_path / "data", sources=("ebpf",))
        recorder.start()

        def refuse(_: list[Event]) -> None:
            raise OSError("disk full")

        try:
            with pytest.raises(OSError, match="disk full"):
                await recorder.run(refuse)
        finally:
            recorder.stop()


class TestStop:
    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        before = loaded_programs()
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
        recorder = Recorder(tmp_path / "data", sources=("ebpf", "fanotify"))
        recorder.start()
        recorder.drain()
        started = loaded_programs() - before

        recorder.stop()
        recorder.stop()

        assert started
        assert_unloaded(started)
        assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


class TestHealth:
    def test_names_the_sources_and_what_they_cannot_see(self, recording: Recording) -> None:
        sources = {source.name: source for source in recording.recorder.health()}

        assert sources["ebpf"].state == "running"
        assert set(sources["ebpf"].kinds) == {"process", "exit", "network", "dns"}
        assert sources["ebpf"].blind_to
        assert sources["fanotify"].kinds == ["file"]
