"""SSH keys, held against ssh-keygen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.sshkeys import read_key
from tests.agent.sensors.comparing import printed, program, rows_of, write


def make_key(folder: Path, kind: str, *more: str) -> Path:
    path = folder / kind
    printed(
        program("ssh-keygen"),
        "-q",
        "-t",
        kind,
        "-N",
        "",
        "-C",
        f"{kind} of x@y",
        "-f",
        str(path),
        *more,
    )
    return path.with_suffix(".pub")


class TestReadKey:
    @pytest.mark.parametrize("kind", [("ed25519",), ("rsa", "-b", "2048"), ("ecdsa", "-b", "384")])
    def test_agrees_with_ssh_keygen(self, tmp_path: Path, kind: tuple[str, ...]) -> None:
        path = make_key(tmp_path, *kind)
        bits, fingerprint, *comment = printed(program("ssh-keygen"), "-lf", str(path)).split()

        key = read_key(path.read_text())

        assert key is not None
        assert (str(key.bits), key.fingerprint) == (bits, fingerprint)
        assert key.comment == " ".join(comment[:-1])

    def test_reads_options_with_blanks(self, tmp_path: Path) -> None:
        line = make_key(tmp_path, "ed25519").read_text()

        key = read_key(f'command="echo \\"ssh-rsa x\\" ",no-pty,from="10.*" {line}')

        assert key is not None
        assert key.options == 'command="echo \\"ssh-rsa x\\" ",no-pty,from="10.*"'
        assert key.type == "ssh-ed25519"

    def test_leaves_out_what_is_no_base64(self) -> None:
        assert [read_key(f"ssh-rsa {word}") for word in ("é", "A", "AAAA!")] == [None] * 3

    @given(st.text() | st.text(alphabet='ssh-ra "\\=ABé,').map(lambda rest: f"ssh-rsa {rest}"))
    def test_survives_any_line(self, line: str) -> None:
        read_key(line)


class TestAuthorizedKeys:
    def test_are_found_wherever_sshd_looks(self, tmp_path: Path) -> None:
        line = make_key(tmp_path, "ed25519").read_text()
        root = write(
            tmp_path / "root",
            {
                "etc/passwd": "alice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n",
                "etc/ssh/sshd_config": "authorizedkeysfile .ssh/authorized_keys /etc/keys/%u\n",
                "home/alice/.ssh/authorized_keys": f"# comment\n\nnonsense\n{line}",
                "etc/keys/bob": f"restrict {line}ssh-rsa !!!!\n",
                "home/bob/.ssh/x": "",
            },
        )

        rows = rows_of("accounts.authorized_keys", root)

        assert [(row["User"], row["Path"], row["Options"]) for row in rows] == [
            ("alice", "/home/alice/.ssh/authorized_keys", ""),
            ("bob", "/etc/keys/bob", "restrict"),
        ]
        assert {row["Fingerprint"] for row in rows} == {
            printed(program("ssh-keygen"), "-lf", str(tmp_path / "ed25519.pub")).split()[1]
        }

    def test_behind_a_link_are_shown_as_sshd_sees_them(self, tmp_path: Path) -> None:
        line = make_key(tmp_path, "ed25519").read_text()
        root = write(
            tmp_path / "root",
            {
                "etc/passwd": "alice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n",
                "home/alice/.ssh/x": "",
                "home/bob/.ssh/x": "",
                "srv/web/.k": line,
                "root/.ssh/authorized_keys": line,
            },
        )
        (root / "root/.ssh/authorized_keys").chmod(0o600)
        (root / "home/alice/.ssh/authorized_keys").symlink_to("../../../srv/web/.k")
        (root / "home/bob/.ssh/authorized_keys").symlink_to(root / "root/.ssh/authorized_keys")
        os.mkfifo(root / "home/bob/.ssh/authorized_keys2")

        rows = rows_of("accounts.authorized_keys", root)

        assert [(row["User"], row["Leads To"], row["Type"], row["Comment"]) for row in rows] == [
            ("alice", "/srv/web/.k", "ssh-ed25519", "ed25519 of x@y"),
            (
                "bob",
                "/root/.ssh/authorized_keys",
                "",
                "(link to /root/.ssh/authorized_keys, which was not read)",
            ),
            ("bob", "", "", "(no file that can be read: pipe)"),
        ]


class TestHostKeys:
    def test_are_public_ones_only(self, tmp_path: Path) -> None:
        line = make_key(tmp_path, "ed25519").read_text()
        root = write(
            tmp_path / "root",
            {"etc/ssh/ssh_host_ed25519_key.pub": line, "etc/ssh/ssh_host_ed25519_key": "secret"},
        )

        (row,) = rows_of("accounts.host_keys", root)

        assert (row["Type"], row["Path"]) == ("ssh-ed25519", "/etc/ssh/ssh_host_ed25519_key.pub")
