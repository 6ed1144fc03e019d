"""What the kernel enforces and reports: secure boot, audit, security modules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from agent.recorder.auditnetlink import AuditControl
from agent.recorder.exceptions import SourceUnavailable
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.processlist import Processes
from agent.sensors.reading import read_start, text_at
from agent.sensors.values import boolean_text

# The vendor id of variables that the UEFI specification defines (section 3.3).
_GLOBAL_VARIABLE: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_VARIABLE_HEAD: Final = 4
_SELECTED: Final = re.compile(r"\[(\w+)\]")
_AUDIT_STATES: Final = {0: "disabled", 1: "enabled", 2: "enabled, locked"}
_AUDIT_FAILURES: Final = {0: "silent", 1: "printk", 2: "panic"}
_PROFILE: Final = re.compile(r"\((\w+)\)$", re.MULTILINE)
_PROFILES_BYTES: Final = 4 * 1024 * 1024


def secure_boot(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give what the firmware says, and the kernel's lockdown."""
    lockdown = _SELECTED.search(text_at(context.root / "sys/kernel/security/lockdown"))
    mode = lockdown[1] if lockdown else "not supported"
    firmware = context.root / "sys/firmware/efi"
    if not firmware.is_dir():
        yield "BIOS", "not supported", boolean_text(False), mode
        return
    enabled, setup = (_variable(firmware, name) for name in ("SecureBoot", "SetupMode"))
    shown = {b"\1": "enabled", b"\0": "disabled"}.get(enabled, "not supported")
    yield "UEFI", shown, boolean_text(setup == b"\1"), mode


def _variable(firmware: Path, name: str) -> bytes:
    try:
        return read_start(firmware / f"efivars/{name}-{_GLOBAL_VARIABLE}")[_VARIABLE_HEAD:]
    except OSError:
        return b""


def audit_status(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the state of the audit system."""
    try:
        with closing(AuditControl()) as control:
            status = control.status()
    except SourceUnavailable as error:
        raise SensorUnavailable(
            f"The audit system cannot be asked: {error}, or it is hidden from this process's "
            "PID namespace."
        ) from error
    receiver = Processes(context).read(status.pid) if status.pid else None
    yield (
        _AUDIT_STATES.get(status.enabled, str(status.enabled)),
        str(status.pid) if status.pid else "",
        receiver.name if receiver else "",
        str(status.backlog),
        str(status.backlog_limit),
        str(status.lost),
        _AUDIT_FAILURES.get(status.failure, str(status.failure)),
    )


def security_modules(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give SELinux and AppArmor in any case, and whatever else is active."""
    yield "SELinux", *_selinux(context.root)
    yield "AppArmor", *_apparmor(context.root)
    for name in text_at(context.root / "sys/kernel/security/lsm").split(","):
        if name and name not in ("selinux", "apparmor"):
            yield name, "active", ""


def _selinux(root: Path) -> tuple[str, str]:
    """Return the mode with the configured one beside it: a restart brings that back."""
    configured = {}
    for line in text_at(root / "etc/selinux/config").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            configured[name.strip()] = value.strip()
    detail = ", ".join(
        f"{word} {configured[name]}"
        for name, word in (("SELINUX", "configured"), ("SELINUXTYPE", "policy"))
        if name in configured
    )
    enforce = text_at(root / "sys/fs/selinux/enforce")
    return {"1": "enforcing", "0": "permissive"}.get(enforce, "disabled"), detail


def _apparmor(root: Path) -> tuple[str, str]:
    if text_at(root / "sys/module/apparmor/parameters/enabled") != "Y":
        return "disabled", ""
    profiles = text_at(root / "sys/kernel/security/apparmor/profiles", _PROFILES_BYTES)
    modes = _PROFILE.findall(profiles)
    detail = ", ".join(f"{modes.count(mode)} {mode}" for mode in sorted(set(modes)))
    return text_at(root / "sys/module/apparmor/parameters/mode") or "enabled", detail


SENSORS: Final[dict[str, SensorFunction]] = {
    "kernel.secure_boot": secure_boot,
    "kernel.audit_status": audit_status,
    "kernel.security_modules": security_modules,
}
