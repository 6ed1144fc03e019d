"""Installed software."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    JOB_COLUMNS,
    JOB_PARAMETER,
    LINUX,
    Column,
    Cost,
    Parameter,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Software"
_SOURCES: Final = (
    "Read from the records of dpkg, rpm, apk, pacman, snap and flatpak. What was copied or "
    "compiled onto the computer without them, and what is only inside containers, is not seen."
)
_NAME: Final = Parameter(
    key="name",
    title="Application Name",
    help="The whole name, without regard to case, or a regular expression that fits the whole "
    "name: audit, auditd?, .*kernel.*",
    common_uses=("audit", "auditd?", "openssh-server", "docker.*"),
)

SENSORS: Final = (
    SensorDefinition(
        key="software.installed",
        name="Installed Applications",
        description=f"Every installed package with version, size and publisher. {_SOURCES} "
        "Installed: when it was last unpacked, so upgrades count.",
        category=CATEGORY,
        columns=(
            Column("Name"),
            Column("Version", ValueType.VERSION),
            Column("Architecture"),
            Column("Source"),
            Column("Publisher"),
            Column("Installed", ValueType.INSTANT),
            Column("Size", ValueType.BYTES),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Installed Applications containing "openssl" from all machines',
    ),
    SensorDefinition(
        key="software.exists",
        name="Installed Application Exists",
        description="Whether a package of this name is installed. Names differ between "
        f"distributions: the audit daemon is in audit or in auditd. {_SOURCES}",
        category=CATEGORY,
        columns=(Column("Installed Application Exists", ValueType.BOOLEAN),),
        parameters=(_NAME,),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example="Get Installed Application Exists[audit] from all machines "
        'with Is Linux containing "true"',
    ),
    SensorDefinition(
        key="software.version",
        name="Installed Application Version",
        description=f"The version of the packages of this name. {_SOURCES}",
        category=CATEGORY,
        columns=(Column("Name"), Column("Version", ValueType.VERSION), Column("Source")),
        parameters=(_NAME,),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Installed Application Version["openssl"] from all machines',
    ),
    SensorDefinition(
        key="software.pending_updates",
        name="Package Updates Pending",
        description="What apt or dnf would upgrade now, by the package lists that it downloaded "
        "last: old lists know of few updates. Nothing is downloaded or installed. Other package "
        "managers are not asked; it needs some seconds of work, so it is a job.",
        category=CATEGORY,
        columns=JOB_COLUMNS,
        result_columns=(
            Column("Name"),
            Column("Installed Version", ValueType.VERSION),
            Column("Offered Version", ValueType.VERSION),
            Column("From"),
            Column("Security", ValueType.BOOLEAN),
        ),
        parameters=(JOB_PARAMETER,),
        platforms=(LINUX,),
        cost=Cost.HEAVY,
        example='Get Package Updates Pending["updates-1"] from all machines',
    ),
    SensorDefinition(
        key="software.verify",
        name="Package File Verification",
        description="Compares the files of one package with what came with it, by the checksums "
        "(MD5) of dpkg, or by rpm -V: what is missing or changed. The records lie on the same "
        "disk, so who changed a file may have changed its record; files that scripts make have "
        "none.",
        category=CATEGORY,
        columns=JOB_COLUMNS,
        result_columns=(
            Column("Package"),
            Column("Path", ValueType.PATH),
            Column("Finding"),
            Column("Configuration File", ValueType.BOOLEAN),
            Column("Packed MD5", ValueType.HASH),
            Column("MD5", ValueType.HASH),
        ),
        parameters=(
            Parameter(
                key="package",
                title="Package",
                help="The package's exact name.",
                common_uses=("coreutils", "openssh-server", "login", "systemd"),
                max_length=200,
            ),
            JOB_PARAMETER,
        ),
        platforms=(LINUX,),
        cost=Cost.HEAVY,
        content_set="Incident Response",
        example='Get Package File Verification["coreutils", "verify-1"] from all machines',
    ),
)
