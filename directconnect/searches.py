"""Ask an endpoint for a page of its events, for callers that wait: the API, and scripts behind it.

The question travels through the channel layer to the sessions program, as a browser tab's would;
the caller's own channel takes the answers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import BaseChannelLayer, channel_layers

from directconnect.exceptions import EndpointSilent, SearchRefused, SessionOver
from directconnect.models import Session
from directconnect.selectors import session_standing
from directconnect.switchboard import (
    ask_message,
    endpoint_group,
    left_message,
    listeners_group,
    read_answer,
)
from directconnect.tab_messages import show_event
from protocol.live import (
    EventRows,
    FetchRows,
    LiveDownward,
    LiveUpward,
    SearchEvents,
    SearchStanding,
)
from protocol.live import SearchRefused as Refusal

# Seconds. An endpoint that is online dials in within one; a search over a full store takes a few.
ATTACHMENT_TIMEOUT: Final = 15.0
SEARCH_TIMEOUT: Final = 20.0

MOST_ROWS: Final = 500
_SEARCH_ID: Final = 1


@dataclass(frozen=True, slots=True)
class EventPage:
    """How many events match, whether all stored ones were searched, and a page of them as JSON."""

    total: int
    complete: bool
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWanted:
    """Which page: an expression of the Signal language, and a window, newest first."""

    expression: str = ""
    offset: int = 0
    limit: int = 100
    kinds: tuple[str, ...] = ()


async def search_events(
    session_id: UUID,
    wanted: PageWanted,
    *,
    attachment_timeout: float = ATTACHMENT_TIMEOUT,
    search_timeout: float = SEARCH_TIMEOUT,
) -> EventPage:
    """Search an endpoint through an open session; waits for one that is still pending.

    Raises SessionOver, EndpointSilent after the time-outs (seconds), and SearchRefused with the
    place in the expression.
    """
    # A layer of its own: the process-wide one may be receiving in another event loop.
    layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    try:
        question = _Question(layer, session_id, await layer.new_channel())
        await layer.group_add(listeners_group(session_id), question.channel)
        try:
            async with asyncio.timeout(attachment_timeout):
                await question.wait_until_open()
            async with asyncio.timeout(search_timeout):
                return await question.ask(wanted)
        except TimeoutError as error:
            raise EndpointSilent("The endpoint did not answer in time.") from error
        finally:
            await question.leave()
    finally:
        await layer.close_pools()  # type: ignore[attr-defined] # the Redis layer has it


class _Question:
    """One search of one caller, on a channel of its own."""

    def __init__(self, layer: BaseChannelLayer, session_id: UUID, channel: str) -> None:
        self.channel = channel
        self._layer = layer
        self._session_id = session_id

    async def wait_until_open(self) -> None:
        # On the connection of the request that asks: Channels' own way would end it.
        state, reason = await sync_to_async(session_standing)(self._session_id)
        while state != Session.State.OPEN:
            if state != Session.State.PENDING:
                raise SessionOver(f"The session is over: {reason}.")
            message = await self._layer.receive(self.channel)
            if message["type"] == "session.state":
                state, reason = message["state"], message["reason"]

    async def ask(self, wanted: PageWanted) -> EventPage:
        await self._send(
            SearchEvents(
                search_id=_SEARCH_ID,
                expression=wanted.expression,
                follow=False,
                kinds=wanted.kinds,
            )
        )
        standing = await self._answer()
        while isinstance(standing, SearchStanding) and not standing.complete:
            standing = await self._answer()
        if not isinstance(standing, SearchStanding):
            raise EndpointSilent("The endpoint answered something else.")
        events: list[dict[str, Any]] = []
        end = min(wanted.offset + wanted.limit, standing.total)
        # One answer may hold fewer rows than asked for, when they are long.
        while (offset := wanted.offset + len(events)) < end:
            rows = await self._fetch(offset, end - offset, standing.total)
            if not rows.rows:
                break
            events += [show_event(row) for row in rows.rows]
        return EventPage(standing.total, standing.complete, events)

    async def leave(self) -> None:
        await self._layer.group_discard(listeners_group(self._session_id), self.channel)
        left = left_message(self.channel)
        await self._layer.group_send(endpoint_group(self._session_id), left)

    async def _fetch(self, offset: int, limit: int, through: int) -> EventRows:
        fetch = FetchRows(search_id=_SEARCH_ID, offset=offset, limit=limit, through=through)
        await self._send(fetch)
        while not isinstance(answer := await self._answer(), EventRows):
            pass
        return answer

    async def _send(self, request: LiveDownward) -> None:
        message = ask_message(self.channel, request)
        await self._layer.group_send(endpoint_group(self._session_id), message)

    async def _answer(self) -> LiveUpward:
        while True:
            message = await self._layer.receive(self.channel)
            match message["type"]:
                case "endpoint.answer":
                    answer = read_answer(message)
                    if isinstance(answer, Refusal):
                        raise SearchRefused(answer)
                    return answer
                case "endpoint.refusal":
                    raise EndpointSilent(f"The endpoint was not asked: {message['reason']}.")
                case "session.state" if message["state"] != Session.State.OPEN:
                    raise SessionOver(f"The session is over: {message['reason']}.")
