"""The rival's server: `python -m benchmarks.rivals.channels_orm.server KEYS PORT`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import django
import uvloop

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.rivals.channels_orm.settings")
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 - after setup
from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.rivals.channels_orm.models import Answer  # noqa: E402
from console.certificates.tls import server_context  # noqa: E402
from console.core.tls_server import Listener, serve_listeners  # noqa: E402

EVERYBODY = "everybody"


class EndpointConsumer(AsyncJsonWebsocketConsumer):
    """One endpoint."""

    async def connect(self) -> None:
        """Join the group of all endpoints."""
        await self.channel_layer.group_add(EVERYBODY, self.channel_name)
        await self.accept()

    async def receive_json(self, content: dict[str, Any], **_: Any) -> None:
        """Store an answer; a heartbeat is only noticed."""
        if content["t"] == "answer":
            await Answer._default_manager.acreate(
                question=content["question"],
                endpoint=self.channel_name[-64:],
                outcome=content["outcome"],
            )

    async def question(self, event: dict[str, Any]) -> None:
        """Pass a question on."""
        await self.send_json({"t": "question", "question": event["question"]})


def main() -> None:
    """Make the table and serve."""
    keys, port = Path(sys.argv[1]), int(sys.argv[2])
    with connection.schema_editor() as editor:
        editor.create_model(Answer)
    application = ProtocolTypeRouter({"websocket": EndpointConsumer.as_asgi()})
    context = server_context(require_client=True, keys_directory=keys)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            serve_listeners(
                [Listener(application, "127.0.0.1", port, context, most_connections=50_000)]
            )
        )


if __name__ == "__main__":
    main()
