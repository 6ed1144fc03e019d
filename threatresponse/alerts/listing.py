"""One part of the list of alerts: filtered, newest first, in pages that never shift.

A cursor names the last alert of a part by when it was received and its id, so that alerts which
arrive meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from django.db.models import Q, QuerySet

from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import with_technique

PAGE: Final = 50
LONGEST_TEXT: Final = 200
EVERY_STATE: Final = "ALL"

_TECHNIQUE: Final = re.compile(r"T[0-9]{4}(\.[0-9]{3})?", re.ASCII)
_SEARCHED: Final = ("intel_name", "process_path", "user_name", "endpoint__host_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuestion:
    """Which alerts a page shows. Parameters that cannot be read count as absent."""

    state: str = Alert.State.UNRESOLVED.value
    text: str = ""
    technique: str = ""
    endpoint: UUID | None = None
    intel: UUID | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Read the parameters of an address."""
        state = parameters.get("state", "").upper()
        known = (*Alert.State.values, EVERY_STATE)
        technique = parameters.get("technique", "").strip().upper()
        return cls(
            state=state if state in known else Alert.State.UNRESOLVED.value,
            text=parameters.get("q", "").strip()[:LONGEST_TEXT],
            technique=technique if _TECHNIQUE.fullmatch(technique) else "",
            endpoint=_uuid(parameters.get("endpoint", "")),
            intel=_uuid(parameters.get("intel", "")),
        )

    @property
    def is_narrowed(self) -> bool:
        """Tell whether anything besides the state narrows the list."""
        return bool(self.text or self.technique or self.endpoint or self.intel)

    def narrow(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        """Keep what is asked for, in every state."""
        if self.endpoint is not None:
            alerts = alerts.filter(endpoint_id=self.endpoint)
        if self.intel is not None:
            alerts = alerts.filter(intel_id=self.intel)
        if self.technique:
            alerts = with_technique(alerts, self.technique)
        if self.text:
            # A NUL would be an error of PostgreSQL's; no stored text has one.
            text = self.text.replace("\0", "")
            matches = Q()
            for name in _SEARCHED:
                matches |= Q(**{f"{name}__icontains": text})
            alerts = alerts.filter(matches)
        return alerts

    def in_state(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        """Keep those of the asked state."""
        return alerts if self.state == EVERY_STATE else alerts.filter(state=self.state)


@dataclass(frozen=True, slots=True)
class AlertPart:
    """Alerts of one part, and the cursor with which the next one begins ("": there is none)."""

    alerts: list[Alert]
    next_cursor: str


def part_of(alerts: QuerySet[Alert], cursor: str) -> AlertPart:
    """Return the part behind a cursor; the first one for an empty or unreadable cursor."""
    place = _place(cursor)
    if place is not None:
        received_at, alert_id = place
        alerts = alerts.filter(
            Q(received_at__lt=received_at) | Q(received_at=received_at, id__gt=alert_id)
        )
    # Lists show no evidence, which may have 128 KiB for each alert.
    found = list(alerts.defer("event", "matched").order_by("-received_at", "id")[: PAGE + 1])
    shown = found[:PAGE]
    return AlertPart(shown, cursor_of(shown[-1]) if len(found) > PAGE else "")


def cursor_of(alert: Alert) -> str:
    """Name the place of an alert in the list."""
    return f"{alert.received_at.isoformat()}_{alert.pk}"


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    at, _, alert_id = cursor.partition("_")
    identity = _uuid(alert_id)
    try:
        received_at = datetime.fromisoformat(at)
    except ValueError:
        return None
    if identity is None or received_at.tzinfo is None:
        return None
    return received_at, identity


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
