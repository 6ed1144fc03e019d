"""How the agent's own parts are doing on an endpoint."""

from __future__ import annotations

from typing import Final

from sensors.definitions import Column, SensorDefinition, ValueType

CATEGORY: Final = "Threat Response"
_CONTENT_SET: Final = "Threat Response"

SENSORS: Final = (
    SensorDefinition(
        key="status.threat_response",
        name="Threat Response - Status",
        description="The agent's components (Detect Engine, Event Recorder, Incident Response, "
        "Threat Response) with what is known of each. A component's Status begins with the "
        "operating system: Nominal, Package Required (a part, or a program that it needs, is "
        "missing or too old), Disabled (it has nothing to do: no source allowed, no Signals "
        "deployed) or Attention Needed; further rows say why. An agent that does not run answers "
        "nothing at all.",
        category=CATEGORY,
        columns=(Column("Component"), Column("Key"), Column("Value")),
        content_set=_CONTENT_SET,
        example="Get Threat Response - Status from all machines",
    ),
    SensorDefinition(
        key="status.overall",
        name="Threat Response - Overall Status",
        description="One line for the whole agent: the operating system with Nominal, Package "
        "Required, Disabled or Attention Needed.",
        category=CATEGORY,
        columns=(Column("Threat Response - Overall Status"),),
        content_set=_CONTENT_SET,
        example="Get Computer Name from machines with "
        'Threat Response - Overall Status containing "Attention"',
    ),
    SensorDefinition(
        key="status.certificate",
        name="Trace Endpoint Certificate Installed",
        description="Whether the endpoint has the certificate with which it proves to the console "
        "who it is, and the certificate is valid now.",
        category=CATEGORY,
        columns=(Column("Trace Endpoint Certificate Installed", ValueType.BOOLEAN),),
        content_set=_CONTENT_SET,
        example="Get Computer Name and Trace Endpoint Certificate Installed from all machines",
    ),
    SensorDefinition(
        key="status.database",
        name="Trace Group Configuration Level",
        description="Whether the database of recorded events is there and can be read.",
        category=CATEGORY,
        columns=(Column("Trace Group Configuration Level", ValueType.BOOLEAN),),
        content_set=_CONTENT_SET,
        example="Get Computer Name and Trace Group Configuration Level from all machines",
    ),
)
