"""`manage.py sessions`: live sessions, and what endpoints reach before they have a certificate."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand

from console.certificates.tls import server_context
from console.core.health import keep_reporting
from console.core.logs import configure_logging
from console.core.redis import REVOKED_CHANNEL, async_client
from console.core.tls_server import Listener, RunningServers, serve_listeners
from console.endpoints.public_asgi import public_application
from console.gateway.announcements import Announcements
from console.gateway.revocation import RevokedCertificates


class Command(BaseCommand):
    """Runs the sessions program: two ports in one process."""

    help = (
        "Serve live sessions with client certificates (port VEDETTE_SESSIONS_PORT) and enrolment "
        "without (port VEDETTE_STATUS_PORT)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        configure_logging()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_sessions())


async def serve_sessions() -> None:
    """Serve both ports; end the connections of endpoints that are revoked."""
    servers: list[RunningServers] = []

    def cut_off_revoked() -> None:
        for running in servers:
            running.close_refused(revoked.refuses)

    revoked = RevokedCertificates(cut_off_revoked)

    async def listen_for_revoked(running: RunningServers) -> None:
        servers.append(running)
        client = async_client()

        async def load() -> None:
            await revoked.load(client)

        try:
            await Announcements(client, {REVOKED_CHANNEL: revoked.hear}, load).run()
        finally:
            await client.aclose()

    listeners = [
        Listener(
            # By name: the console does not know the modules above it.
            application="directconnect.asgi:application",
            address=settings.VEDETTE_ENDPOINT_ADDRESS,
            port=settings.VEDETTE_SESSIONS_PORT,
            context=server_context(require_client=True),
            is_refused=revoked.refuses,
        ),
        Listener(
            application=public_application,
            address=settings.VEDETTE_ENDPOINT_ADDRESS,
            port=settings.VEDETTE_STATUS_PORT,
            context=server_context(require_client=False),
        ),
    ]
    await serve_listeners(
        listeners, beside=[listen_for_revoked, lambda _: keep_reporting("sessions")]
    )
