"""What users added to their browsers."""

from __future__ import annotations

from typing import Final

from sensors.definitions import LINUX, Column, Cost, SensorDefinition, ValueType

CATEGORY: Final = "Browsers"

SENSORS: Final = (
    SensorDefinition(
        key="browsers.extensions",
        name="Browser Extensions",
        description="Extensions in the profiles of local users: Chromium, Chrome, Edge, Brave, "
        "Vivaldi and Opera, and Firefox; also those installed as snap or flatpak. Source tells "
        "how an extension came: a store, a file, a policy, a developer's folder, or with the "
        "browser. Profiles in unusual folders are not seen.",
        category=CATEGORY,
        columns=(
            Column("User"),
            Column("Browser"),
            Column("Profile"),
            Column("Name"),
            Column("Extension ID"),
            Column("Version", ValueType.VERSION),
            Column("Enabled", ValueType.BOOLEAN),
            Column("Source"),
            Column("Installed", ValueType.INSTANT),
            Column("Permissions"),
            Column("Path", ValueType.PATH),
        ),
        platforms=(LINUX,),
        cost=Cost.LIGHT,
        content_set="Incident Response",
        example="Get Computer Name and Browser Extensions from all machines",
    ),
)
