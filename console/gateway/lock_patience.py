"""How long the ingester waits for a lock of the database: never so long that it looks dead."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

# Seconds. With the pause between two attempts it stays below the life of a report of health.
LOCK_PATIENCE: Final = 3


def wait_briefly_for_locks() -> None:
    """Let this thread's connection give a lock up after `LOCK_PATIENCE`, on both engines.

    Other programs wait longer: they have a user who waits with them, and nothing to say meanwhile.
    """
    options: dict[str, Any] = dict(connection.settings_dict["OPTIONS"])
    if connection.vendor == "sqlite":
        options["timeout"] = LOCK_PATIENCE
    else:
        given = options.get("options", "")
        options["options"] = f"{given} -c lock_timeout={LOCK_PATIENCE}s".strip()
    connection.close()
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
