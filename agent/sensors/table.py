"""Every sensor that this agent can run on this platform: key → function.

A topic that reads what only one operating system has is imported on that system only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from agent.sensors import computer, jobs, status
from agent.sensors.context import SensorFunction

if sys.platform == "linux":
    from agent.sensors import (
        accounts,
        browsers,
        certificates,
        containers,
        disks,
        environment,
        events,
        files,
        firewall,
        hardening,
        hardware,
        kernel,
        linux_computer,
        logins,
        netconfig,
        network,
        owncertificates,
        persistence,
        process_contents,
        processes,
        services,
        shellhistory,
        sockets,
        software,
        sshkeys,
        sshprivatekeys,
    )


def _collect(*topics: Mapping[str, SensorFunction]) -> dict[str, SensorFunction]:
    collected: dict[str, SensorFunction] = {}
    for topic in topics:
        twice = collected.keys() & topic.keys()
        if twice:
            raise ValueError(f"two topics have the sensor {min(twice)}")
        collected |= topic
    return collected


def _of_this_platform() -> dict[str, SensorFunction]:
    everywhere = _collect(computer.SENSORS, jobs.SENSORS, status.SENSORS)
    if sys.platform != "linux":
        return everywhere
    return _collect(
        everywhere,
        accounts.SENSORS,
        browsers.SENSORS,
        certificates.SENSORS,
        containers.SENSORS,
        disks.SENSORS,
        environment.SENSORS,
        events.SENSORS,
        files.SENSORS,
        firewall.SENSORS,
        hardening.SENSORS,
        hardware.SENSORS,
        kernel.SENSORS,
        linux_computer.SENSORS,
        logins.SENSORS,
        netconfig.SENSORS,
        network.SENSORS,
        owncertificates.SENSORS,
        persistence.SENSORS,
        process_contents.SENSORS,
        processes.SENSORS,
        services.SENSORS,
        shellhistory.SENSORS,
        sockets.SENSORS,
        software.SENSORS,
        sshkeys.SENSORS,
        sshprivatekeys.SENSORS,
    )


FUNCTIONS: Final[Mapping[str, SensorFunction]] = _of_this_platform()
