"""Background jobs of deployment; each is one call of a service."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from console.celery import app
from console.core.actor import Actor
from threatresponse.deployment.sending import resend_lagging

RESEND_INTERVAL: Final = 60.0


@app.task(name="deployment.resend_lagging")  # type: ignore[untyped-decorator] # celery has no types
def resend_lagging_intel() -> None:
    """Send the current intel again to endpoints that do not have it."""
    resend_lagging(actor=Actor.system("worker"), now=timezone.now())


app.add_periodic_task(
    RESEND_INTERVAL, resend_lagging_intel.s(), name="resend lagging intel", queue="bulk"
)
