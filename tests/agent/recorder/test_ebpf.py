"""Programs, connections and questions to name servers, as the kernel programs tell them."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.recorder.recorder import Recorder
from protocol.events import (
    DnsEvent,
    NetworkEvent,
    ProcessExited,
    ProcessStarted,
)
from tests.agent.recorder.recording import Recording, process_of, run
from tests.agent.recorder.sandbox import WORKING_DIRECTORY, Sandbox

pytestmark = pytest.mark.root

COUNTED_PROGRAMS = 300

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
                        e.process.key
                        for e in recorder.drain()
                        if e.process is not None and e.process.pid == child.pid
                    ]
                    recorder.stop()
            finally:
                child.kill()

        assert len(keys) == 2
        assert keys[0] == keys[1]


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
