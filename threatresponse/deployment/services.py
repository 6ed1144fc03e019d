"""Bring intel to endpoints: publish all deployed rules, and send them until everyone has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.commits import after_commit
from console.endpoints.models import Endpoint
from protocol.instructions import SignalRule
from threatresponse.deployment import jobs
from threatresponse.deployment.exceptions import DeploymentsCollided, NotDeployed
from threatresponse.deployment.models import IntelPublication
from threatresponse.deployment.publications import pack_rules, unpack_rules
from threatresponse.deployment.selectors import current_publication
from threatresponse.deployment.sending import SLICE, require_fit, send_publication
from threatresponse.intel.models import IntelDocument


def deploy_intel(document: IntelDocument, *, actor: Actor, now: datetime) -> IntelPublication:
    """Publish this document's present revision, and send everything to every endpoint.

    The first few hundred get it at once, the others from a job.

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
        send_publication(publication, [endpoint_id], actor=actor, now=now)
    return True


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
    revision = 1 if previous is None else previous.revision + 1
    require_fit(revision, rules)
    publication = IntelPublication(
        revision=revision,
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
    first = list(everyone[: SLICE + 1])
    send_publication(publication, first[:SLICE], actor=actor, now=now)
    if len(first) > SLICE:
        # The others lag behind from now on. Should the job get lost, it runs every minute anyway.
        after_commit(jobs.resend_lagging_intel.apply_async)
    return publication
