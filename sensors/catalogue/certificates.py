"""The certificates that a computer trusts."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Certificates"

SENSORS: Final = (
    SensorDefinition(
        key="certificates.trusted",
        name="Trusted Certificates",
        description="The certificate authorities that programs of this computer trust, from the "
        "system's bundle and folders. Local: it came with no package, so somebody added it. "
        "Browsers, Java and programs with a store of their own may trust others.",
        category=CATEGORY,
        columns=(
            Column("Subject"),
            Column("Issuer"),
            Column("Not Before", ValueType.INSTANT),
            Column("Not After", ValueType.INSTANT),
            Column("SHA-256", ValueType.HASH),
            Column("Serial Number"),
            Column("Key"),
            Column("Local", ValueType.BOOLEAN),
            Column("Path", ValueType.PATH),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Trusted Certificates where Local is "True" from all machines',
    ),
)
