"""`python -m console.gateway.server`: the gateway without anything that it does not need."""

from __future__ import annotations

import asyncio
import gc
import os

import uvloop
from django.conf import settings

from console.certificates.tls import server_context
from console.core.doorway import allow_many_connections
from console.core.logs import configure_logging
from console.core.redis import async_client
from console.gateway.server.limits import Limits
from console.gateway.server.listening import listen
from console.gateway.server.program import Gateway, run_gateway

# How many more objects than were freed bring a collection about, and how many collections one of
# older objects. A connection is dozens of objects that live as long as it does: with Python's own
# figures the search through them takes an eighth of the time, in pauses of 0.2 s for 5,000. What
# closed connections leave is found after some thousands of them.
_COLLECT_AFTER = (20_000, 5, 5)


async def _main() -> None:
    limits = Limits()
    listening = listen(settings.VEDETTE_ENDPOINT_ADDRESS, settings.VEDETTE_GATEWAY_PORT, limits)
    client = async_client()
    try:
        await run_gateway(Gateway(client, listening, server_context(require_client=True), limits))
    finally:
        await client.aclose()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    configure_logging()
    allow_many_connections()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
