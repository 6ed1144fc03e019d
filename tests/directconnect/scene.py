"""One live session to play with: a console, its user, a computer and its ticket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import redis
from django.utils import timezone
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from console.access.models import User
from directconnect.models import Session
from directconnect.services import open_session
from protocol.events import FileEvent
from protocol.instructions import OpenSession
from protocol.live import EventRow
from tests.directconnect import online
from tests.directconnect.people import actor_for, user_with
from tests.directconnect.received import waiting_instructions
from tests.live_console import PATIENCE, Computer, LiveConsole, LiveEndpoint, joined_computer

HOSTILE = "/tmp/<script>alert(1)</script>\n\x1b[31m"  # noqa: S108
ROWS = [
    EventRow(id=n, event=FileEvent(at=n, process=None, operation="create", path=f"{HOSTILE}{n}"))
    for n in range(1200, 0, -1)
]


@dataclass(slots=True)
class Scene:
    """A console, a user, a computer and the session that the user opened with it."""

    console: LiveConsole
    user: User
    computer: Computer
    session: Session
    ticket: str

    @property
    def path(self) -> str:
        """Where the browser finds the session."""
        return f"/ws/sessions/{self.session.pk}/"

    async def attach(self, rows: list[EventRow] = ROWS) -> LiveEndpoint:
        """Let the endpoint dial in and serve."""
        endpoint = await self.console.endpoint(
            self.session.pk, self.ticket, self.computer.context, rows=rows
        )
        await self.console.running(_serve(endpoint))
        return endpoint

    async def tab(self, **options: Any) -> ClientConnection:
        """Open the session's page."""
        return await self.console.browser(self.path, self.user, **options)

    async def ended(self) -> Session:
        """Return the session's row once it says that the session is over."""
        async with asyncio.timeout(PATIENCE):
            while (stored := await self.stored()).closed_at is None:  # noqa: ASYNC110 - rows ring no bell
                await asyncio.sleep(0.01)
        return stored

    async def stored(self) -> Session:
        """Return the session's row as it is now."""
        return await Session.objects.aget(pk=self.session.pk)


async def _serve(endpoint: LiveEndpoint) -> None:
    try:
        await endpoint.serve()
    except ConnectionClosed:
        endpoint.closed_because = endpoint.closed_because or "lost"


def open_scene(valkey: redis.Redis) -> tuple[User, Computer, Session, str]:
    """Open a session; neither the endpoint nor a browser has come yet."""
    valkey.flushdb()
    user = user_with("directconnect.open_session", "endpoints.view_endpoint")
    computer = joined_computer()
    now = timezone.now()
    online.hear(valkey, computer.endpoint, at=now.timestamp())
    session = open_session(computer.endpoint, actor=actor_for(user), now=now)
    (instruction,) = waiting_instructions(computer.endpoint, OpenSession, now=now)
    return user, computer, session, instruction.ticket
