"""Put a sensor into another content set: so it is given to other roles, or taken from some."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from console.access.models import ContentSet, User
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import NotAllowed
from console.questions.models import Sensor


@transaction.atomic
def move_sensor(
    sensor: Sensor, content_set: ContentSet, *, user: User, actor: Actor, now: datetime
) -> Sensor:
    """Put a sensor, a built-in one included, into a content set; it stays there over updates.

    Who may see its answers, old ones too, follows at once. Raises `NotAllowed` for who is no
    administrator: a content set decides what roles may do.
    """
    if not (user.is_superuser and user.is_active):
        raise NotAllowed("Only administrators put sensors into other content sets.")
    sensor = Sensor.objects.select_for_update(of=("self",)).get(pk=sensor.pk)
    before = sensor.content_set
    if before == content_set:
        return sensor
    sensor.content_set = content_set
    sensor.save(update_fields=["content_set"])
    record_audit_event(
        actor=actor,
        action="sensor.move",
        subject=sensor,
        detail={"before": before.name, "after": content_set.name},
        now=now,
    )
    return sensor
