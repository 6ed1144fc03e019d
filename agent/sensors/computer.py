"""What the computer is, on every platform: names, addresses, operating system."""

from __future__ import annotations

import ipaddress
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import psutil

from agent import __version__
from agent.exceptions import NotEnrolled
from agent.identity import read_enrolment
from agent.machine import describe_machine, own_addresses
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.reading import text_at
from agent.sensors.values import boolean_text, instant_text_of_seconds
from sensors.definitions import LINUX, MACOS, WINDOWS


def computer_name(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the host name."""
    yield (socket.gethostname(),)


def ip_address(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every address but loopback and link-local ones, IPv4 first."""
    for address in own_addresses():
        if not ipaddress.ip_address(address).is_link_local:
            yield (address,)


def computer_id(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the id that the console gave at enrolment."""
    try:
        yield (str(read_enrolment(context.directories).endpoint_id),)
    except NotEnrolled:
        yield ("",)


def agent_version(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the version of this program."""
    yield (__version__,)


def is_platform(
    wanted: str, context: SensorContext, _parameters: Mapping[str, str]
) -> Iterator[Row]:
    """Tell whether this is that platform."""
    yield (boolean_text(context.platform == wanted),)


def operating_system(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give PRETTY_NAME of os-release(5), elsewhere the system's name."""
    for place in ("etc/os-release", "usr/lib/os-release"):
        for line in text_at(context.root / place).splitlines():
            name, _, value = line.partition("=")
            if name == "PRETTY_NAME":
                yield (value.strip("\"'"),)
                return
    yield (describe_machine(context.root).os_name,)


def operating_system_version(
    context: SensorContext, _parameters: Mapping[str, str]
) -> Iterator[Row]:
    """Give VERSION_ID of os-release(5), elsewhere the system's release."""
    yield (describe_machine(context.root).os_version,)


def kernel_version(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the kernel's release."""
    yield (platform.release(),)


def architecture(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the machine's hardware name."""
    yield (platform.machine(),)


def uptime(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the seconds since the start."""
    yield (str(max(round(time.time() - psutil.boot_time()), 0)),)


def last_reboot(_context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the instant of the start."""
    yield (instant_text_of_seconds(psutil.boot_time()),)


SENSORS: Final[dict[str, SensorFunction]] = {
    "computer.name": computer_name,
    "computer.ip_address": ip_address,
    "computer.id": computer_id,
    "computer.agent_version": agent_version,
    "computer.is_windows": partial(is_platform, WINDOWS),
    "computer.is_linux": partial(is_platform, LINUX),
    "computer.is_mac": partial(is_platform, MACOS),
    "computer.operating_system": operating_system,
    "computer.operating_system_version": operating_system_version,
    "computer.kernel_version": kernel_version,
    "computer.architecture": architecture,
    "computer.uptime": uptime,
    "computer.last_reboot": last_reboot,
}
