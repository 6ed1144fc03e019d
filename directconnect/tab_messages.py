"""What a browser tab and the console say to each other about a session, as JSON.

A tab asks `search`, `fetch`, `cancel`, `close`; it hears `state`, `standing`, `rows`, `refused`,
`dropped` and `alive`. The names are the contract with the page's script.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from protocol.event_json import event_to_json
from protocol.events import KINDS, kind_of
from protocol.exceptions import MalformedEvent
from protocol.live import (
    CancelSearch,
    EventRow,
    EventRows,
    FetchRows,
    LiveUpward,
    SearchEvents,
    SearchRefused,
    SearchStanding,
)

LONGEST_EXPRESSION: Final = 64 * 1024

# An expression whose every character is escaped, and room for the rest.
LONGEST_TEXT: Final = 6 * LONGEST_EXPRESSION + 1024

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class TabMessage(msgspec.Struct, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """The base of what a tab says."""


class Search(TabMessage, tag="search"):
    """Search the endpoint's events; `search_id` is the tab's own number."""

    search_id: Number
    expression: Annotated[str, msgspec.Meta(max_length=LONGEST_EXPRESSION)] = ""
    follow: bool = True
    kinds: Annotated[tuple[str, ...], msgspec.Meta(max_length=len(KINDS))] = ()

    def request(self) -> SearchEvents:
        """Return what the endpoint is asked."""
        return SearchEvents(
            search_id=self.search_id,
            expression=self.expression,
            follow=self.follow,
            kinds=self.kinds,
        )


class Fetch(TabMessage, tag="fetch"):
    """Send a window of rows: see `protocol.live.FetchRows`."""

    search_id: Number
    offset: Number
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)]
    through: Number

    def request(self) -> FetchRows:
        """Return what the endpoint is asked."""
        return FetchRows(
            search_id=self.search_id,
            offset=self.offset,
            limit=self.limit,
            through=self.through,
        )


class Cancel(TabMessage, tag="cancel"):
    """Forget a search."""

    search_id: Number

    def request(self) -> CancelSearch:
        """Return what the endpoint is asked."""
        return CancelSearch(search_id=self.search_id)


class Close(TabMessage, tag="close"):
    """End the session for all tabs."""


AnyTabMessage: TypeAlias = Search | Fetch | Cancel | Close

_decoder: Final[msgspec.json.Decoder[AnyTabMessage]] = msgspec.json.Decoder(AnyTabMessage)


def read_tab_message(text: str) -> AnyTabMessage:
    """Read what a tab says. Raises `msgspec.MsgspecError` or ValueError for anything else."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"more than {LONGEST_TEXT} characters")
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def show_answer(answer: LiveUpward) -> dict[str, Any]:
    """Turn an endpoint's answer into what a tab hears. Raises ValueError for other messages."""
    match answer:
        case SearchStanding():
            return {
                "type": "standing",
                "search_id": answer.search_id,
                "total": answer.total,
                "complete": answer.complete,
            }
        case SearchRefused():
            return {
                "type": "refused",
                "search_id": answer.search_id,
                "line": answer.line,
                "column": answer.column,
                "expected": list(answer.expected),
                "reason": answer.reason,
            }
        case EventRows():
            return {
                "type": "rows",
                "search_id": answer.search_id,
                "offset": answer.offset,
                "through": answer.through,
                "rows": [{"id": row.id, "event": show_event(row)} for row in answer.rows],
            }
        case _:
            raise ValueError(f"{type(answer).__name__} is not for tabs")


def show_event(row: EventRow) -> dict[str, Any]:
    """Show one event as JSON; of one whose time is outside of the calendar, its kind and why."""
    try:
        return event_to_json(row.event)
    except MalformedEvent as error:
        return {"time": "", "kind": kind_of(row.event), "problem": str(error)}
