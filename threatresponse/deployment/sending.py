"""Send a publication to endpoints, in slices: no transaction is long, however many there are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from console.core.actor import Actor
from console.endpoints.models import Endpoint
from console.gateway.services import send_instruction
from protocol import codec
from protocol.exceptions import MessageTooLarge
from protocol.instructions import ApplyIntel, SignalRule
from threatresponse.deployment.exceptions import IntelTooLarge
from threatresponse.deployment.models import IntelPublication
from threatresponse.deployment.publications import rules_for, unpack_rules
from threatresponse.deployment.selectors import current_publication, lagging_endpoints

log = logging.getLogger(__name__)

# An endpoint that was away for longer gets the publication again when it is back.
LIFETIME: Final = timedelta(days=7)

# Endpoints that are served in one transaction: each costs a signature and a row.
SLICE: Final = 500


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
            send_publication(publication, lagging[start : start + SLICE], actor=actor, now=now)
    if lagging:
        log.info("intel revision %d sent again to %d", publication.revision, len(lagging))
    return len(lagging)


def send_publication(
    publication: IntelPublication, endpoint_ids: Sequence[UUID], *, actor: Actor, now: datetime
) -> None:
    """Send it to these endpoints, at most `SLICE` of them, in the caller's transaction."""
    rules = unpack_rules(bytes(publication.content))
    present = Endpoint.objects.filter(pk__in=endpoint_ids, revoked_at__isnull=True)
    for os in Endpoint.OperatingSystem.values:
        wanted = sorted(present.filter(os=os).values_list("pk", flat=True))
        if wanted:
            instruction = _instruction(publication.revision, rules, os)
            send_instruction(wanted, instruction, actor=actor, now=now, lifetime=LIFETIME)


def require_fit(revision: int, rules: Sequence[SignalRule]) -> None:
    """Refuse rules that some endpoint could not be sent, whichever slice it is in.

    Raises IntelTooLarge.
    """
    for os in Endpoint.OperatingSystem.values:
        try:
            codec.INSTRUCTION.encode(_instruction(revision, rules, os))
        except MessageTooLarge as error:
            raise IntelTooLarge(f"The deployed rules do not fit: {error}.") from error


def _instruction(revision: int, rules: Sequence[SignalRule], os: str) -> ApplyIntel:
    return ApplyIntel(revision=revision, signals=rules_for(rules, os))
