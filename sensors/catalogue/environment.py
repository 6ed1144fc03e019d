"""Environment variables that the system gives to everybody."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Environment"

SENSORS: Final = (
    SensorDefinition(
        key="environment.system",
        name="System Environment Variables",
        description="Variables that the system's files set for all users or services: "
        "/etc/environment, environment.d, PAM, systemd's defaults, /etc/default/locale, and "
        "exports in /etc/profile and profile.d. Values are shown as they are written there; what "
        "a process really has is in Process Environment.",
        category=CATEGORY,
        columns=(
            Column("Variable"),
            Column("Value"),
            Column("Path", ValueType.PATH),
            Column("Line", ValueType.INTEGER),
            Column("Last Modified", ValueType.INSTANT),
            Column("Package"),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get System Environment Variables containing "LD_" from all machines',
    ),
)
