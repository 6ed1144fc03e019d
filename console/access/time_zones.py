"""The time zones in which a user may want instants told, beside UTC."""

from __future__ import annotations

import functools
import zoneinfo
from typing import Final

UTC: Final = "UTC"


@functools.cache
def zone_names() -> tuple[str, ...]:
    """Name the zones that this machine knows, UTC first; without a database of zones only that."""
    # `Etc/` and what has no region are other names for the same, or offsets.
    regional = {name for name in zoneinfo.available_timezones() if "/" in name}
    return (UTC, *sorted(name for name in regional if not name.startswith(("Etc/", "SystemV/"))))
