"""The certificates that a computer trusts."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Certificates"

_FACTS: Final = (
    Column("Subject"),
    Column("Issuer"),
    Column("Not Before", ValueType.INSTANT),
    Column("Not After", ValueType.INSTANT),
    Column("SHA-256", ValueType.HASH),
    Column("Serial Number"),
    Column("Key"),
)

SENSORS: Final = (
    SensorDefinition(
        key="certificates.trusted",
        name="Trusted Certificates",
        description="The certificate authorities that programs of this computer trust, from the "
        "system's bundle and folders. Local: it came with no package, so somebody added it. "
        "Browsers, Java and programs with a store of their own may trust others.",
        category=CATEGORY,
        columns=(
            *_FACTS,
            Column("Local", ValueType.BOOLEAN),
            Column("Path", ValueType.PATH),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Trusted Certificates where Local is "True" from all machines',
    ),
    SensorDefinition(
        key="certificates.own",
        name="Machine Certificates",
        description="The certificates that services of this computer show, from the folders where "
        "web, mail, directory, database and VPN servers keep them; authorities are left out. "
        "Private keys are never read. Others may lie where a service's own settings say.",
        category=CATEGORY,
        columns=(*_FACTS, Column("Alternative Names"), Column("Path", ValueType.PATH)),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Machine Certificates where Not After is less than "2030-01-01" '
        "from all machines",
    ),
)
