"""Processes, as /proc shows them."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest
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

    @pytest.mark.root
    def test_names_the_user_of_a_process_that_may_not_be_dumped(self) -> None:
        hides = "import ctypes, os; ctypes.CDLL(None).prctl(4, 0); print(flush=True); input()"
        with subprocess.Popen(
            ["/usr/bin/python3", "-c", hides],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user="nobody",
            cwd="/",
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            snapshot = read_process(child.pid)
            child.communicate(b"\n")

        assert snapshot is not None
        assert snapshot.user_id == pwd.getpwnam("nobody").pw_uid

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
