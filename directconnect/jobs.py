"""Background jobs of live sessions; each is one call of a service."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from console.celery import app
from directconnect import services

SWEEP_INTERVAL: Final = 60.0


@app.task(name="directconnect.close_abandoned_sessions")  # type: ignore[untyped-decorator] # celery has no types
def close_abandoned_sessions() -> None:
    """End sessions that nobody carries any more."""
    services.close_abandoned_sessions(now=timezone.now())


app.add_periodic_task(
    SWEEP_INTERVAL, close_abandoned_sessions.s(), name="sweep live sessions", queue="bulk"
)
