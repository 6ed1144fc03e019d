"""The refusals of the console, and how an API client sees them.

VedetteError
├── InvalidInput        400  a field is wrong; `errors` says which and how to mend it
├── NotAllowed          403  the actor may not do this
├── NotFound            404  there is no such thing, or the actor may not know of it
├── Conflict            409  the thing is not in a state in which this can be done
└── Unavailable         503  a program or an endpoint does not answer now
"""

from __future__ import annotations

from collections.abc import Mapping


class VedetteError(Exception):
    """A refusal with a sentence for the user."""

    status = 400
    title = "Refused"

    def __init__(self, detail: str, *, errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = dict(errors or {})


class InvalidInput(VedetteError):
    """A field is wrong."""

    status = 400
    title = "Invalid input"


class NotAllowed(VedetteError):
    """The actor may not do this."""

    status = 403
    title = "Not allowed"


class NotFound(VedetteError):
    """There is no such thing, or the actor may not know of it."""

    status = 404
    title = "Not found"


class Conflict(VedetteError):
    """The thing is not in a state in which this can be done."""

    status = 409
    title = "Conflict"


class Unavailable(VedetteError):
    """A program or an endpoint does not answer now."""

    status = 503
    title = "Unavailable"
