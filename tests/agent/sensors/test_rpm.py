"""Packages of rpm, in a root where real rpm and dnf put them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorFailed
from agent.sensors.rpmchecks import changed_rpm_files
from tests.agent.sensors.comparing import printed, program, rows_of, write

SPEC = """
Name: {name}
Version: {version}
Release: 1
Summary: A test
License: MIT
BuildArch: noarch
Vendor: Somebody
%description
A test.
%install
mkdir -p %{{buildroot}}/opt/{name} %{{buildroot}}/etc
echo data > %{{buildroot}}/opt/{name}/data
echo data > "%{{buildroot}}/opt/{name}/two words"
echo gone > %{{buildroot}}/opt/{name}/gone
echo a > %{{buildroot}}/etc/{name}.conf
%files
/opt/{name}
%config(noreplace) /etc/{name}.conf
"""
REPOSITORY = "[local]\nname=local\nbaseurl=file://{folder}\ngpgcheck=0\n"
UPDATEINFO = """<?xml version="1.0" encoding="UTF-8"?>
<updates><update type="security" status="final" version="1" from="x"><id>V-1</id>
<title>x</title><issued date="2024-01-01 00:00:00"/><pkglist><collection><name>x</name>
<package name="{name}" version="2.0" release="1" epoch="0" arch="noarch" src="x">
<filename>x.rpm</filename></package></collection></pkglist></update></updates>
"""
RPM = ("--dbpath", "/var/lib/rpm")

pytestmark = [pytest.mark.root, pytest.mark.slow]


def build(folder: Path, name: str, version: str) -> Path:
    spec = write(folder, {f"{name}.spec": SPEC.format(name=name, version=version)}) / f"{name}.spec"
    printed(program("rpmbuild"), "-bb", "--quiet", "--define", f"_topdir {folder}", str(spec))
    return folder / f"RPMS/noarch/{name}-{version}-1.noarch.rpm"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rpm")
    root = folder / "root"
    root.mkdir()
    installed = [str(build(folder, name, "1.0")) for name in ("vdt-old", "vdt-new", "vdt-fix")]
    printed(program("rpm"), *RPM, "--root", str(root), "--nodeps", "-i", *installed)
    # Where Debian's rpm, and with it dnf, looks for its records.
    home = root / printed(program("rpm"), "--eval", "%_dbpath").strip().lstrip("/")
    if not home.exists():
        home.parent.mkdir(parents=True)
        home.symlink_to("../var/lib/rpm")
    return root


class TestRpm:
    def test_packages_are_those_of_rpm(self, root: Path) -> None:
        form = "%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{VENDOR}\\n"
        theirs = printed(
            program("rpm"), *RPM, "--root", str(root), "-qa", "--qf", form
        ).splitlines()

        rows = rows_of("software.installed", root)

        names = ("Name", "Version", "Architecture", "Publisher")
        assert sorted(" ".join(row[name] for name in names) for row in rows) == sorted(theirs)
        assert {row["Source"] for row in rows} == {"rpm"}

    def test_verification_finds_what_rpm_finds(self, root: Path) -> None:
        place = root / "opt/vdt-new"
        (place / "gone").unlink()
        (place / "two words").write_text("more")
        (root / "etc/vdt-new.conf").write_text("b\n")
        # rpm compares whole seconds, and the package may be of this one.
        for changed in (place / "two words", root / "etc/vdt-new.conf"):
            os.utime(changed, (0, 0))
        os.chown(place / "data", 7, 0)

        rows = rows_of("software.verify", root, package="vdt-new", job_id="x")

        found = {(row["Path"], row["Finding"], row["Configuration File"]) for row in rows}
        assert found == {
            ("/opt/vdt-new/gone", "missing", "False"),
            ("/opt/vdt-new/two words", "changed: content, size, time", "False"),
            ("/opt/vdt-new/data", "changed: owner", "False"),
            ("/etc/vdt-new.conf", "changed: content, time", "True"),
        }
        assert rows_of("software.verify", root, package="vdt-old", job_id="x") == []
        assert len(list(changed_rpm_files(root, "vdt-new"))) == len(rows)

    @pytest.mark.parametrize("name", ["--help", "vdt*", "nothing"])
    def test_verification_wants_an_installed_package(self, root: Path, name: str) -> None:
        with pytest.raises(SensorFailed, match="no dpkg or rpm package"):
            rows_of("software.verify", root, package=name, job_id="x")

    def test_updates_are_those_of_dnf(self, root: Path, tmp_path: Path) -> None:
        dnf = (program("dnf"), f"--installroot={root}", "--releasever=1")
        for name in ("vdt-new", "vdt-fix"):
            build(tmp_path, name, "2.0")
        write(root, {"etc/yum.repos.d/local.repo": REPOSITORY.format(folder=tmp_path)})
        write(tmp_path, {"updateinfo.xml": UPDATEINFO.format(name="vdt-fix")})
        printed(program("createrepo_c"), "-q", str(tmp_path))
        add = program("modifyrepo_c")
        printed(add, str(tmp_path / "updateinfo.xml"), str(tmp_path / "repodata"))
        with pytest.raises(SensorFailed, match="not downloaded any"):
            rows_of("software.pending_updates", root, job_id="x")
        printed(*dnf, "-q", "makecache")

        rows = rows_of("software.pending_updates", root, job_id="x")

        assert sorted(tuple(row.values()) for row in rows) == [
            ("vdt-fix", "1.0-1", "2.0-1", "local", "True"),
            ("vdt-new", "1.0-1", "2.0-1", "local", "False"),
        ]
