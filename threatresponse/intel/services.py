"""Create, change and delete intel documents. Nothing here reaches an endpoint: see deployment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput
from detection.exceptions import SignalError
from detection.signals.parser import parse_expression
from threatresponse.intel.definitions import (
    LONGEST_DESCRIPTION,
    clean_name,
    clean_platforms,
    clean_techniques,
    compile_definition,
)
from threatresponse.intel.exceptions import IntelChanged, NameTaken, StillDeployed
from threatresponse.intel.models import IntelDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDraft:
    """What an author says of a Signal. It becomes a document only when every part is in order."""

    name: str
    definition: str
    platforms: Collection[str]
    techniques: Collection[str] = ()
    description: str = ""

    @classmethod
    def of(cls, document: IntelDocument) -> SignalDraft:
        """Return what a document says now, as the start of a change (`dataclasses.replace`)."""
        return cls(
            name=document.name,
            definition=document.definition,
            platforms=document.platforms,
            techniques=document.techniques,
            description=document.description,
        )


def create_intel(draft: SignalDraft, *, actor: Actor, now: datetime) -> IntelDocument:
    """Store a new Signal; it is not deployed by this.

    Raises DefinitionRefused with the place in the text, InvalidInput for the other fields, and
    NameTaken.
    """
    document = IntelDocument(
        type=IntelDocument.Type.SIGNAL,
        created_at=now,
        created_by_name=actor.name,
        changed_at=now,
        changed_by_name=actor.name,
    )
    _fill(document, draft)
    with transaction.atomic(durable=True):
        _save(document, force_insert=True)
        record_audit_event(
            actor=actor,
            action="intel.create",
            subject=document,
            detail={"definition": document.definition, "platforms": document.platforms},
            now=now,
        )
    return document


def update_intel(
    document: IntelDocument,
    draft: SignalDraft,
    *,
    actor: Actor,
    now: datetime,
    read_at: datetime | None = None,
) -> IntelDocument:
    """Change a document. `read_at` is the `changed_at` that the caller saw; None: whatever it is.

    The revision grows only when an endpoint would evaluate something else; what is deployed stays
    as it is until the document is deployed again. Raises IntelChanged when somebody was faster,
    and what `create_intel` raises.
    """
    with transaction.atomic(durable=True):
        stored = IntelDocument.objects.select_for_update().get(pk=document.pk)
        if read_at is not None and stored.changed_at != read_at:
            raise IntelChanged(f"{stored.changed_by_name} changed “{stored.name}” meanwhile.")
        before = SignalDraft.of(stored)
        _fill(stored, draft)
        after = SignalDraft.of(stored)
        if after == before:
            return stored
        if _evaluates_differently(before, after):
            stored.revision += 1
        stored.changed_at = now
        stored.changed_by_name = actor.name
        _save(stored)
        record_audit_event(
            actor=actor,
            action="intel.change",
            subject=stored,
            detail={"revision": stored.revision, "changed": _changed_fields(before, after)},
            now=now,
        )
    return stored


def delete_intel(document: IntelDocument, *, actor: Actor, now: datetime) -> None:
    """Delete a document; its alerts stay readable. Raises StillDeployed."""
    with transaction.atomic(durable=True):
        stored = IntelDocument.objects.select_for_update().get(pk=document.pk)
        if stored.is_deployed:
            raise StillDeployed(f"“{stored.name}” is deployed: withdraw it first.")
        record_audit_event(
            actor=actor,
            action="intel.delete",
            subject=stored,
            detail={"definition": stored.definition},
            now=now,
        )
        stored.delete()


def _fill(document: IntelDocument, draft: SignalDraft) -> None:
    document.name = clean_name(draft.name)
    document.platforms = clean_platforms(draft.platforms)
    document.techniques = clean_techniques(draft.techniques)
    if len(draft.description) > LONGEST_DESCRIPTION:
        reason = f"at most {LONGEST_DESCRIPTION} characters are allowed"
        raise InvalidInput("The description is too long.", errors={"description": [reason]})
    document.description = draft.description
    compile_definition(draft.definition, platforms=document.platforms)
    document.definition = draft.definition


def _save(document: IntelDocument, *, force_insert: bool = False) -> None:
    try:
        # A savepoint: PostgreSQL refuses everything behind an error in the same transaction.
        with transaction.atomic():
            document.save(force_insert=force_insert)
    except IntegrityError as error:
        reason = f"another document is called “{document.name}”"
        raise NameTaken(f"There is {reason}.", errors={"name": [reason]}) from error


def _evaluates_differently(before: SignalDraft, after: SignalDraft) -> bool:
    if list(before.platforms) != list(after.platforms):
        return True
    if before.definition == after.definition:
        return False
    try:
        return parse_expression(before.definition) != parse_expression(after.definition)
    except SignalError:
        # An earlier version of the language accepted the old text: nobody knows what it meant.
        return True


def _changed_fields(before: SignalDraft, after: SignalDraft) -> list[str]:
    names = ("name", "definition", "platforms", "techniques", "description")
    return [name for name in names if getattr(before, name) != getattr(after, name)]
