"""Trusted certificates, held against openssl."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorUnavailable
from tests.agent.authority import Authority
from tests.agent.sensors.comparing import printed, program, rows_of, write

BUNDLE = "etc/ssl/certs/ca-certificates.crt"


class TestTrustedCertificates:
    def test_agree_with_openssl(self, tmp_path: Path) -> None:
        authority = Authority("Test, with a comma")
        file = write(tmp_path, {BUNDLE: authority.pem}) / BUNDLE
        openssl = program("openssl")

        (row,) = rows_of("certificates.trusted", tmp_path)

        form = ("-noout", "-subject", "-serial", "-fingerprint", "-sha256", "-nameopt", "RFC2253")
        shown = dict(
            line.split("=", 1)
            for line in printed(openssl, "x509", "-in", str(file), *form).splitlines()
        )
        assert row["Subject"] == shown["subject"]
        assert row["SHA-256"].upper() == shown["sha256 Fingerprint"].replace(":", "")
        assert int(row["Serial Number"], 16) == int(shown["serial"], 16)
        assert row["Key"] == "EC secp256r1"
        ends = printed(
            openssl, "x509", "-in", str(file), "-noout", "-enddate", "-dateopt", "iso_8601"
        )
        assert row["Not After"][:19] == ends.strip().removeprefix("notAfter=").removesuffix("Z")

    def test_tell_who_was_added(self, tmp_path: Path) -> None:
        shipped, added = Authority("Shipped"), Authority("Added")
        write(
            tmp_path,
            {
                BUNDLE: shipped.pem + added.pem + shipped.pem,
                "usr/share/ca-certificates/mozilla/a.crt": shipped.pem,
                "usr/local/share/ca-certificates/x.crt": added.pem,
            },
        )

        rows = rows_of("certificates.trusted", tmp_path)

        assert [(row["Subject"], row["Local"], row["Path"]) for row in rows] == [
            ("CN=Shipped", "False", f"/{BUNDLE}"),
            ("CN=Added", "True", "/usr/local/share/ca-certificates/x.crt"),
        ]

    def test_are_all_that_openssl_trusts(self, tmp_path: Path) -> None:
        openssl = program("openssl")
        shipped, hidden, marked = Authority("Shipped"), Authority("Hidden"), Authority("Marked")
        root = write(
            tmp_path,
            {
                BUNDLE: shipped.pem,
                "etc/ssl/certs/shipped.pem": shipped.pem,
                "etc/ssl/cert.pem": marked.pem,
                "hidden.txt": hidden.pem,
            },
        )
        hashed = printed(openssl, "x509", "-noout", "-hash", "-in", str(root / "hidden.txt"))
        name = f"etc/ssl/certs/{hashed.strip()}.0"
        write(root, {name: hidden.pem, f"{name}x": "", "etc/ssl/certs/0123abcd.r0": hidden.pem})
        (root / "etc/ssl/certs/01234567.0").symlink_to("shipped.pem")
        trusting = ("x509", "-addtrust", "serverAuth", "-trustout", "-in", str(root / "hidden.txt"))
        (root / "etc/ssl/certs/11111111.0").write_text(printed(openssl, *trusting))

        rows = rows_of("certificates.trusted", root)

        folder = str(root / "etc/ssl/certs")
        verified = ("verify", "-no-CAfile", "-CApath", folder, str(root / "hidden.txt"))
        assert printed(openssl, *verified).strip().endswith("OK")
        subjects = sorted(row["Subject"] for row in rows)
        assert subjects == ["CN=Hidden", "CN=Marked", "CN=Shipped"]

    def test_survive_what_is_none(self, tmp_path: Path) -> None:
        broken = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
        noise = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n-----BEGIN "
        write(tmp_path, {BUNDLE: noise + broken})

        (row,) = rows_of("certificates.trusted", tmp_path)

        assert row["Subject"].startswith("unreadable")

    def test_include_those_with_a_key_that_nobody_knows(self, tmp_path: Path) -> None:
        der = base64.b64decode("".join(Authority("Odd").pem.split("\n")[1:-2]))
        # The curve's number (RFC 5480: secp256r1) becomes one that does not exist.
        odd = der.replace(
            bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
        )
        text = base64.encodebytes(odd).decode()
        good = Authority("Good").pem
        odd_pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
        write(tmp_path, {BUNDLE: odd_pem + good})

        rows = rows_of("certificates.trusted", tmp_path)

        assert odd != der
        assert [row["Subject"].partition(":")[0] for row in rows] == ["unreadable", "CN=Good"]

    def test_are_as_many_as_in_the_bundle(self) -> None:
        bundle = Path("/") / BUNDLE
        if not bundle.exists():
            pytest.skip("needs a bundle of this computer")

        rows = rows_of("certificates.trusted")

        assert len(rows) >= len(set(bundle.read_text().split("-----BEGIN CERTIFICATE-----")[1:]))
        assert not any(row["Subject"].startswith("unreadable") for row in rows)

    def test_are_missed_aloud(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable):
            rows_of("certificates.trusted", tmp_path)


class TestMachineCertificates:
    def test_agree_with_openssl(self, tmp_path: Path) -> None:
        authority = Authority("Authority")
        key, path = tmp_path / "key", "etc/nginx/tls/site.crt"
        request = ("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        printed(
            *(program("openssl"), *request, "-keyout", str(key), "-subj", "/CN=site"),
            *("-addext", "subjectAltName=DNS:site.example,IP:192.0.2.1"),
            *("-addext", "basicConstraints=critical,CA:FALSE", "-out", str(tmp_path / "made")),
        )
        made = (tmp_path / "made").read_text()
        root = write(
            tmp_path / "root",
            {
                path: made + authority.pem,
                "etc/ssl/private/both.pem": key.read_text() + made,
                "etc/ssl/certs/authority.pem": authority.pem,
                "etc/letsencrypt/live/x/broken.pem": made.replace("M", "?"),
            },
        )
        (root / "etc/ssl/link.pem").symlink_to(root / path)

        rows = rows_of("certificates.own", root)

        shown = printed(
            "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(root / path)
        )
        assert {row["SHA-256"].upper() for row in rows} == {
            shown.strip().partition("=")[2].replace(":", "")
        }
        assert [(row["Subject"], row["Path"]) for row in rows] == [
            ("CN=site", "/etc/ssl/link.pem"),
            ("CN=site", "/etc/ssl/private/both.pem"),
        ]
        assert rows[0]["Alternative Names"] == "site.example, 192.0.2.1"
