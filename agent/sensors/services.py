"""Which services are installed, which run, and what starts them.

systemd is asked where it runs, because only it knows; the unit files tell the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.initscripts import InitScript, read_init_scripts
from agent.sensors.programs import output_of
from agent.sensors.unitfiles import UnitFile, UnitFiles, program_of, template_of
from agent.sensors.values import boolean_text

_SUFFIX: Final = ".service"
# sd_booted(3).
_BOOTED: Final = "run/systemd/system"
_SYSTEMCTL: Final = ("/usr/bin/systemctl", "/bin/systemctl")
_ASKED: Final = (
    "Id,Description,LoadState,ActiveState,SubState,UnitFileState,MainPID,User,ExecStart,"
    "FragmentPath"
)
_STATUSES: Final = {
    "active": "Running",
    "reloading": "Running",
    "inactive": "Stopped",
    "failed": "Failed",
    "activating": "Starting",
    "deactivating": "Stopping",
    "maintenance": "Stopped",
}
_DISABLED: Final = frozenset({"masked", "masked-runtime", "bad"})
_AUTOMATIC: Final = frozenset({"enabled", "enabled-runtime"})
_EXEC_PATH: Final = re.compile(r"\{ path=(.*?) ; argv\[\]=(.*?) ; (?:flags|ignore_errors)=")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service, whoever supervises it. `pid` is 0 for one without a main process."""

    name: str
    title: str = ""
    status: str
    start_mode: str
    path: str = ""
    command_line: str = ""
    user: str = ""
    pid: int = 0
    unit_state: str = ""
    defined_in: str = ""


def details(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every service."""
    for service in read_services(context):
        yield (
            service.name,
            service.title,
            service.status,
            service.start_mode,
            service.path,
            service.command_line,
            service.user,
            str(service.pid) if service.pid else "",
            service.unit_state,
            service.defined_in,
        )


def is_running(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Tell whether a service of that name runs."""
    wanted = parameters["name"].casefold().removesuffix(_SUFFIX)
    running = (
        service.name.casefold() == wanted and service.status == "Running"
        for service in read_services(context)
    )
    yield (boolean_text(any(running)),)


def read_services(context: SensorContext) -> list[Service]:
    """Return every service by name.

    Raises `SensorUnavailable` where neither systemd runs nor scripts are, and `SensorFailed` when
    systemd does not answer.
    """
    if (context.root / _BOOTED).is_dir():
        program = next((one for one in _SYSTEMCTL if Path(one).exists()), _SYSTEMCTL[0])
        shown = output_of(
            program, "show", "--all", "--no-pager", f"--property={_ASKED}", "*.service"
        )
        services = _systemd_services(shown, UnitFiles(context.root))
    else:
        services = [_of_script(script) for script in read_init_scripts(context)]
        if not services:
            raise SensorUnavailable(
                "Neither systemd nor init scripts run this computer's services."
            )
    return sorted(services, key=lambda service: service.name)


def _systemd_services(shown: str, units: UnitFiles) -> list[Service]:
    """Join what systemd has loaded with what is only installed."""
    services = {}
    for block in shown.split("\n\n"):
        facts = read_properties(block)
        # What others merely name, but no file defines, is not there.
        if facts.get("Id") and facts.get("LoadState") != "not-found":
            services[facts["Id"]] = _of_systemd(facts, units.find(facts["Id"]))
    for unit in units.named(_SUFFIX):
        if unit.name not in services:
            services[unit.name] = _of_file(unit)
    return list(services.values())


def read_properties(block: str) -> dict[str, str]:
    """Read a block of `systemctl show`; of a property given twice the first one counts."""
    facts: dict[str, str] = {}
    for line in block.splitlines():
        name, _, value = line.partition("=")
        facts.setdefault(name, value)
    return facts


def _of_systemd(facts: Mapping[str, str], unit: UnitFile | None) -> Service:
    state = facts.get("UnitFileState", "")
    execution = _EXEC_PATH.search(facts.get("ExecStart", ""))
    starts_by_itself = unit is not None and unit.starts_by_itself and unit.name == facts["Id"]
    active = facts.get("ActiveState", "")
    status = _STATUSES.get(active, active)
    if facts.get("SubState") == "exited" and active == "active":
        # Done and successful: there is no process any more, and it would not be started again.
        status = "Finished"
    return Service(
        name=facts["Id"].removesuffix(_SUFFIX),
        title=facts.get("Description", ""),
        status=status,
        start_mode=_start_mode(state or facts.get("LoadState", ""), starts_by_itself),
        path=execution[1] if execution else "",
        command_line=execution[2] if execution else "",
        user=facts.get("User") or "root",
        pid=int(facts.get("MainPID") or 0),
        unit_state=state,
        defined_in=facts.get("FragmentPath") or (unit.path if unit else ""),
    )


def _of_file(unit: UnitFile) -> Service:
    command = unit.value("Service", "ExecStart")
    is_template = template_of(unit.name) == unit.name and "@" in unit.name
    return Service(
        name=unit.name.removesuffix(_SUFFIX),
        title=unit.value("Unit", "Description"),
        status="Template" if is_template else "Stopped",
        start_mode=_start_mode(unit.state, unit.starts_by_itself),
        path=program_of(command),
        command_line=command,
        user=unit.value("Service", "User") or "root",
        unit_state=unit.state,
        defined_in=unit.path,
    )


def _of_script(script: InitScript) -> Service:
    return Service(
        name=script.name,
        title=script.title,
        status="Running" if script.pid else "Stopped",
        start_mode=script.start_mode,
        path=script.program,
        command_line=script.command_line,
        user=script.user,
        pid=script.pid,
        defined_in=script.path,
    )


def _start_mode(state: str, starts_by_itself: bool) -> str:
    if state in _DISABLED:
        return "Disabled"
    return "Automatic" if starts_by_itself or state in _AUTOMATIC else "Manual"


SENSORS: Final[dict[str, SensorFunction]] = {
    "services.details": details,
    "services.is_running": is_running,
}
