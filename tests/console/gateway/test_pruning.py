"""Instructions that ended long ago go; what the next sequence is counted from stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from model_bakery import baker

from console.endpoints.models import Endpoint
from console.gateway.models import OutboundInstruction
from console.gateway.pruning import prune_instructions

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)
State = OutboundInstruction.State


def instruction(endpoint: Endpoint, sequence: int, *, age: timedelta, **fields: Any) -> None:
    """Add an instruction that ended so long ago."""
    baker.make(
        OutboundInstruction,
        endpoint=endpoint,
        sequence=sequence,
        **{"state": State.DONE, "completed_at": NOW - age, **fields},
    )


def test_deletes_what_is_above_its_age_and_keeps_each_endpoints_newest(settings: Any) -> None:
    settings.VEDETTE_INSTRUCTIONS_KEPT_DAYS = 30
    busy, quiet = baker.make(Endpoint, _quantity=2)
    old, young = timedelta(days=31), timedelta(days=29)
    instruction(busy, 1, age=old)
    instruction(busy, 2, age=old, state=State.WAITING, completed_at=None)
    instruction(busy, 3, age=young)
    instruction(busy, 4, age=young)
    instruction(quiet, 1, age=old)
    instruction(quiet, 2, age=old)

    assert prune_instructions(now=NOW) == 2

    left = OutboundInstruction.objects.order_by("sequence").values_list("endpoint", "sequence")
    assert sorted(left) == sorted([(busy.pk, 2), (busy.pk, 3), (busy.pk, 4), (quiet.pk, 2)])
    assert prune_instructions(now=NOW) == 0
