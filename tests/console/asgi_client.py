"""Ask an ASGI application without a socket, as the peer at one address with one certificate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.core import signals
from django.db import close_old_connections

PART = 16 * 1024


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body)


def ask(
    application: Any,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    peer: str = "192.0.2.10",
    certificate: bytes | None = None,
) -> Answer:
    """Send one request; its body goes in parts, and what was not read is not sent."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "client": [peer, 50_000],
        "server": ["127.0.0.1", 17443],
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"Host": "localhost:17443", **(headers or {})}.items()
        ],
        "extensions": {"tls": {"client_cert_der": certificate, "tls_version": "TLSv1.3"}},
    }
    # As Django's own test client does: the test's transaction lives on this connection.
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    try:
        return async_to_sync(_ask)(application, scope, body)
    finally:
        signals.request_started.connect(close_old_connections)
        signals.request_finished.connect(close_old_connections)


async def _ask(application: Any, scope: dict[str, Any], body: bytes) -> Answer:
    parts = [body[at : at + PART] for at in range(0, len(body), PART)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not parts:
            # The peer stays connected until it has its answer; the application stops waiting.
            await asyncio.Event().wait()
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start, *content = sent
    return Answer(
        start["status"],
        {name.decode().lower(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in content),
    )
