"""Background jobs of the gateway's rows; each is one call of a service."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from console.celery import app
from console.gateway.pruning import prune_instructions

HOURLY: Final = 3600.0


@app.task(name="gateway.prune")  # type: ignore[untyped-decorator] # celery has no types
def prune() -> None:
    """Delete instructions that ended long ago."""
    prune_instructions(now=timezone.now())


app.add_periodic_task(HOURLY, prune.s().set(queue="bulk"), name="prune instructions")
