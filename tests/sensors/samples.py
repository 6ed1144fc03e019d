"""Sensors that the tests of the language ask about; nobody runs them."""

from __future__ import annotations

from sensors.definitions import (
    JOB_COLUMNS,
    JOB_PARAMETER,
    Column,
    Cost,
    Parameter,
    ParameterType,
    SensorDefinition,
    ValueType,
)
from sensors.language import NameIndex


def sensor(
    name: str,
    *columns: Column,
    parameters: tuple[Parameter, ...] = (),
    aliases: tuple[str, ...] = (),
) -> SensorDefinition:
    """Make a sensor; without columns it has one of its own name."""
    return SensorDefinition(
        key=name.lower().replace(" ", "_"),
        name=name,
        description=f"About {name}.",
        category="Samples",
        columns=columns or (Column(name),),
        parameters=parameters,
        aliases=aliases,
    )


EVERY_TYPE = tuple(Column(f"The {kind.value}", kind) for kind in ValueType)

SENSORS = (
    sensor("Computer Name", aliases=("Host Name",)),
    sensor("IP Address", Column("IP Address", ValueType.IP_ADDRESS)),
    sensor("Is Windows", Column("Is Windows", ValueType.BOOLEAN)),
    sensor("Is Linux", Column("Is Linux", ValueType.BOOLEAN)),
    sensor("Service Details", Column("Service Name"), Column("Service Status"), Column("Mode")),
    sensor(
        "Installed Application Exists",
        parameters=(
            Parameter(key="name", title="Name", common_uses=("audit", "Open SSL")),
            Parameter(key="exact", title="Whole name", type=ParameterType.BOOLEAN, default="0"),
            Parameter(
                key="order",
                title="Order",
                type=ParameterType.CHOICE,
                choices=("By Name", "By Date"),
                default="By Name",
            ),
        ),
    ),
    sensor(
        "Running Processes",
        Column("User"),
        Column("Name"),
        Column("PID", ValueType.INTEGER),
        Column("Is Default", ValueType.BOOLEAN),
    ),
    sensor("Running Processes with Hash", Column("Path", ValueType.PATH), Column("MD5")),
    sensor("User Groups"),
    sensor("Not Patched"),
    sensor("Threat Response - Status", Column("Component"), Column("Key"), Column("Value")),
    sensor("Index Query File Path Using Name, Path and Hash"),
    sensor("Everything", *EVERY_TYPE),
)
INDEX = NameIndex(SENSORS)
HEAVY = SensorDefinition(
    key="search_disk",
    name="Search Disk",
    description="Looks through everything.",
    category="Samples",
    columns=JOB_COLUMNS,
    parameters=(JOB_PARAMETER,),
    cost=Cost.HEAVY,
)
INDEX_WITH_HEAVY = NameIndex((*SENSORS, HEAVY))
BY_NAME = {item.name: item for item in SENSORS}
