"""What the computer is made of: firmware, processors, memory, virtualization."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, SensorDefinition, ValueType

CATEGORY: Final = "Hardware"
_DMI: Final = (
    "Read from the firmware's SMBIOS tables as the kernel shows them. Fails where there are none, "
    "as in many small virtual machines."
)

SENSORS: Final = (
    SensorDefinition(
        key="hardware.manufacturer",
        name="Manufacturer",
        description=f"Who made the computer, or its hypervisor. {_DMI}",
        category=CATEGORY,
        columns=(Column("Manufacturer"),),
        platforms=(LINUX,),
        example="Get Manufacturer from all machines",
    ),
    SensorDefinition(
        key="hardware.model",
        name="Model",
        description=f"The product name of the computer, its version and its family. {_DMI}",
        category=CATEGORY,
        columns=(Column("Model"), Column("Model Version"), Column("Family")),
        platforms=(LINUX,),
        example="Get Manufacturer and Model from all machines",
    ),
    SensorDefinition(
        key="hardware.serial_number",
        name="Computer Serial Number",
        description=f"The serial number of the computer and its UUID. {_DMI}",
        category=CATEGORY,
        columns=(Column("Computer Serial Number"), Column("Hardware UUID")),
        platforms=(LINUX,),
        example="Get Computer Name and Computer Serial Number from all machines",
    ),
    SensorDefinition(
        key="hardware.chassis",
        name="Chassis Type",
        description=f"The kind of case (desktop, laptop, server) and its asset tag. {_DMI}",
        category=CATEGORY,
        columns=(Column("Chassis Type"), Column("Asset Tag")),
        platforms=(LINUX,),
        example="Get Chassis Type from all machines",
    ),
    SensorDefinition(
        key="hardware.bios",
        name="BIOS",
        description=f"Vendor, version and date of the firmware. {_DMI}",
        category=CATEGORY,
        columns=(Column("BIOS Vendor"), Column("BIOS Version"), Column("BIOS Date")),
        platforms=(LINUX,),
        example="Get BIOS from all machines",
    ),
    SensorDefinition(
        key="hardware.cpu",
        name="CPU",
        description="The processors: model, how many packages, cores and threads, and one row for "
        "each model that is present. In a virtual machine, what the hypervisor shows.",
        category=CATEGORY,
        columns=(
            Column("CPU"),
            Column("Vendor"),
            Column("Packages", ValueType.INTEGER),
            Column("Cores", ValueType.INTEGER),
            Column("Threads", ValueType.INTEGER),
            Column("Microcode"),
        ),
        platforms=(LINUX,),
        example="Get CPU from all machines",
    ),
    SensorDefinition(
        key="hardware.cpu_weaknesses",
        name="CPU Vulnerabilities",
        description="What the kernel says of each known weakness of the processor: not affected, "
        "mitigated and how, or vulnerable.",
        category=CATEGORY,
        columns=(Column("CPU Vulnerability"), Column("State")),
        platforms=(LINUX,),
        example='Get CPU Vulnerabilities containing "Vulnerable" from all machines',
    ),
    SensorDefinition(
        key="hardware.memory",
        name="Memory",
        description="Memory and swap space: all of it, and what could be used by new programs now.",
        category=CATEGORY,
        columns=(
            Column("Memory", ValueType.BYTES),
            Column("Available Memory", ValueType.BYTES),
            Column("Swap", ValueType.BYTES),
            Column("Free Swap", ValueType.BYTES),
        ),
        platforms=(LINUX,),
        example="Get Computer Name and Memory from all machines",
        aliases=("RAM",),
    ),
    SensorDefinition(
        key="hardware.virtual",
        name="Virtual Platform",
        description="Whether the computer is virtual, on which platform as far as it shows, and "
        "which container engine the agent itself runs in. A hypervisor may hide itself.",
        category=CATEGORY,
        columns=(
            Column("Virtual", ValueType.BOOLEAN),
            Column("Virtual Platform"),
            Column("Container"),
        ),
        platforms=(LINUX,),
        example="Get Virtual Platform from all machines",
        aliases=("Is Virtual",),
    ),
)
