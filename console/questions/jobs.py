"""Background jobs of questions; each is one call of a service."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import redis
import structlog
from django.utils import timezone

from console.celery import app
from console.questions import export_writing, facts, pruning, saved, services

log: structlog.stdlib.BoundLogger = structlog.get_logger()

KEEP_UP: Final = 10.0
HOURLY: Final = 3600.0


@app.task(name="questions.keep_up")  # type: ignore[untyped-decorator] # celery has no types
def keep_up() -> None:
    """End what is over, ask what is due, and write to Redis again what it lost."""
    now = timezone.now()
    saved.ask_due_questions(now=now)
    facts.ask_for_facts(now=now)
    try:
        services.expire_questions(now=now)
        services.restore_questions(now=now)
    except redis.RedisError as error:
        # It comes again in a moment; the rows are the truth.
        log.warning("questions.redis_failed", reason=str(error))


@app.task(name="questions.prune")  # type: ignore[untyped-decorator] # as above
def prune() -> None:
    """Delete answers above their age, and facts that nobody needs."""
    pruning.prune_questions(now=timezone.now())
    facts.forget_facts()


@app.task(name="questions.write_export")  # type: ignore[untyped-decorator] # as above
def write_export(*, export_id: str) -> None:
    """Make the file of an export."""
    export_writing.write_export(UUID(export_id))


@app.task(name="questions.remove_old_exports")  # type: ignore[untyped-decorator] # as above
def remove_old_exports() -> None:
    """Remove files that were kept for a day."""
    export_writing.remove_old_exports(now=timezone.now())


app.add_periodic_task(KEEP_UP, keep_up.s(), name="keep questions up")
app.add_periodic_task(HOURLY, prune.s().set(queue="bulk"), name="prune answers")
app.add_periodic_task(HOURLY, remove_old_exports.s().set(queue="bulk"), name="remove old exports")
