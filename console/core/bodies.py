"""Refuse bodies that are too long while they arrive.

Django stores a body of any length on the disk before a view, or a login, can refuse it, and a
parser may then read it into memory at once: a stranger could fill both.
"""

from __future__ import annotations

import http
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from console.core.problems import MEDIA_TYPE, problem

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

# The longest honest body is a Signal's definition, 64 KiB, with every character escaped.
BODY_BYTES: Final = 2 * 1024 * 1024


class BoundedBodies:
    """An ASGI application whose requests have bodies of at most `limit` bytes; 413 otherwise."""

    def __init__(self, application: Application, *, limit: int = BODY_BYTES) -> None:
        self._application = application
        self._limit = limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if _announced_length(scope) > self._limit:
            await _refuse(send, limit=self._limit)
            return
        arrived, is_answered = 0, False

        async def receive_bounded() -> Any:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            # As if the peer had gone: the application lets go of what it holds.
            return message if arrived <= self._limit else {"type": "http.disconnect"}

        async def send_noted(message: Any) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        await self._application(scope, receive_bounded, send_noted)
        if arrived > self._limit and not is_answered:
            await _refuse(send, limit=self._limit)


async def _refuse(send: Any, *, limit: int) -> None:
    # Closing is part of the answer: the rest of the body is not read.
    status = http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    detail = f"The body is longer than {limit} bytes."
    content = json.dumps(problem(status, "Request too large", detail)).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _announced_length(scope: Any) -> int:
    # Whoever announces nothing, or nonsense, is counted.
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text) if text.isdigit() else 0
