"""`manage.py web`: serve the console to browsers and scripts."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand

from console.certificates.tls import server_context
from console.core.health import keep_reporting
from console.core.logs import configure_logging
from console.core.tls_server import Listener, serve_listeners


class Command(BaseCommand):
    """Runs the web program."""

    help = "Serve the web console and its API over HTTPS (port VEDETTE_WEB_PORT)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        configure_logging()
        listener = Listener(
            application="console.asgi:application",
            address=settings.VEDETTE_WEB_ADDRESS,
            port=settings.VEDETTE_WEB_PORT,
            context=server_context(require_client=False),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_listeners([listener], beside=[lambda _: keep_reporting("web")]))
