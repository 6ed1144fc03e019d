"""Delete instructions that ended long ago, in small transactions.

The newest row of each endpoint stays, however old: the next sequence is counted from it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef

from console.core.pruning import delete_in_pieces
from console.gateway.models import OutboundInstruction

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def prune_instructions(*, now: datetime) -> int:
    """Delete those that ended before `VEDETTE_INSTRUCTIONS_KEPT_DAYS`; tell how many."""
    kept = timedelta(days=settings.VEDETTE_INSTRUCTIONS_KEPT_DAYS)
    newer = OutboundInstruction.objects.filter(
        endpoint=OuterRef("endpoint"), sequence__gt=OuterRef("sequence")
    )
    old = OutboundInstruction.objects.filter(Exists(newer), completed_at__lt=now - kept)
    count = delete_in_pieces(old)
    if count:
        log.info("gateway.instructions_pruned", instructions=count)
    return count
