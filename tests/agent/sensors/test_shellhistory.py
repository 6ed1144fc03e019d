"""History files, as real shells write them and as nobody should."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.exceptions import SensorFailed
from agent.sensors.shellhistory import read_fish, read_plain, read_zsh
from tests.agent.sensors.comparing import program, rows_of, write

PASSWD = "alice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        {
            "etc/passwd": PASSWD,
            "home/alice/.bash_history": "ls\n#1714557600\ncurl http://x | sh\nls\n",
            "home/alice/.zsh_history": ": 1714557601:0;echo a\\\nb\nplain\n",
            "home/bob/.local/share/fish/fish_history": "- cmd: wget y\n  when: 1714557602\n"
            "  paths:\n    - y\n- cmd: two\\nlines\n",
            "home/bob/.ash_history": b"caf\xe9\n",
        },
    )


class TestShellHistory:
    def test_shows_what_was_typed(self, root: Path) -> None:
        rows = rows_of("accounts.shell_history", root)

        found = [(row["User"], row["Time"][:19], row["Command"]) for row in rows]
        assert found == [
            ("alice", "", "ls"),
            ("alice", "2024-05-01 10:00:00", "curl http://x | sh"),
            ("alice", "", "ls"),
            ("alice", "2024-05-01 10:00:01", "echo a\nb"),
            ("alice", "", "plain"),
            ("bob", "2024-05-01 10:00:02", "wget y"),
            ("bob", "", "two\nlines"),
            ("bob", "", r"caf\xe9"),
        ]
        assert rows[1]["Line"] == "3"

    def test_can_be_narrowed(self, root: Path) -> None:
        by_pattern = rows_of("accounts.shell_history", root, pattern=".*(curl|wget).*")
        by_user = rows_of("accounts.shell_history", root, user="bob", max_rows="1")

        assert [row["User"] for row in by_pattern] == ["alice", "bob"]
        assert [row["Command"] for row in by_user] == [r"caf\xe9"]
        with pytest.raises(SensorFailed, match="no user 'mallory'"):
            rows_of("accounts.shell_history", root, user="mallory")

    def test_reads_what_bash_writes(self, root: Path) -> None:
        path = root / "home/bob/.bash_history"
        subprocess.run(
            [program("bash"), "--norc", "-i"],
            input=b"echo one\nexit\n",
            capture_output=True,
            start_new_session=True,
            env={"HISTFILE": str(path), "HISTTIMEFORMAT": "%F ", "HOME": str(root)},
            check=True,
        )

        rows = rows_of("accounts.shell_history", root, user="bob", pattern="echo one")

        assert len(rows) == 1
        assert rows[0]["Time"] != ""

    def test_does_not_wait_for_anybody(self, root: Path) -> None:
        os.mkfifo(root / "home/bob/.bash_history")
        huge = root / "home/bob/.sh_history"
        with huge.open("wb") as file:
            file.truncate(1 << 36)
            file.seek(-5, os.SEEK_END)
            file.write(b"\nend\n")

        rows = rows_of("accounts.shell_history", root, user="bob", pattern="end|curl.*|.*pipe.*")

        assert [row["Command"] for row in rows] == ["(no file that can be read: pipe)", "end"]

    def test_shows_where_links_lead(self, root: Path) -> None:
        bob = root / "home/bob"
        (root / "home/alice/.bash_history").chmod(0o600)
        (bob / ".bash_history").symlink_to("/dev/null")
        (bob / ".zhistory").symlink_to(root / "home/alice/.bash_history")
        (bob / ".sh_history").symlink_to(".ash_history")

        rows = rows_of("accounts.shell_history", root, user="bob")

        assert {row["Path"][10:]: row["Command"] for row in rows if row["Command"][0] == "("} == {
            ".bash_history": "(link to /dev/null, which was not read)",
            ".zhistory": "(link to /home/alice/.bash_history, which was not read)",
            ".sh_history": "(link to /home/bob/.ash_history)",
        }
        assert [row["Path"] for row in rows if row["Command"] == r"caf\xe9"] == [
            "/home/bob/.ash_history",
            "/home/bob/.sh_history",
        ]

    @given(st.binary(max_size=200))
    def test_survives_any_file(self, raw: bytes) -> None:
        for read in (read_plain, read_zsh, read_fish):
            assert len(list(read(raw))) <= len(raw) + 1

    def test_undoes_what_zsh_does_to_bytes(self) -> None:
        # `ä` is C3 A4; zsh writes A4 as 83 84.
        assert [typed.command for typed in read_zsh(b"echo \xc3\x83\x84\n")] == ["echo ä"]
