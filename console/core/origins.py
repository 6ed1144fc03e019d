"""WebSockets only from our own pages: cookies travel with sockets that any web site opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class SocketRefuser(AsyncWebsocketConsumer):
    """Refuses every WebSocket before it is accepted (HTTP 403)."""

    async def connect(self) -> None:
        """Refuse."""
        await self.close()


class SameOrigin:
    """Let WebSockets through whose Origin is this very host and port, or is trusted by name.

    Comparing host names alone would trust every other service of the same machine: cookies know
    no ports. A socket without an Origin does not come from a browser and has no business here.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._refuser = SocketRefuser.as_asgi()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the connection on, or refuse it."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        if is_own_origin(origin, host):
            await self._application(scope, receive, send)
        else:
            await self._refuser(scope, receive, send)


def is_own_origin(origin: str, host: str) -> bool:
    """Tell whether a page from `origin` may open sockets at the address that it calls `host`."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return bool(host) and urlsplit(origin).scheme == "https" and origin == f"https://{host}"
