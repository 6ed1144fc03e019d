"""Secure boot, audit and security modules, beside auditctl."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.sensors.comparing import assert_agree, printed, program, rows_of, write

VARIABLES = "sys/firmware/efi/efivars"
PROFILES = "a (enforce)\n/b (x) (complain)\nc (enforce)"
VENDOR = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


class TestSecureBoot:
    @pytest.mark.parametrize(
        ("enabled", "setup", "shown"),
        [
            (b"\6\0\0\0\1", b"\6\0\0\0\0", ("UEFI", "enabled", "False")),
            (b"\6\0\0\0\0", b"\6\0\0\0\1", ("UEFI", "disabled", "True")),
            (b"", b"", ("UEFI", "not supported", "False")),
        ],
    )
    def test_is_what_the_firmware_says(
        self, tmp_path: Path, enabled: bytes, setup: bytes, shown: tuple[str, str, str]
    ) -> None:
        write(
            tmp_path,
            {
                f"{VARIABLES}/SecureBoot-{VENDOR}": enabled,
                f"{VARIABLES}/SetupMode-{VENDOR}": setup,
                "sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
            },
        )

        (row,) = rows_of("kernel.secure_boot", tmp_path)

        assert tuple(row.values()) == (*shown, "integrity")

    def test_does_not_exist_with_a_bios(self, tmp_path: Path) -> None:
        (row,) = rows_of("kernel.secure_boot", tmp_path)

        assert tuple(row.values()) == ("BIOS", "not supported", "False", "not supported")


class TestAuditStatus:
    @pytest.mark.root
    def test_is_that_of_auditctl(self) -> None:
        def look() -> tuple[list[str], list[str]]:
            said = dict(
                line.split(" ", 1) for line in printed(program("auditctl"), "-s").splitlines()
            )
            (row,) = rows_of("kernel.audit_status")
            enabled = {"0": "disabled", "1": "enabled", "2": "enabled, locked"}[said["enabled"]]
            failure = {"0": "silent", "1": "printk", "2": "panic"}[said["failure"]]
            theirs = [enabled, said["pid"], said["backlog_limit"], said["lost"], failure]
            names = ("Audit Status", "Receiver PID", "Backlog Limit", "Lost", "On Failure")
            ours = [row[name] or "0" for name in names]
            return ours, theirs

        assert_agree(look)


class TestSecurityModules:
    def test_are_shown_with_their_mode(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "sys/fs/selinux/enforce": "0",
                "etc/selinux/config": "# SELINUX=off\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
                "sys/module/apparmor/parameters/enabled": "Y\n",
                "sys/module/apparmor/parameters/mode": "enforce\n",
                "sys/kernel/security/apparmor/profiles": PROFILES,
                "sys/kernel/security/lsm": "lockdown,capability,yama,apparmor",
            },
        )

        rows = rows_of("kernel.security_modules", tmp_path)

        assert [tuple(row.values()) for row in rows] == [
            ("SELinux", "permissive", "configured enforcing, policy targeted"),
            ("AppArmor", "enforce", "1 complain, 2 enforce"),
            ("lockdown", "active", ""),
            ("capability", "active", ""),
            ("yama", "active", ""),
        ]

    def test_may_all_be_off(self, tmp_path: Path) -> None:
        rows = rows_of("kernel.security_modules", tmp_path)

        assert [(row["Security Module"], row["Mode"]) for row in rows] == [
            ("SELinux", "disabled"),
            ("AppArmor", "disabled"),
        ]
