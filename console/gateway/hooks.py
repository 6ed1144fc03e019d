"""What the gateway does when something happened to an endpoint."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import redis
import structlog

from console.gateway.services import announce_revoked

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def cut_off_revoked(*, endpoint_id: UUID, **_: Any) -> None:
    """Close the connections of an endpoint that was revoked."""
    try:
        announce_revoked(endpoint_id)
    except redis.RedisError as error:
        # The revocation itself is committed; the ingester announces it when Redis is back.
        log.warning("gateway.revocation_unannounced", endpoint=str(endpoint_id), reason=str(error))
