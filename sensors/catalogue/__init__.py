"""The sensors that every agent has, by topic. One file holds one category."""

from __future__ import annotations

from typing import Final

from sensors.catalogue import (
    accounts,
    browsers,
    certificates,
    computer,
    containers,
    disks,
    environment,
    events,
    files,
    hardware,
    jobs,
    kernel,
    network,
    persistence,
    processes,
    services,
    software,
    status,
    windows,
)
from sensors.definitions import Cost, SensorDefinition, results_of


def _by_key(*topics: tuple[SensorDefinition, ...]) -> dict[str, SensorDefinition]:
    written = {sensor.key: sensor for topic in topics for sensor in topic}
    results = [results_of(each) for each in written.values() if each.cost is Cost.HEAVY]
    return written | {sensor.key: sensor for sensor in results}


BUILT_IN: Final = _by_key(
    accounts.SENSORS,
    browsers.SENSORS,
    certificates.SENSORS,
    computer.SENSORS,
    containers.SENSORS,
    disks.SENSORS,
    environment.SENSORS,
    events.SENSORS,
    files.SENSORS,
    hardware.SENSORS,
    jobs.SENSORS,
    kernel.SENSORS,
    network.SENSORS,
    persistence.SENSORS,
    processes.SENSORS,
    services.SENSORS,
    software.SENSORS,
    status.SENSORS,
    windows.SENSORS,
)
