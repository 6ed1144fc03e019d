"""Private keys of SSH, held against ssh-keygen: whose they are, and what protects them."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.sshprivatekeys import NOTHING, PASSPHRASE, read_private_key
from tests.agent.sensors.comparing import printed, program, rows_of, write

PASSWD = "alice:x:1:1::/home/alice:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n"
SECRET = "correct horse"


def make_key(path: Path, *options: str, passphrase: str = "") -> tuple[str, str]:
    """Make a key; return its length and its fingerprint as ssh-keygen tells them."""
    tool = program("ssh-keygen")
    printed(tool, "-q", "-N", passphrase, "-C", "x@y", "-f", str(path), *options)
    bits, fingerprint, *_ = printed(tool, "-lf", str(path.with_suffix(".pub"))).split()
    return bits, fingerprint


def putty_key(blob: bytes, cipher: str) -> str:
    lines = base64.b64encode(blob).decode()
    return (
        f"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: {cipher}\r\nComment: of alice\r\n"
        f"Public-Lines: 2\r\n{lines[:64]}\r\n{lines[64:]}\r\nPrivate-Lines: 1\r\nAAAA\r\n"
    )


class TestReadPrivateKey:
    @pytest.mark.parametrize(
        "options", [("-t", "ed25519"), ("-t", "rsa", "-b", "2048"), ("-t", "ecdsa", "-b", "384")]
    )
    @pytest.mark.parametrize("passphrase", ["", SECRET])
    def test_of_openssh_tells_its_public_half(
        self, tmp_path: Path, options: tuple[str, ...], passphrase: str
    ) -> None:
        told = make_key(tmp_path / "key", *options, passphrase=passphrase)

        key = read_private_key((tmp_path / "key").read_text())

        assert key is not None
        assert key.public is not None
        assert (str(key.public.bits), key.public.fingerprint) == told
        assert key.protection == (PASSPHRASE if passphrase else NOTHING)
        assert key.format == "OpenSSH"

    @pytest.mark.parametrize("passphrase", ["", SECRET])
    @pytest.mark.parametrize(("form", "named"), [("PEM", "PEM"), ("PKCS8", "PKCS #8")])
    def test_of_older_forms_tells_its_protection(
        self, tmp_path: Path, passphrase: str, form: str, named: str
    ) -> None:
        make_key(tmp_path / "key", "-t", "rsa", "-b", "2048", "-m", form, passphrase=passphrase)

        key = read_private_key((tmp_path / "key").read_text())

        assert key is not None
        assert (key.format, key.public) == (named, None)
        assert key.protection == (PASSPHRASE if passphrase else NOTHING)

    def test_that_another_program_wrote_is_read(self) -> None:
        pem = PrivateFormat.TraditionalOpenSSL
        protected = BestAvailableEncryption(SECRET.encode())
        made = ec.generate_private_key(ec.SECP256R1())

        keys = [
            read_private_key(made.private_bytes(Encoding.PEM, pem, each).decode())
            for each in (NoEncryption(), protected)
        ]

        assert [key and (key.type, key.protection) for key in keys] == [
            ("ecdsa", NOTHING),
            ("ecdsa", PASSPHRASE),
        ]

    @pytest.mark.parametrize(("cipher", "told"), [("none", NOTHING), ("aes256-cbc", PASSPHRASE)])
    def test_of_putty_is_read(self, tmp_path: Path, cipher: str, told: str) -> None:
        bits, fingerprint = make_key(tmp_path / "key", "-t", "ed25519")
        blob = base64.b64decode((tmp_path / "key.pub").read_text().split()[1])

        key = read_private_key(putty_key(blob, cipher))

        assert key is not None
        assert key.public is not None
        assert (str(key.public.bits), key.public.fingerprint) == (bits, fingerprint)
        assert (key.type, key.public.comment, key.protection) == ("ssh-ed25519", "of alice", told)

    def test_is_no_certificate_and_no_public_key(self, tmp_path: Path) -> None:
        make_key(tmp_path / "key", "-t", "ed25519")

        assert read_private_key((tmp_path / "key.pub").read_text()) is None
        assert (
            read_private_key("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") is None
        )
        assert read_private_key("-----BEGIN PGP PRIVATE KEY BLOCK-----\n-----END ") is None

    @pytest.mark.parametrize("cut", [0, 3, 14, 15, 16, 20, 40, 60, 90])
    def test_survives_one_that_was_cut(self, cut: int) -> None:
        secret = ed25519.Ed25519PrivateKey.generate()
        text = secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        blob = base64.b64decode("".join(text.splitlines()[1:-1]))[:cut]
        body = base64.b64encode(blob).decode()

        read_private_key(
            f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"
        )

    @given(st.text().map(lambda body: f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END "))
    def test_survives_any_body(self, text: str) -> None:
        read_private_key(text)


class TestPrivateKeys:
    def test_agree_with_ssh_keygen(self, tmp_path: Path) -> None:
        alices, bobs = tmp_path / "root/home/alice/.ssh", tmp_path / "root/home/bob/.ssh"
        root = write(
            tmp_path / "root",
            {"etc/passwd": PASSWD, "home/alice/.ssh/config": "Host *\n", "home/bob/.ssh/x": ""},
        )
        modern = make_key(alices / "id_ed25519", "-t", "ed25519", passphrase=SECRET)
        older = make_key(bobs / "deploy", "-t", "rsa", "-b", "2048", "-m", "PEM")
        (bobs / "deploy.pub").rename(bobs / "kept")
        alone = make_key(bobs / "id_rsa", "-t", "rsa", "-b", "3072", "-m", "PEM")
        os.mkfifo(bobs / "pipe")

        rows = rows_of("accounts.private_keys", root)

        told = ("User", "Type", "Bits", "Fingerprint", "Comment", "Protection", "Path")
        assert [tuple(row[name] for name in told) for row in rows] == [
            ("alice", "ssh-ed25519", *modern, "x@y", PASSPHRASE, "/home/alice/.ssh/id_ed25519"),
            # Its public half is hidden, and no file beside it tells.
            ("bob", "ssh-rsa", "", "", "", NOTHING, "/home/bob/.ssh/deploy"),
            ("bob", "ssh-rsa", *alone, "x@y", NOTHING, "/home/bob/.ssh/id_rsa"),
        ]
        assert older
        assert all(row["Last Modified"] for row in rows)

    def test_never_leave_the_endpoint(self, tmp_path: Path) -> None:
        root = write(tmp_path / "root", {"etc/passwd": PASSWD, "home/alice/.ssh/config": ""})
        make_key(tmp_path / "root/home/alice/.ssh/key", "-t", "ed25519")
        secret = (tmp_path / "root/home/alice/.ssh/key").read_text().splitlines()[3]

        (row,) = rows_of("accounts.private_keys", root)

        assert not any(secret in value for value in row.values())
