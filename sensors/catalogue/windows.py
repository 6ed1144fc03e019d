"""What only Windows has. Agents of this release answer that their platform has no such sensor."""

from __future__ import annotations

from typing import Final

from sensors.definitions import WINDOWS, Column, SensorDefinition

CATEGORY: Final = "Windows"
_NOT_YET: Final = "For Windows endpoints; this release has no agent for Windows."

SENSORS: Final = (
    SensorDefinition(
        key="windows.audit_policy",
        name="Windows Audit Policy",
        description="The audit policy by category and subcategory: Success, Failure, Success and "
        f"Failure, or No Auditing. {_NOT_YET}",
        category=CATEGORY,
        columns=(Column("Category"), Column("Subcategory"), Column("Setting")),
        platforms=(WINDOWS,),
        content_set="Trace Analysis",
        example="Get Windows Audit Policy from all machines",
    ),
    SensorDefinition(
        key="windows.recorder_driver_status",
        name="Event Recorder Driver Status",
        description="Whether the driver that records processes and command lines is installed, "
        f"and the state of its service. {_NOT_YET}",
        category=CATEGORY,
        columns=(Column("Driver"), Column("Service Status")),
        platforms=(WINDOWS,),
        content_set="Trace Analysis",
        example="Get Event Recorder Driver Status from all machines",
        aliases=("Driver Status",),
    ),
)
