"""Bring intel to endpoints: publish all deployed rules, and send them until everyone has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.gateway.services import send_instruction
from protocol.exceptions import MessageTooLarge
from protocol.instructions import ApplyIntel, SignalRule
from threatresponse.deployment.exceptions import (
    DeploymentsCollided,
    IntelTooLarge,
    NotDeployed,
)
from threatresponse.deployment.models import IntelPublication
from threatresponse.deployment.publications import pack_rules, rules_for, unpack_rules
from threatresponse.deployment.selectors import current_publication, lagging_endpoints
from threatresponse.intel.models import IntelDocument

log = logging.getLogger(__name__)

# An endpoint that was away for longer gets the publication again when it is back.
LIFETIME: Final = timedelta(days=7)

# Endpoints that are served in one transaction: each costs a signature and a row.
SLICE: Final = 500


def deploy_intel(document: IntelDocument, *, actor: Actor, now: datetime) -> IntelPublication:
    """Publish this document's present revision, and send everything to every endpoint.

    The other deployed documents stay at the revision at which they were deployed. Raises
    IntelTooLarge and DeploymentsCollided.
    """
    with transaction.atomic(durable=True):
        stored = IntelDocument.objects.select_for_update().get(pk=document.pk)
        rules = [rule for rule in _current_rules() if rule.intel_id != stored.pk]
        rules.append(_rule_of(stored))
        publication = _publish(rules, actor=actor, now=now)
        IntelDocument.objects.filter(pk=stored.pk).update(
            is_deployed=True, deployed_revision=stored.revision, deployed_at=now
        )
        record_audit_event(
            actor=actor,
            action="intel.deploy",
            subject=stored,
            detail={"intel_revision": stored.revision, "publication": publication.revision},
            now=now,
        )
    return publication


def withdraw_intel(document: IntelDocument, *, actor: Actor, now: datetime) -> IntelPublication:
    """Publish everything but this document. Raises NotDeployed."""
    with transaction.atomic(durable=True):
        stored = IntelDocument.objects.select_for_update().get(pk=document.pk)
        if not stored.is_deployed:
            raise NotDeployed(f"“{stored.name}” is not deployed.")
        rules = [rule for rule in _current_rules() if rule.intel_id != stored.pk]
        publication = _publish(rules, actor=actor, now=now)
        IntelDocument.objects.filter(pk=stored.pk).update(is_deployed=False)
        record_audit_event(
            actor=actor,
            action="intel.withdraw",
            subject=stored,
            detail={"publication": publication.revision},
            now=now,
        )
    return publication


def send_current_intel(endpoint_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Send the current publication to one endpoint; False when nothing was ever published."""
    publication = current_publication()
    if publication is None:
        return False
    with transaction.atomic():
        _send(publication, [endpoint_id], actor=actor, now=now)
    return True


def resend_lagging(*, actor: Actor, now: datetime) -> int:
    """Send the current publication again to those who have another one and nothing under way.

    Returns how many. In slices, so that no transaction is long.
    """
    publication = current_publication()
    if publication is None:
        return 0
    lagging = list(lagging_endpoints(publication, now=now).values_list("pk", flat=True))
    for start in range(0, len(lagging), SLICE):
        with transaction.atomic(durable=True):
            _send(publication, lagging[start : start + SLICE], actor=actor, now=now)
    if lagging:
        log.info("intel revision %d sent again to %d", publication.revision, len(lagging))
    return len(lagging)


def _current_rules() -> list[SignalRule]:
    publication = current_publication()
    return [] if publication is None else unpack_rules(bytes(publication.content))


def _rule_of(document: IntelDocument) -> SignalRule:
    return SignalRule(
        intel_id=document.pk,
        revision=document.revision,
        name=document.name,
        definition=document.definition,
        platforms=list(document.platforms),
        techniques=list(document.techniques),
    )


def _publish(rules: Sequence[SignalRule], *, actor: Actor, now: datetime) -> IntelPublication:
    previous = current_publication()
    content, digest = pack_rules(rules)
    publication = IntelPublication(
        revision=1 if previous is None else previous.revision + 1,
        content=content,
        digest=digest,
        rule_count=len(rules),
        published_at=now,
        published_by_name=actor.name,
    )
    try:
        publication.save(force_insert=True)
    except IntegrityError as error:
        # Two at once built on the same publication: the second would take back the first.
        raise DeploymentsCollided("Somebody else deploys right now: try again.") from error
    everyone = Endpoint.objects.filter(revoked_at__isnull=True).values_list("pk", flat=True)
    _send(publication, list(everyone), actor=actor, now=now)
    return publication


def _send(
    publication: IntelPublication, endpoint_ids: Sequence[UUID], *, actor: Actor, now: datetime
) -> None:
    rules = unpack_rules(bytes(publication.content))
    for os in Endpoint.OperatingSystem.values:
        ids = Endpoint.objects.filter(os=os, revoked_at__isnull=True).values_list("pk", flat=True)
        wanted = set(endpoint_ids).intersection(ids)
        if not wanted:
            continue
        instruction = ApplyIntel(revision=publication.revision, signals=rules_for(rules, os))
        try:
            send_instruction(sorted(wanted), instruction, actor=actor, now=now, lifetime=LIFETIME)
        except MessageTooLarge as error:
            raise IntelTooLarge(f"The deployed rules do not fit: {error}.") from error
