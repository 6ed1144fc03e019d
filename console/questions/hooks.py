"""What questions do when something happened elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from console.questions.catalogue import own_definitions, sync_built_in
from console.questions.services import ask_joiners
from sensors.definitions import SensorDefinition


def sync_sensors(**_: Any) -> None:
    """Let the table have the built-in sensors of this version."""
    sync_built_in(now=timezone.now())


def ask_enrolled(*, endpoint_id: UUID, at: datetime, **_: Any) -> None:
    """Ask an endpoint that has just joined what is open for it."""
    ask_joiners([endpoint_id], now=at)


def ask_joined(*, endpoint_ids: Iterable[UUID], **_: Any) -> None:
    """Ask endpoints that are in other groups than before what is open there."""
    ask_joiners(endpoint_ids, now=timezone.now())


def own_sensors() -> list[SensorDefinition]:
    """Offer users' own sensors to the rules of computer groups."""
    return own_definitions()
