"""Containers on an endpoint."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Containers"

SENSORS: Final = (
    SensorDefinition(
        key="containers.list",
        name="Containers",
        description="Containers of Docker, Podman (the system's), containerd and LXC, running or "
        "not, as these keep them on the disk, and those of other engines as far as processes run "
        "in them. Privileged: the container may do what root may. Podman's containers of "
        "single users and names of Kubernetes are not seen.",
        category=CATEGORY,
        columns=(
            Column("Engine"),
            Column("Name"),
            Column("Container ID"),
            Column("Image"),
            Column("State"),
            Column("PID", ValueType.INTEGER),
            Column("Created", ValueType.INSTANT),
            Column("Started", ValueType.INSTANT),
            Column("Command"),
            Column("Privileged", ValueType.BOOLEAN),
            Column("Mounts"),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Containers where Privileged is "True" from all machines',
    ),
)
