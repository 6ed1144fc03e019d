"""Installed software, held against the package managers' own tools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorFailed, SensorUnavailable
from agent.sensors.packages import installed_packages, owners_of
from tests.agent.sensors.comparing import assert_agree, printed, program, rows_of, write

STATUS = """Package: audit
Status: install ok installed
Architecture: amd64
Version: 1:3.0-1
Maintainer: Somebody <a@b.c>
Installed-Size: 12
Conffiles:
 /etc/audit.conf 0cc175b9c0f1b6a831c399e269772661
 /etc/gone.conf 0cc175b9c0f1b6a831c399e269772661 obsolete
Description: an example
 Version: 9 is no field here

Package: removed
Status: deinstall ok config-files
Version: 1
"""
PACKED = "0cc175b9c0f1b6a831c399e269772661"  # of the letter a


def dpkg_root(root: Path) -> Path:
    return write(
        root,
        {
            "var/lib/dpkg/status": STATUS,
            "var/lib/dpkg/info/audit.list": "/.\n/usr\n/usr/bin/audit\n/lib/audit.so\n",
            "var/lib/dpkg/info/audit.md5sums": f"{PACKED}  usr/bin/audit\n{PACKED}  usr/b\n",
            "usr/bin/audit": "a",
            "etc/audit.conf": "changed",
        },
    )


class TestInstalledApplications:
    def test_are_those_of_dpkg_query(self) -> None:
        query = program("dpkg-query")
        form = "${Package}\t${Version}\t${Architecture}\t${Maintainer}\t${db:Status-Status}\n"

        def theirs() -> set[tuple[str, ...]]:
            lines = printed(query, "-W", "-f", form).splitlines()
            fields = [tuple(line.split("\t")) for line in lines]
            return {one[:-1] for one in fields if one[-1] == "installed"}

        def ours() -> set[tuple[str, ...]]:
            rows = rows_of("software.installed")
            names = ("Name", "Version", "Architecture", "Publisher")
            return {tuple(row[name] for name in names) for row in rows if row["Source"] == "dpkg"}

        assert_agree(lambda: (ours(), theirs()))

    def test_leave_out_what_was_removed(self, tmp_path: Path) -> None:
        (row,) = rows_of("software.installed", dpkg_root(tmp_path))

        assert (row["Name"], row["Version"], row["Size"]) == ("audit", "1:3.0-1", "12288")
        assert row["Installed"].endswith("+00:00")

    def test_come_from_every_package_manager(self, tmp_path: Path) -> None:
        root = write(
            dpkg_root(tmp_path),
            {
                "lib/apk/db/installed": "P:musl\nV:1.2-r0\nA:x86_64\nI:100\nF:lib\nR:ld.so\n\n",
                "var/lib/pacman/local/zlib-1.3-1/desc": "%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n\n",
                "var/lib/pacman/local/zlib-1.3-1/files": "%FILES%\nusr/lib/\nusr/lib/libz.so\n",
                "var/lib/snapd/snaps/core_7.snap": "",
                "var/lib/snapd/snaps/core_6.snap": "",
                "snap/core/7/meta/snap.yaml": "name: core\nversion: '16-2'\n",
                "var/lib/flatpak/app/org.example.App/x86_64/stable/x": "",
            },
        )
        (root / "snap/core/current").symlink_to("7")

        found = {(one.name, one.version, one.manager) for one in installed_packages(root)}

        assert found == {
            ("audit", "1:3.0-1", "dpkg"),
            ("musl", "1.2-r0", "apk"),
            ("zlib", "1:1.3-1", "pacman"),
            ("core", "16-2", "snap"),
            ("org.example.App", "stable", "flatpak"),
        }
        assert owners_of(root, ["/lib/ld.so", "/usr/lib/libz.so", "/x"]) == {
            "/lib/ld.so": "musl",
            "/usr/lib/libz.so": "zlib",
        }

    def test_are_missed_aloud(self, tmp_path: Path) -> None:
        with pytest.raises(SensorUnavailable, match="No package manager"):
            rows_of("software.installed", tmp_path)

    def test_survive_a_hostile_status_file(self, tmp_path: Path) -> None:
        write(tmp_path, {"var/lib/dpkg/status": b"Package: a\xff\0b\nVersion: \n\n\n: \n\x1b[31m"})

        assert [row["Name"] for row in rows_of("software.installed", tmp_path)] == [r"a\xff\x00b"]

    def test_do_not_wait_for_a_pipe(self, tmp_path: Path) -> None:
        (tmp_path / "var/lib/dpkg").mkdir(parents=True)
        os.mkfifo(tmp_path / "var/lib/dpkg/status")

        assert rows_of("software.installed", tmp_path) == []


class TestInstalledApplicationExists:
    @pytest.mark.parametrize(
        ("name", "exists"),
        [("audit", "True"), ("AUDIT", "True"), ("aud.*", "True"), ("aud", "False"), ("(", "False")],
    )
    def test_wants_the_whole_name(self, tmp_path: Path, name: str, exists: str) -> None:
        rows = rows_of("software.exists", dpkg_root(tmp_path), name=name)

        assert rows == [{"Installed Application Exists": exists}]

    def test_takes_names_that_are_no_expressions(self, tmp_path: Path) -> None:
        write(tmp_path, {"var/lib/dpkg/status": "Package: g++\nVersion: 4:12\n"})

        (row,) = rows_of("software.version", tmp_path, name="g++")

        assert row["Version"] == "4:12"


class TestOwners:
    def test_are_those_of_dpkg(self) -> None:
        query = program("dpkg-query")
        paths = ["/bin/ls", "/usr/bin/passwd", "/etc/pam.d/su", "/etc/hostname", "/usr/bin/ls"]

        ours = owners_of(Path("/"), paths)

        for path in paths[1:3]:
            assert ours[path] == printed(query, "-S", path).partition(":")[0]
        assert ours["/bin/ls"] == ours["/usr/bin/ls"] == "coreutils"
        assert "/etc/hostname" not in ours


class TestPackageFileVerification:
    def test_finds_what_changed(self, tmp_path: Path) -> None:
        rows = rows_of("software.verify", dpkg_root(tmp_path), package="audit", job_id="x")

        found = {(row["Path"], row["Finding"], row["Configuration File"]) for row in rows}
        assert found == {("/etc/audit.conf", "changed", "True"), ("/usr/b", "missing", "False")}

    def test_agrees_with_dpkg(self) -> None:
        dpkg = program("dpkg")
        for package in ("coreutils", "passwd", "bash"):
            theirs = {line.split()[-1] for line in printed(dpkg, "--verify", package).splitlines()}

            rows = rows_of("software.verify", package=package, job_id="x")

            assert {row["Path"] for row in rows} == theirs

    def test_refuses_an_unknown_package(self, tmp_path: Path) -> None:
        with pytest.raises(SensorFailed, match="no dpkg or rpm package"):
            rows_of("software.verify", dpkg_root(tmp_path), package="../audit", job_id="x")


@pytest.mark.slow
class TestPackageUpdatesPending:
    def test_are_those_of_apt(self) -> None:
        apt = program("apt-get")

        rows = rows_of("software.pending_updates", job_id="x")

        planned = printed(apt, "--just-print", "-o", "Debug::NoLocking=1", "dist-upgrade")
        theirs = {line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")}
        assert {row["Name"] for row in rows} == theirs
