"""What the computer is: names, addresses, operating system."""

from __future__ import annotations

from typing import Final

from sensors.definitions import Column, SensorDefinition, ValueType

CATEGORY: Final = "Computer"

SENSORS: Final = (
    SensorDefinition(
        key="computer.name",
        name="Computer Name",
        description="The computer's host name as its operating system has it.",
        category=CATEGORY,
        columns=(Column("Computer Name"),),
        content_set="Reserved",
        example="Get Computer Name from all machines",
    ),
    SensorDefinition(
        key="computer.ip_address",
        name="IP Address",
        description="Every IPv4 and IPv6 address, loopback and link-local left out.",
        category=CATEGORY,
        columns=(Column("IP Address", ValueType.IP_ADDRESS),),
        content_set="Reserved",
        example="Get Computer Name and IP Address from all machines",
    ),
)
