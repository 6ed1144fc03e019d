"""Make labels, and put them on endpoints or take them off, in bulk."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.endpoints.evaluation import follow_endpoints
from console.endpoints.models import Endpoint, Label
from console.endpoints.reach import reach_of, reach_of_actor

VIEW: Final = "endpoints.view_label"
CHANGE: Final = "endpoints.change_label"
DELETE: Final = "endpoints.delete_label"
COLOURS: Final = ("", "blue", "green", "yellow", "red", "purple", "grey")
_AT_ONCE: Final = 500
_DETAILED: Final = 100

_Placement = Label.endpoints.through


@dataclass(frozen=True, slots=True)
class LabelDraft:
    """What a label is to be; `colour` is one of `COLOURS`."""

    name: str
    colour: str = ""


def labels_visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Label]:
    """List the labels that this user may see, with `endpoint_count` of the endpoints in reach.

    A label that stands only on endpoints out of reach is not there.
    """
    reach = reach_of(user, VIEW)
    if not reach:
        return Label.objects.none()
    if reach.everything:
        return Label.objects.annotate(endpoint_count=Count("endpoints"))
    placed = _Placement.objects.filter(label=OuterRef("pk"))
    reached = reach.endpoints(Endpoint.objects.all())
    return Label.objects.annotate(
        endpoint_count=Count("endpoints", filter=Q(endpoints__in=reached.values("pk")))
    ).filter(~Exists(placed) | Exists(reach.endpoints(placed, field="endpoint")))


def create_label(draft: LabelDraft, *, actor: Actor, now: datetime) -> Label:
    """Make a label that is on no endpoint yet. Raises InvalidInput."""
    with transaction.atomic(durable=True):
        _check(draft, None)
        label = Label.objects.create(name=draft.name.strip(), colour=draft.colour)
        record_audit_event(actor=actor, action="label.create", subject=label, now=now)
    return label


def change_label(label: Label, draft: LabelDraft, *, actor: Actor, now: datetime) -> Label:
    """Rename or colour a label; the groups that ask about it follow.

    Raises InvalidInput, and NotAllowed when it is on an endpoint out of the actor's reach.
    """
    with transaction.atomic(durable=True):
        _check(draft, label)
        placed = _check_reaches_all(label, actor, CHANGE)
        before = label.name
        label.name, label.colour = draft.name.strip(), draft.colour
        label.save(update_fields=["name", "colour"])
        record_audit_event(
            actor=actor, action="label.change", subject=label, detail={"before": before}, now=now
        )
        if label.name != before:
            follow_endpoints(placed)
    return label


def delete_label(label: Label, *, actor: Actor, now: datetime) -> None:
    """Delete a label and take it off all endpoints; the groups that ask about it follow.

    Raises NotAllowed when it is on an endpoint out of the actor's reach.
    """
    with transaction.atomic(durable=True):
        placed = _check_reaches_all(label, actor, DELETE)
        record_audit_event(
            actor=actor,
            action="label.delete",
            subject=label,
            detail={"endpoints": len(placed)},
            now=now,
        )
        label.delete()
        follow_endpoints(placed)


def place_labels(
    endpoint_ids: Collection[UUID],
    *,
    put: Collection[Label] = (),
    take: Collection[Label] = (),
    actor: Actor,
    now: datetime,
) -> int:
    """Put labels on endpoints and take others off; return how many endpoints had it otherwise.

    Endpoints out of the actor's reach, and those that are not there, are left alone.
    """
    with transaction.atomic(durable=True):
        reached = sorted(reach_of_actor(actor, CHANGE).includes(_existing(endpoint_ids)))
        changed = _place(reached, put) | _remove(reached, take)
        if changed:
            record_audit_event(
                actor=actor,
                action="endpoint.label",
                subject_type="endpoint",
                subject_id=str(min(changed)) if len(changed) == 1 else "",
                subject_name=f"{len(changed)} endpoint{'' if len(changed) == 1 else 's'}",
                detail={
                    "put": sorted(label.name for label in put),
                    "taken": sorted(label.name for label in take),
                    "endpoints": sorted(map(str, changed))[:_DETAILED],
                },
                now=now,
            )
            follow_endpoints(changed)
    return len(changed)


def _place(endpoint_ids: list[UUID], labels: Collection[Label]) -> set[UUID]:
    changed: set[UUID] = set()
    for label in labels:
        present = set(_placed(label, endpoint_ids))
        missing = [pk for pk in endpoint_ids if pk not in present]
        _Placement.objects.bulk_create(
            (_Placement(label_id=label.pk, endpoint_id=pk) for pk in missing),
            batch_size=_AT_ONCE,
            ignore_conflicts=True,
        )
        changed.update(missing)
    return changed


def _remove(endpoint_ids: list[UUID], labels: Collection[Label]) -> set[UUID]:
    changed: set[UUID] = set()
    for label in labels:
        present = list(_placed(label, endpoint_ids))
        for start in range(0, len(present), _AT_ONCE):
            part = present[start : start + _AT_ONCE]
            _Placement.objects.filter(label=label, endpoint__in=part).delete()
        changed.update(present)
    return changed


def _placed(label: Label, endpoint_ids: list[UUID]) -> Iterable[UUID]:
    for start in range(0, len(endpoint_ids), _AT_ONCE):
        part = endpoint_ids[start : start + _AT_ONCE]
        yield from _Placement.objects.filter(label=label, endpoint__in=part).values_list(
            "endpoint_id", flat=True
        )


def _existing(endpoint_ids: Collection[UUID]) -> list[UUID]:
    wanted = list(dict.fromkeys(endpoint_ids))
    return [
        pk
        for start in range(0, len(wanted), _AT_ONCE)
        for pk in Endpoint.objects.filter(
            pk__in=wanted[start : start + _AT_ONCE], revoked_at=None
        ).values_list("pk", flat=True)
    ]


def _check(draft: LabelDraft, label: Label | None) -> None:
    name = draft.name.strip()
    errors: dict[str, list[str]] = {}
    taken = Label.objects.filter(name__iexact=name)
    if not name or len(name) > 64:
        errors["name"] = ["A label has 1 to 64 characters."]
    elif (taken if label is None else taken.exclude(pk=label.pk)).exists():
        errors["name"] = ["There is such a label already."]
    if draft.colour not in COLOURS:
        errors["colour"] = [f"One of: {', '.join(colour or 'none' for colour in COLOURS)}."]
    if errors:
        raise InvalidInput("The label was not saved.", errors=errors)


def _check_reaches_all(label: Label, actor: Actor, permission: str) -> list[UUID]:
    placed = list(label.endpoints.values_list("pk", flat=True))
    if len(reach_of_actor(actor, permission).includes(placed)) != len(placed):
        raise NotAllowed(
            f"“{label.name}” is on endpoints that your roles do not reach: it stays as it is."
        )
    return placed
