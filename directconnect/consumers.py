"""The browser's end of a live session: one consumer for each tab."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
import redis
from channels.db import database_sync_to_async
from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from console.core.consumers import SESSION_OVER, BrowserConsumer
from directconnect.credit import FetchCredit
from directconnect.models import Session
from directconnect.selectors import session_standing, sessions_usable_by
from directconnect.services import close_session
from directconnect.switchboard import (
    ask_message,
    endpoint_group,
    left_message,
    listeners_group,
    present_message,
    read_answer,
)
from directconnect.tab_messages import Close, Fetch, read_tab_message, show_answer
from protocol.live import (
    CancelSearch,
    EventRows,
    FetchRows,
    LiveDownward,
    SearchEvents,
    SearchRefused,
)

PENDING: Final = Session.State.PENDING.value
OPEN: Final = Session.State.OPEN.value

# Searches that a tab may begin before the endpoint has dialled in.
EARLY_SEARCHES: Final = 4

# Messages come many times a second; whether their reader still may see them is asked so often.
CHECKED_EVERY: Final = 0.25  # seconds


class TabConsumer(BrowserConsumer):
    """One tab that looks at one endpoint through a session of its user."""

    def is_allowed(self, user: AbstractUser) -> bool:
        """Let only the user in who opened the session, as long as they may open sessions."""
        self.session_id: UUID = self.scope["url_route"]["kwargs"]["session_id"]
        return sessions_usable_by(user).filter(pk=self.session_id).exists()

    async def opened(self) -> None:
        """Join the session's listeners."""
        self._credit = FetchCredit()
        self._state = PENDING
        self._early: dict[int, SearchEvents] = {}
        await self.channel_layer.group_add(listeners_group(self.session_id), self.channel_name)

    async def connect(self) -> None:
        """Tell the tab how the session stands as soon as it is accepted."""
        await super().connect()
        if self.is_accepted:
            await self._tell_endpoint(present_message())
            await self._look()

    async def ended(self) -> None:
        """Leave the session, which lives on for ten minutes without a tab."""
        with contextlib.suppress(redis.RedisError, OSError):
            await self._tell_endpoint(left_message(self.channel_name))
            await self.channel_layer.group_discard(
                listeners_group(self.session_id), self.channel_name
            )

    async def keep(self) -> None:
        """Keep the session from being idle, and see whether it ended unheard."""
        await self.channel_layer.group_add(listeners_group(self.session_id), self.channel_name)
        await self._tell_endpoint(present_message())
        await self._look()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take what the tab says, as long as its user reaches the endpoint."""
        if not await self.stays_allowed(within=CHECKED_EVERY):
            return
        try:
            message = read_tab_message(text_data or "")
        except (msgspec.MsgspecError, ValueError) as error:
            await self.send_packed({"type": "refused", "reason": f"not understood: {error}"})
            return
        match message:
            case Close():
                await self._close_session()
            case Fetch():
                await self._fetch(message.request())
            case _:
                await self._search(message.request())

    # -------------------------------------------------------------- what the other end says

    async def endpoint_answer(self, message: dict[str, Any]) -> None:
        """Pass on an answer; rows give their credit back once they are written."""
        if not await self.stays_allowed(within=CHECKED_EVERY):
            return
        answer = read_answer(message)
        await self.send_packed(show_answer(answer))
        if isinstance(answer, EventRows | SearchRefused):
            await self._ask_all(self._credit.settle(answer, now=_now()))

    async def endpoint_refusal(self, message: dict[str, Any]) -> None:
        """Tell the tab that a request did not reach the endpoint."""
        shown = {key: message[key] for key in ("search_id", "offset", "reason")}
        await self.send_packed({"type": "refused", **shown})
        await self._ask_all(self._credit.forget(message["search_id"], now=_now()))

    async def session_state(self, message: dict[str, Any]) -> None:
        """Tell the tab how the session stands now."""
        await self._become(message["state"], message["reason"])

    # -------------------------------------------------------------- inside

    async def _look(self) -> None:
        state, reason = await database_sync_to_async(session_standing)(self.session_id)
        if state != self._state or state == PENDING:
            await self._become(state, reason)

    async def _become(self, state: str, reason: str) -> None:
        self._state = state
        await self.send_packed({"type": "state", "state": state, "reason": reason})
        if state == OPEN:
            early, self._early = self._early, {}
            await self._ask_all(early.values())
        elif state != PENDING:
            await self.close(SESSION_OVER)

    async def _search(self, request: SearchEvents | CancelSearch) -> None:
        await self._ask_all(self._credit.forget(request.search_id, now=_now()))
        if self._state == OPEN:
            await self._ask_all([request])
        elif isinstance(request, SearchEvents) and len(self._early) < EARLY_SEARCHES:
            self._early[request.search_id] = request
        elif isinstance(request, CancelSearch):
            self._early.pop(request.search_id, None)

    async def _fetch(self, request: FetchRows) -> None:
        started, dropped = self._credit.ask(request, now=_now())
        for fetch in dropped:
            shown = {"search_id": fetch.search_id, "offset": fetch.offset, "limit": fetch.limit}
            await self.send_packed({"type": "dropped", **shown})
        await self._ask_all(started)

    async def _ask_all(self, requests: Iterable[LiveDownward]) -> None:
        for request in requests:
            await self._tell_endpoint(ask_message(self.channel_name, request))

    async def _tell_endpoint(self, message: dict[str, Any]) -> None:
        await self.channel_layer.group_send(endpoint_group(self.session_id), message)

    async def _close_session(self) -> None:
        await database_sync_to_async(self._close_now)()

    def _close_now(self) -> None:
        session = Session.objects.select_related("endpoint").get(pk=self.session_id)
        close_session(session, actor=self.actor, now=timezone.now())


def _now() -> float:
    return asyncio.get_running_loop().time()
