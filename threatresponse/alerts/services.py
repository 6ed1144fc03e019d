"""Store alerts as endpoints raise them, and change their state as people work on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.live_topics import publish
from console.core.storable import storable_text
from console.endpoints.models import Endpoint
from console.modules import Received
from protocol.messages import AlertRaised
from threatresponse.alerts.evidence import (
    evidence_of,
    happened_at,
    process_of,
    revision_of,
    terms_of,
)
from threatresponse.alerts.exceptions import TooManyAlerts
from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import stored_ids, summarise_alert
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.selectors import documents_named

TOPIC: Final = "alerts"
UNKNOWN_RULE: Final = "unknown rule"
MOST_AT_ONCE: Final = 1000

# Rows that a live page can show before it asks the API.
NEWEST: Final = 20

_LONGEST_PATH: Final = 4096
_LONGEST_USER: Final = 255


def store_alerts(batch: Sequence[Received]) -> None:
    """Store `AlertRaised` messages inside the caller's transaction; told twice, stored once.

    An alert belongs to the endpoint whose connection brought it, whatever it says. Alerts of
    endpoints that are gone are dropped with them. Live pages hear of new ones after the commit.
    """
    endpoints = Endpoint.objects.in_bulk({endpoint_id for endpoint_id, _, _ in batch})
    documents = documents_named({raised.intel_id for _, raised, _ in batch})
    known = stored_ids([raised.id for _, raised, _ in batch])
    fresh: dict[UUID, Alert] = {}
    for endpoint_id, raised, received in batch:
        endpoint = endpoints.get(endpoint_id)
        if endpoint is None or raised.id in known or raised.id in fresh:
            continue
        document = documents.get(raised.intel_id)
        received_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=received)
        fresh[raised.id] = _alert(raised, endpoint, document, received_at)
    # Another ingester may store the same redelivered batch at this moment.
    Alert.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    if fresh:
        newest = sorted(fresh.values(), key=lambda alert: alert.received_at)[-NEWEST:]
        rows = [summarise_alert(alert) for alert in reversed(newest)]
        counts = Counter(str(alert.endpoint_id) for alert in fresh.values())
        publish(TOPIC, rows, count=len(fresh), counts=counts)


def change_alert_state(
    ids: Collection[UUID], state: Alert.State, *, actor: Actor, now: datetime
) -> int:
    """Set the state of these alerts and return how many had another one.

    Raises TooManyAlerts above `MOST_AT_ONCE`.
    """
    if len(ids) > MOST_AT_ONCE:
        reason = f"at most {MOST_AT_ONCE} at once"
        raise TooManyAlerts("Too many alerts.", errors={"ids": [reason]})
    with transaction.atomic(durable=True):
        chosen = Alert.objects.filter(pk__in=ids).exclude(state=state)
        changed = sorted(str(pk) for pk in chosen.values_list("pk", flat=True))
        Alert.objects.filter(pk__in=changed).update(state=state)
        if changed:
            record_audit_event(
                actor=actor,
                action="alert.change_state",
                subject_type="alert",
                subject_id=changed[0] if len(changed) == 1 else "",
                subject_name=f"{len(changed)} alerts" if len(changed) > 1 else "1 alert",
                detail={"state": state.value, "ids": changed},
                now=now,
            )
    return len(changed)


def _alert(
    raised: AlertRaised,
    endpoint: Endpoint,
    document: IntelDocument | None,
    received_at: datetime,
) -> Alert:
    process = process_of(raised)
    return Alert(
        id=raised.id,
        endpoint=endpoint,
        intel=document,
        intel_revision=revision_of(raised),
        intel_name=UNKNOWN_RULE if document is None else document.name,
        techniques=[] if document is None else document.techniques,
        happened_at=happened_at(raised, received_at=received_at),
        received_at=received_at,
        process_path="" if process is None else storable_text(process.path, _LONGEST_PATH),
        user_name="" if process is None else storable_text(process.user, _LONGEST_USER),
        event=evidence_of(raised),
        matched=terms_of(raised),
    )
