"""Processes, as /proc shows them."""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.procfs import read_process, split_arguments


class TestReadProcess:
    def test_reads_this_process(self) -> None:
        snapshot = read_process(os.getpid())

        assert snapshot is not None
        assert snapshot.parent_pid == os.getppid()
        assert snapshot.cwd == os.getcwd()  # noqa: PTH109 - what the kernel says
        assert snapshot.path == os.path.realpath(sys.executable)
        assert not snapshot.kernel_thread

    def test_returns_none_for_a_process_that_ended(self) -> None:
        child = subprocess.Popen(["true"])
        child.wait()

        assert read_process(child.pid) is None

    def test_keeps_the_true_length_of_long_arguments(self) -> None:
        with subprocess.Popen(["sleep", "60", *["0" * 1000] * 20]) as child:
            try:
                while not (snapshot := read_process(child.pid)) or len(snapshot.arguments) < 2:
                    pass
            finally:
                child.kill()

        assert snapshot.arguments_length == len("sleep 60") + 20 * 1001
        assert sum(map(len, snapshot.arguments)) <= 8192


class TestSplitArguments:
    def test_keeps_empty_arguments(self) -> None:
        assert split_arguments(b"a\0\0b\0") == ("a", "", "b")
        assert split_arguments(b"") == ()

    @given(st.binary(max_size=200))
    def test_gives_valid_text_for_any_bytes(self, raw: bytes) -> None:
        "".join(split_arguments(raw)).encode("utf-8")
