"""What deployment does when the console tells news of endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from console.core.actor import Actor
from threatresponse.deployment.services import send_current_intel


def send_intel_to_newcomer(*, endpoint_id: UUID, at: datetime, **_: Any) -> None:
    """Send the current publication to an endpoint that has just enrolled."""
    send_current_intel(endpoint_id, actor=Actor.system("deployment"), now=at)
