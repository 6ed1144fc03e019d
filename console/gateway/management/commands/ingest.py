"""`manage.py ingest`: store what endpoints sent."""

from __future__ import annotations

import fcntl
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from console.core.logs import configure_logging
from console.core.redis import client
from console.gateway.ingest import all_handlers
from console.gateway.ingester import Ingester


class Command(BaseCommand):
    """Runs one ingester: any number of them on PostgreSQL, one on SQLite."""

    help = "Store the messages of endpoints and acknowledge them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest until SIGTERM or SIGINT."""
        configure_logging()
        is_alone = connection.vendor == "sqlite"
        lock_path = settings.DATA_DIR / "run" / "ingester.lock"
        lock_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock_path.open("w", encoding="ascii") as lock, client() as redis:
            if is_alone:
                self._lock(lock)
            ingester = Ingester(redis, all_handlers(), is_alone=is_alone)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ingester.stop())
            ingester.run()

    @staticmethod
    def _lock(lock: Any) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "an ingester runs already, and SQLite has one writer: use PostgreSQL for more"
            ) from error
