"""Content sets: each change with its audit row. Only administrators make them."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from console.access.administrators import check_administrator
from console.access.catalogue import seeded_content_sets
from console.access.exceptions import ContentSetInUse
from console.access.models import ContentSet
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput


@transaction.atomic(durable=True)
def create_content_set(*, name: str, description: str, actor: Actor, now: datetime) -> ContentSet:
    """Make a content set; no role may use it yet.

    Raises `InvalidInput` for a name that is taken, `NotAllowed` for whoever is no administrator.
    """
    check_administrator(actor)
    made = _saved(ContentSet(name=name, description=description))
    record_audit_event(actor=actor, action="content_set.create", subject=made, now=now)
    return made


@transaction.atomic(durable=True)
def change_content_set(
    content_set: ContentSet,
    *,
    name: str | None = None,
    description: str | None = None,
    actor: Actor,
    now: datetime,
) -> ContentSet:
    """Rename or describe a content set; what is None stays as it is.

    Raises `InvalidInput`, `NotAllowed`, or `ContentSetInUse` for one that the console needs.
    """
    check_administrator(actor)
    _check_own(content_set)
    detail: dict[str, object] = {}
    for field, value in (("name", name), ("description", description)):
        if value is not None and value != getattr(content_set, field):
            detail[field] = {"from": getattr(content_set, field), "to": value}
            setattr(content_set, field, value)
    _saved(content_set)
    record_audit_event(
        actor=actor, action="content_set.change", subject=content_set, detail=detail, now=now
    )
    return content_set


@transaction.atomic(durable=True)
def delete_content_set(content_set: ContentSet, *, actor: Actor, now: datetime) -> None:
    """Delete an empty content set, with every grant on it.

    Raises `NotAllowed`, or `ContentSetInUse` while something lies in it or the console needs it.
    """
    check_administrator(actor)
    _check_own(content_set)
    record_audit_event(actor=actor, action="content_set.delete", subject=content_set, now=now)
    try:
        content_set.delete()
    except ProtectedError as error:
        raise ContentSetInUse(
            f"{content_set} is not empty: move what lies in it to another content set first."
        ) from error


def _check_own(content_set: ContentSet) -> None:
    if content_set.name in {seed.name for seed in seeded_content_sets()}:
        raise ContentSetInUse(f"{content_set} comes with the console, which looks for it by name.")


def _saved(content_set: ContentSet) -> ContentSet:
    try:
        content_set.full_clean()
    except ValidationError as error:
        raise InvalidInput("The content set was not saved.", errors=error.message_dict) from error
    content_set.save()
    return content_set
