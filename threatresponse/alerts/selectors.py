"""Read alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import Count, Q, QuerySet, TextField
from django.db.models.functions import Cast

from console.endpoints.reach import reach_of
from threatresponse.alerts.models import Alert

VIEW: Final = "alerts.view_alert"
CHANGE: Final = "alerts.change_alert"

# SQLite takes 999 parameters in builds that are still about.
_IDS_AT_ONCE: Final = 900

# A line shows less; open pages get twenty of them at once.
SHOWN_PATH: Final = 512


def alerts_visible_to(user: AbstractUser | AnonymousUser) -> QuerySet[Alert]:
    """List the alerts of the endpoints that this user may see alerts of, each with its endpoint."""
    return reach_of(user, VIEW).endpoints(
        Alert.objects.select_related("endpoint"), field="endpoint"
    )


def alerts_changeable_by(user: AbstractUser | AnonymousUser) -> QuerySet[Alert]:
    """List the alerts that this user may see, and change the state of."""
    return reach_of(user, CHANGE).endpoints(alerts_visible_to(user), field="endpoint")


def with_technique(alerts: QuerySet[Alert], technique: str) -> QuerySet[Alert]:
    """Keep the alerts of rules with this ATT&CK technique or one of its sub-techniques."""
    # SQLite cannot look into JSON by `contains`; the ids have a form that needs no escaping.
    wanted = technique.upper()
    return alerts.annotate(technique_text=Cast("techniques", TextField())).filter(
        Q(technique_text__contains=f'"{wanted}"') | Q(technique_text__contains=f'"{wanted}.')
    )


def stored_ids(ids: Sequence[UUID]) -> set[UUID]:
    """Tell which of these alerts are stored already."""
    stored: set[UUID] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        stored.update(Alert.objects.filter(pk__in=part).values_list("pk", flat=True))
    return stored


def count_alerts_by_state(alerts: QuerySet[Alert]) -> dict[str, int]:
    """Count these alerts by their state; states without one are 0."""
    counts = dict.fromkeys(Alert.State.values, 0)
    counts.update(alerts.order_by().values_list("state").annotate(Count("pk")))
    return counts


def summarise_alert(alert: Alert) -> dict[str, Any]:
    """Show what one line of a list needs, as JSON. Pages must escape every value."""
    return {
        "id": str(alert.pk),
        "endpoint": str(alert.endpoint_id),
        "endpoint_name": alert.endpoint.host_name,
        "intel": None if alert.intel_id is None else str(alert.intel_id),
        "intel_name": alert.intel_name,
        "techniques": alert.techniques,
        "state": alert.state,
        "happened_at": alert.happened_at.isoformat(),
        "received_at": alert.received_at.isoformat(),
        "process_path": alert.process_path[:SHOWN_PATH],
        "user_name": alert.user_name,
    }
