"""What the computer is, beside the commands that people ask."""

from __future__ import annotations

import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from agent import __version__
from agent.directories import Directories
from agent.identity import Enrolment, write_enrolment
from agent.machine import this_platform
from tests.agent.sensors.comparing import (
    assert_agree,
    printed,
    printed_json,
    program,
    rows_of,
    write,
)

ENDPOINT = UUID("11111111-2222-4333-8444-555555555555")
CLOCK_TOLERANCE = timedelta(seconds=3)
# From perl, because no command prints it everywhere: adjtimex(2) returns 5 for "not synchronised".
ADJTIMEX = 'my $t = "\\0" x 208; print syscall({number}, $t)'
ADJTIMEX_NUMBERS = {"x86_64": 159, "aarch64": 171}


def only(key: str, root: Path = Path("/")) -> str:
    """The one value of a sensor of one row and column."""
    ((value,),) = (row.values() for row in rows_of(key, root))
    return value


class TestNames:
    def test_are_those_of_the_commands(self) -> None:
        assert only("computer.name") == printed(program("hostname")).strip()
        assert only("computer.kernel_version") == printed("uname", "-r").strip()
        assert only("computer.architecture") == printed("uname", "-m").strip()
        assert only("computer.agent_version") == __version__

    def test_of_the_system_are_those_of_its_release_file(self) -> None:
        release = '. /etc/os-release; printf "%s\n%s" "$PRETTY_NAME" "$VERSION_ID"'
        name, version = printed("sh", "-c", release).split("\n")

        assert only("computer.operating_system") == name
        assert only("computer.operating_system_version") == version

    def test_of_the_machine_is_that_of_systemd(self) -> None:
        shown = printed(program("systemd-id128"), "machine-id").strip()

        assert only("computer.machine_id") == shown

    def test_tell_the_platform(self) -> None:
        truth = {
            "computer.is_linux": "linux",
            "computer.is_windows": "windows",
            "computer.is_mac": "macos",
        }

        said = {key: only(key) for key in truth}

        assert said == {key: str(this_platform() == own) for key, own in truth.items()}


class TestAddresses:
    def test_are_those_that_reach_farther_than_the_link(self) -> None:
        def look() -> tuple[set[str], set[str]]:
            theirs = {
                address["local"]
                for link in printed_json(program("ip"), "-j", "addr")
                for address in link["addr_info"]
                if address["scope"] == "global"
            }
            return {row["IP Address"] for row in rows_of("computer.ip_address")}, theirs

        assert_agree(look)


class TestComputerId:
    def test_is_the_enrolled_one(self, tmp_path: Path) -> None:
        directories = Directories.under(tmp_path)
        directories.create()
        write_enrolment(
            directories,
            Enrolment(
                endpoint_id=ENDPOINT, enrolment_address="", gateway="", sessions="",
                signing_keys=[], certificate_from_at=0, certificate_until_at=0, renew_at=0,
            ),
        )  # fmt: skip

        (row,) = rows_of("computer.id", home=tmp_path)

        assert row == {"Computer ID": str(ENDPOINT)}

    def test_is_empty_before(self, tmp_path: Path) -> None:
        assert rows_of("computer.id", home=tmp_path) == [{"Computer ID": ""}]


class TestDomainName:
    @pytest.mark.root
    @pytest.mark.parametrize(
        "names", ["host.example.org host", "host host.example.org", "host.sub.example.org host"]
    )
    def test_is_that_of_the_hosts_file(self, tmp_path: Path, names: str) -> None:
        own = socket.gethostname()
        hosts = f"127.0.0.1 localhost\n192.0.2.7 {names.replace('host', own, 2)} # ours\n"
        write(tmp_path, {"etc/hosts": hosts})

        ask = f"mount --bind {tmp_path}/etc/hosts /etc/hosts && hostname -f"
        full = printed(program("unshare"), "-m", "sh", "-c", ask).strip()

        (row,) = rows_of("computer.domain", tmp_path)
        shown = row["Fully Qualified Name"]
        # `hostname -f` takes the first name of the line, be it full or not.
        assert shown == full or full == own
        assert row["Domain Name"] == shown.partition(".")[2]

    def test_is_that_of_the_resolver_otherwise(self, tmp_path: Path) -> None:
        write(tmp_path, {"etc/resolv.conf": "domain old.example\nsearch example.net. b.example\n"})

        (row,) = rows_of("computer.domain", tmp_path)

        own = socket.gethostname()
        assert row == {
            "Domain Name": "example.net",
            "Fully Qualified Name": f"{own}.example.net",
        }

    def test_is_none_when_nothing_names_it(self, tmp_path: Path) -> None:
        (row,) = rows_of("computer.domain", tmp_path)

        assert row["Domain Name"] == ""


class TestTimes:
    def test_of_the_start_are_those_of_uptime(self) -> None:
        shown = printed("uptime", "-s").strip()
        started = datetime.fromisoformat(shown).astimezone()

        said = datetime.fromisoformat(only("computer.last_reboot"))
        assert abs(said - started) < CLOCK_TOLERANCE
        seconds = float(Path("/proc/uptime").read_text().split()[0])
        assert abs(float(only("computer.uptime")) - seconds) < CLOCK_TOLERANCE.total_seconds()

    def test_of_the_clock_are_those_of_date(self) -> None:
        (row,) = rows_of("computer.system_time")

        seconds = int(printed("date", "+%s"))
        said = datetime.fromisoformat(row["System Time"])
        assert abs(said - datetime.fromtimestamp(seconds, UTC)) < CLOCK_TOLERANCE
        assert row["UTC Offset"] == printed("date", "+%z").strip()
        assert row["Time Zone"]

    def test_tell_whether_the_kernel_trusts_the_clock(self) -> None:
        machine = printed("uname", "-m").strip()
        if machine not in ADJTIMEX_NUMBERS:
            pytest.skip(f"needs the number of adjtimex on {machine}")
        script = ADJTIMEX.format(number=ADJTIMEX_NUMBERS[machine])

        state = printed(program("perl"), "-e", script)

        (row,) = rows_of("computer.system_time")
        assert row["Synchronised"] == str(state != "5")
        assert float(row["Largest Error"]) >= 0

    def test_name_the_zone_of_the_link(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/localtime").symlink_to("../usr/share/zoneinfo/Europe/Vienna")

        (row,) = rows_of("computer.system_time", tmp_path)

        assert row["Time Zone"] == "Europe/Vienna"


class TestPendingReboot:
    def test_is_not_without_a_reason(self, tmp_path: Path) -> None:
        assert rows_of("computer.pending_reboot", tmp_path) == [
            {"Pending Reboot": "False", "Reason": "", "Packages": ""}
        ]

    def test_names_the_packages_that_ask(self, tmp_path: Path) -> None:
        flag = "run/reboot-required"
        write(tmp_path, {flag: "*** restart ***\n", f"{flag}.pkgs": "linux-base\nlibc6\nlibc6\n"})

        assert rows_of("computer.pending_reboot", tmp_path) == [
            {
                "Pending Reboot": "True",
                "Reason": "A package asked for a restart",
                "Packages": "libc6, linux-base",
            }
        ]

    def test_sees_a_newer_kernel(self, tmp_path: Path) -> None:
        running = printed("uname", "-r").strip()
        major, _, rest = running.partition(".")
        newer, older = f"{int(major) + 9}.{rest}", f"1.{rest}"
        other = f"{int(major) + 9}.0.0-unlike"
        write(tmp_path, {f"boot/vmlinuz-{one}": "" for one in (running, newer, older, other)})

        (row,) = rows_of("computer.pending_reboot", tmp_path)

        compare = ("dpkg", "--compare-versions", newer, "gt", running)
        assert subprocess.run(compare, check=False).returncode == 0
        assert row["Reason"] == f"Kernel {newer} is installed, {running} runs"

    def test_ignores_what_is_left_of_old_modules(self, tmp_path: Path) -> None:
        write(tmp_path, {"lib/modules/99.9.9/kernel/left.ko": ""})

        (row,) = rows_of("computer.pending_reboot", tmp_path)

        assert row["Pending Reboot"] == "False"


def test_time_is_read_when_asked() -> None:
    first = only_time()
    time.sleep(0.01)

    assert only_time() > first


def only_time() -> str:
    return rows_of("computer.system_time")[0]["System Time"]
