"""What endpoints answered last to the sensors that rules of computer groups name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from console.endpoints.evaluation import current_rules, follow_endpoints
from console.endpoints.models import EndpointFact
from console.endpoints.rules import calls_in
from protocol.questions import SensorCall

_WRITTEN_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """The rows with which one endpoint answered one call, by its canonical text."""

    endpoint_id: UUID
    call: str
    rows: list[list[str]]
    answered_at: datetime


def calls_of_groups() -> dict[str, SensorCall]:
    """List, by canonical text, what endpoints have to be asked for the rules of groups."""
    return calls_in(current_rules().rule_set.rules.values())


@transaction.atomic
def record_facts(facts: Collection[Fact]) -> None:
    """Store answers, the newest of each endpoint and call, and find the groups that follow.

    An older answer than the stored one changes nothing; told twice, it is stored once.
    """
    newest: dict[tuple[UUID, str], Fact] = {}
    for fact in sorted(facts, key=lambda fact: fact.answered_at):
        newest[fact.endpoint_id, fact.call] = fact
    stored = _stored(fact.endpoint_id for fact in newest.values())
    fresh = [
        fact
        for key, fact in newest.items()
        if key not in stored or stored[key].answered_at < fact.answered_at
    ]
    EndpointFact.objects.bulk_create(
        (
            EndpointFact(
                endpoint_id=fact.endpoint_id,
                call=fact.call,
                rows=fact.rows,
                answered_at=fact.answered_at,
            )
            for fact in fresh
        ),
        batch_size=_WRITTEN_AT_ONCE,
        update_conflicts=True,
        unique_fields=["endpoint", "call"],
        update_fields=["rows", "answered_at"],
    )
    follow_endpoints(
        fact.endpoint_id
        for fact in fresh
        if (known := stored.get((fact.endpoint_id, fact.call))) is None or known.rows != fact.rows
    )


@transaction.atomic
def forget_unused_facts() -> int:
    """Delete answers to what no rule asks any more; return how many there were."""
    deleted, _ = EndpointFact.objects.exclude(call__in=calls_of_groups()).delete()
    return deleted


def _stored(endpoint_ids: Iterable[UUID]) -> dict[tuple[UUID, str], EndpointFact]:
    wanted = list(dict.fromkeys(endpoint_ids))
    return {
        (fact.endpoint_id, fact.call): fact
        for start in range(0, len(wanted), _WRITTEN_AT_ONCE)
        for fact in EndpointFact.objects.filter(
            endpoint__in=wanted[start : start + _WRITTEN_AT_ONCE]
        )
    }
