"""Messages of a live session: an analyst's window onto one endpoint's event store.

A search names the rows it wants by position, newest first, so that the browser's grid holds the
visible window and nothing more.
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import msgspec

from protocol.events import Event
from protocol.messages import Message


class SearchEvents(Message, tag="live.search"):
    """Search the event store. `expression` is in the Signal language; empty means everything.

    With `follow`, `SearchStanding` is sent again whenever more rows match. `kinds` leaves only
    events of these kinds (`protocol.events.KINDS`); empty means all.
    """

    search_id: int
    expression: str = ""
    follow: bool = True
    kinds: tuple[str, ...] = ()


class FetchRows(Message, tag="live.fetch_rows"):
    """Send `limit` rows (at most 500) of a search from position `offset`, newest first.

    `through` is the total that the asker knows: rows that arrived later do not shift positions.
    """

    search_id: int
    offset: int
    limit: int
    through: int


class CancelSearch(Message, tag="live.cancel_search"):
    """Forget a search."""

    search_id: int


class CloseSession(Message, tag="live.close"):
    """End the live session."""

    reason: str


class SessionOpened(Message, tag="live.opened"):
    """The endpoint attached to a session."""

    session_id: UUID
    host_name: str
    agent_version: str


class SearchStanding(Message, tag="live.search_standing"):
    """How many rows match now; `complete` once all stored events were searched."""

    search_id: int
    total: int
    complete: bool


class SearchRefused(Message, tag="live.search_refused"):
    """The expression cannot be searched. `line` and `column` count from 1; 0 means none."""

    search_id: int
    reason: str
    line: int = 0
    column: int = 0
    expected: tuple[str, ...] = ()


class EventRow(msgspec.Struct, array_like=True):
    """One recorded event with its id in the endpoint's store."""

    id: int
    event: Event


class EventRows(Message, tag="live.rows"):
    """The rows that `FetchRows` asked for."""

    search_id: int
    offset: int
    through: int
    rows: list[EventRow]


LiveDownward: TypeAlias = SearchEvents | FetchRows | CancelSearch | CloseSession
LiveUpward: TypeAlias = SessionOpened | SearchStanding | SearchRefused | EventRows | CloseSession
