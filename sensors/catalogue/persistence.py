"""What is started again and again: by a clock, by the computer's start, by a login."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Persistence"
_INCIDENT: Final = "Incident Response"

_PATH: Final = Column("Path", ValueType.PATH)
_USER: Final = Column("User")
_MODIFIED: Final = Column("Last Modified", ValueType.INSTANT)
_PACKAGE: Final = Column("Package")
_TECHNIQUE: Final = Column("Technique")
_OWNERSHIP: Final = (
    "Package: what brought the file; empty for files that no package brought, which deserve a "
    "look. A packaged file may still have been changed: see Package File Verification. Technique: "
    "MITRE ATT&CK."
)

SENSORS: Final = (
    SensorDefinition(
        key="persistence.scheduled_jobs",
        name="Scheduled Jobs",
        description="What a clock starts: crontabs of the system and of users, cron.d, "
        "cron.hourly to cron.yearly, anacron, jobs of at, and systemd timers of the system and of "
        f"users (a timer's state says whether it is enabled). {_OWNERSHIP}",
        category=CATEGORY,
        columns=(
            Column("Kind"),
            Column("Schedule"),
            Column("Command"),
            _USER,
            Column("State"),
            _PATH,
            _MODIFIED,
            _PACKAGE,
            _TECHNIQUE,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get Scheduled Jobs where Package is empty from all machines",
        aliases=("Scheduled Tasks",),
    ),
    SensorDefinition(
        key="persistence.autoruns",
        name="Autoruns",
        description="What starts by itself, but not by a clock: enabled systemd units and their "
        "drop-ins (also of a whole kind, a prefix or an instance), generators, init scripts, "
        "rc.local, shell start-up files of the system and of users, desktop autostart, "
        "ld.so.preload, programs run by udev, PAM (pam_exec, and modules of no package), kernel "
        "modules loaded at boot, motd scripts, network, sleep and shutdown hooks, hooks of apt, "
        "dpkg and dnf, git's global hooks, and start-up code of Python. Not seen: changed "
        "programs, boot loaders, firmware, containers. A user's file that is a link says where it "
        f"leads, and is read if that user may read it. {_OWNERSHIP}",
        category=CATEGORY,
        columns=(
            Column("Category"),
            _PATH,
            Column("What Runs"),
            _USER,
            _MODIFIED,
            _PACKAGE,
            _TECHNIQUE,
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set=_INCIDENT,
        example="Get Autoruns where Package is empty from all machines",
    ),
)
