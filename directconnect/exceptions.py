"""What live sessions refuse.

DirectConnectError
├── EndpointOffline      503  the endpoint is not connected to any gateway now
├── EndpointCutOff       409  the endpoint was revoked
├── TooManySessions      409  this user has as many open sessions as one may have
├── SessionOver          409  the session is closed, or never came to be
├── EndpointSilent       503  the endpoint did not answer in time
├── SearchRefused        400  the endpoint cannot search for this; line, column, expected
├── AttachmentRefused    403  a peer that may not be the endpoint's end of this session
└── RelayError                an end of a session asked or answered what it must not
    ├── AskedTooMuch          a browser tab has too many searches or fetches under way
    ├── SearchUnknown         a browser tab names a search that it did not begin
    └── AnswerUnasked         an endpoint answers what nobody asked
"""

from __future__ import annotations

from typing import Any

from console.core.exceptions import Conflict, InvalidInput, NotAllowed, Unavailable, VedetteError
from protocol.live import SearchRefused as Refusal


class DirectConnectError(VedetteError):
    """The base of this app's refusals."""


class EndpointOffline(DirectConnectError, Unavailable):
    """The endpoint is not connected to any gateway now."""

    title = "Endpoint offline"


class EndpointCutOff(DirectConnectError, Conflict):
    """The endpoint was revoked and never comes back under this identity."""


class TooManySessions(DirectConnectError, Conflict):
    """The user has as many open sessions as one may have."""


class SessionOver(DirectConnectError, Conflict):
    """The session is closed, or the endpoint never attached to it."""


class EndpointSilent(DirectConnectError, Unavailable):
    """The endpoint did not attach or did not answer in time."""


class SearchRefused(DirectConnectError, InvalidInput):
    """The endpoint cannot search for this. `place` has line, column, reason and expected."""

    def __init__(self, refusal: Refusal) -> None:
        expected = f" (expected {', '.join(refusal.expected)})" if refusal.expected else ""
        text = f"line {refusal.line}, column {refusal.column}: {refusal.reason}{expected}"
        super().__init__(text, errors={"search": [text]})
        self.place: dict[str, Any] = {
            "line": refusal.line,
            "column": refusal.column,
            "reason": refusal.reason,
            "expected": list(refusal.expected),
        }


class AttachmentRefused(DirectConnectError, NotAllowed):
    """A peer that may not be the endpoint's end of this session."""


class RelayError(DirectConnectError):
    """An end of a session asked or answered what it must not."""


class AskedTooMuch(RelayError):
    """A browser tab has too many searches or fetches under way."""


class SearchUnknown(RelayError):
    """A browser tab names a search that it did not begin."""


class AnswerUnasked(RelayError):
    """An endpoint answers what nobody asked."""
