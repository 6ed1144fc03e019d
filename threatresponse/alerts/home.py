"""What the home page says about alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.urls import reverse

from console.access.models import User
from console.core.home import HomePart, Panel, Tile
from console.core.instants import how_long_ago
from threatresponse.alerts.account import STATES, visible_text
from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import alerts_visible_to

NEWEST: Final = 8


def home_part(user: User, *, now: datetime) -> HomePart:
    """Count what nobody has worked off, and show the newest of it."""
    if not user.has_perm("alerts.view_alert"):
        return HomePart()
    unresolved = alerts_visible_to(user).filter(state=Alert.State.UNRESOLVED)
    count = unresolved.count()
    page = reverse("admin:alerts_alert_changelist")
    tile = Tile(
        title="Unresolved alerts",
        value=f"{count:,}",
        note="waiting for somebody" if count else "nothing waits",
        url=page,
        icon="notifications_active",
        tone="alarm" if count else "good",
        order=10,
    )
    newest = unresolved.defer("event", "matched").order_by("-received_at", "id")[:NEWEST]
    rows = [
        {
            "alert": alert,
            "tone": STATES[alert.state][1],
            "host_name": visible_text(alert.endpoint.host_name),
            "process_path": visible_text(alert.process_path),
            "ago": how_long_ago(alert.received_at, now=now),
        }
        for alert in newest
    ]
    panel = Panel("alerts/home.html", {"rows": rows, "page": page}, order=10)
    return HomePart(tiles=[tile], panels=[panel])
