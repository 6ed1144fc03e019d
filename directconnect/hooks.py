"""What live sessions do when the console tells news of endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from directconnect.services import close_sessions_of


def close_sessions_of_revoked(*, endpoint_id: UUID, at: datetime, **_: Any) -> None:
    """End every session with an endpoint that has just been revoked."""
    close_sessions_of(endpoint_id, reason="the endpoint was revoked", now=at)
