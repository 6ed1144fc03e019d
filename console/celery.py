"""The Celery application: jobs of all apps, on the console's Redis.

Two queues: `interactive` for what a user waits for, `bulk` for what takes long. Worker and beat
report to the health page from the loops that do their work.
"""

from __future__ import annotations

import os
from typing import Any

import redis
import structlog
from celery import Celery
from celery.beat import PersistentScheduler
from celery.signals import beat_init, celeryd_init, heartbeat_sent
from django.conf import settings

from console.core.health import REPORT_INTERVAL, report_alive
from console.core.program_start import begin_program

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

log: structlog.stdlib.BoundLogger = structlog.get_logger()

app = Celery("console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_queues={name: {"exchange": name, "routing_key": name} for name in ("interactive", "bulk")},
    beat_schedule_filename=str(settings.DATA_DIR / "run" / "beat"),
    beat_scheduler="console.celery:ReportingScheduler",
    beat_max_loop_interval=REPORT_INTERVAL,
    # A job that a dying worker had begun is done again: jobs are idempotent.
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
app.autodiscover_tasks(related_name="jobs")


class ReportingScheduler(PersistentScheduler):  # type: ignore[misc] # celery has no types
    """Beat's scheduler, which also says that it is alive."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next look."""
        _report("beat")
        return float(super().tick(*args, **kwargs))


def begin(**_: Any) -> None:
    """Do what `manage.py` does for the other programs: wrong settings end this one, too."""
    begin_program()
    if wrong := settings.VEDETTE_WRONG_VALUES:
        # Celery lets this through; any other exception it would only log.
        raise SystemExit("\n".join(f"vedette: {value.problem} {value.hint}" for value in wrong))


def report_worker(**_: Any) -> None:
    """Say that the worker is alive, at each of its own heartbeats."""
    _report("worker")


def _report(program: str) -> None:
    try:
        report_alive(program)
    except redis.RedisError as error:
        log.warning("celery.health_unreported", program=program, reason=str(error))


celeryd_init.connect(begin, weak=False)
beat_init.connect(begin, weak=False)
heartbeat_sent.connect(report_worker, weak=False)
