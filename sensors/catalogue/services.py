"""The services that the operating system starts and supervises."""

from __future__ import annotations

from typing import Final

from sensors.definitions import (
    LINUX,
    Column,
    Cost,
    Parameter,
    SensorDefinition,
    ValueType,
)

CATEGORY: Final = "Services"
_SOURCES: Final = (
    "Where systemd runs: its service units, loaded or only installed, with the state that systemd "
    "itself tells. Elsewhere: the scripts of /etc/init.d, with a state guessed from their pid "
    "files and programs, because nobody keeps it. Services of other supervisors (runit, "
    "supervisord, containers, a user's own systemd) are not seen."
)

SENSORS: Final = (
    SensorDefinition(
        key="services.details",
        name="Service Details",
        description="Every service with its state, how it is started, its program, user and main "
        f"process. {_SOURCES} Start mode: Automatic (something starts it with the computer), "
        "Manual (on demand only), Disabled (masked, or an init script that every runlevel stops).",
        category=CATEGORY,
        columns=(
            Column("Service Name"),
            Column("Display Name"),
            Column("Status"),
            Column("Start Mode"),
            Column("Path", ValueType.PATH),
            Column("Command Line"),
            Column("User"),
            Column("PID", ValueType.INTEGER),
            Column("Unit State"),
            Column("Defined In", ValueType.PATH),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Service Details containing "PolicyAgent" from all machines with '
        'Service Details containing "PolicyAgent"',
    ),
    SensorDefinition(
        key="services.is_running",
        name="Service Running",
        description=f"Whether a service with this name runs. {_SOURCES}",
        category=CATEGORY,
        columns=(Column("Service Running", ValueType.BOOLEAN),),
        parameters=(
            Parameter(
                key="name",
                title="Service Name",
                help="The whole name, without regard to case and without “.service”.",
                common_uses=("ssh", "auditd", "cron", "docker"),
            ),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        example='Get Computer Name from machines with Service Running["auditd"] containing "False"',
    ),
)
