"""How the two kinds of ends of a session find each other: channel groups and their messages.

The endpoint's consumer lives in the sessions program, the tabs' consumers in web programs, and API
requests in any of them. Tabs send to the endpoint's group; the endpoint's consumer answers to the
channel that asked, and tells all of them what becomes of the session.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import redis
from asgiref.sync import async_to_sync
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers

from protocol.codec import LIVE_DOWNWARD, LIVE_UPWARD
from protocol.live import LiveDownward, LiveUpward

log = logging.getLogger(__name__)


def endpoint_group(session_id: UUID) -> str:
    """Name the group whose one member is the endpoint's consumer."""
    return f"session.{session_id}.endpoint"


def listeners_group(session_id: UUID) -> str:
    """Name the group of the tabs and requests that take part in a session."""
    return f"session.{session_id}"


def ask_message(asker: str, request: LiveDownward) -> dict[str, Any]:
    """Make what a tab sends to the endpoint's group; the answer goes to the channel `asker`."""
    return {"type": "tab.ask", "asker": asker, "request": LIVE_DOWNWARD.encode(request)}


def read_request(message: dict[str, Any]) -> LiveDownward:
    """Read the request in an `ask_message`."""
    return LIVE_DOWNWARD.decode(message["request"])


def present_message() -> dict[str, Any]:
    """Make what a tab sends now and then, so that its session is not idle."""
    return {"type": "tab.present"}


def left_message(asker: str) -> dict[str, Any]:
    """Make what a tab sends when it goes."""
    return {"type": "tab.left", "asker": asker}


def end_message(reason: str) -> dict[str, Any]:
    """Make what ends a session from the console's side."""
    return {"type": "session.end", "reason": reason}


def answer_message(answer: LiveUpward) -> dict[str, Any]:
    """Make what the endpoint's consumer sends to a channel that asked."""
    return {"type": "endpoint.answer", "answer": LIVE_UPWARD.encode(answer)}


def read_answer(message: dict[str, Any]) -> LiveUpward:
    """Read the answer in an `answer_message`."""
    return LIVE_UPWARD.decode(message["answer"])


def refusal_message(search_id: int, reason: str, *, offset: int | None = None) -> dict[str, Any]:
    """Make what tells a channel that its request did not reach the endpoint."""
    return {
        "type": "endpoint.refusal",
        "search_id": search_id,
        "offset": offset,
        "reason": reason,
    }


def state_message(state: str, reason: str = "") -> dict[str, Any]:
    """Make what tells all listeners how the session stands."""
    return {"type": "session.state", "state": state, "reason": reason}


def tell_end(session_id: UUID, reason: str, state: str) -> None:
    """End a session's sockets, from a thread. The database says the same already.

    A Redis that is away is logged: the endpoint's consumer looks into the database, too.
    """
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    try:
        async_to_sync(layer.group_send)(endpoint_group(session_id), end_message(reason))
        async_to_sync(layer.group_send)(listeners_group(session_id), state_message(state, reason))
    except (redis.RedisError, OSError) as error:
        log.warning("session %s does not hear of its end: %s", session_id, error)
