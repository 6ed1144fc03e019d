"""What is refused about users, their tokens and their roles.

VedetteError
├── CredentialsRefused      401  user name and password do not fit, or the user is not active
├── LastAdministrator       403  nobody could administer the console after this
├── RoleIsSeeded            409  a seeded role keeps its name and its permissions
├── ContentSetInUse         409  something still lies in the content set, or the console needs it
└── TooManyAttempts         429  too many failures from there; `retry_after` is in seconds
"""

from __future__ import annotations

from console.core.exceptions import Conflict, NotAllowed, VedetteError


class CredentialsRefused(VedetteError):
    """User name and password do not fit together, or the user may not log in."""

    status = 401
    title = "Credentials refused"


class LastAdministrator(NotAllowed):
    """Nobody could administer the console after this."""

    title = "Last administrator"

    def __init__(self) -> None:
        super().__init__("Nobody could administer the console after this.")


class RoleIsSeeded(Conflict):
    """A seeded role keeps its name and its permissions; only a copy of it can be changed."""

    title = "Role is seeded"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} comes with the console and keeps its permissions: copy it and change the copy."
        )


class ContentSetInUse(Conflict):
    """Something still lies in the content set, or the console itself needs it."""

    title = "Content set in use"


class TooManyAttempts(VedetteError):
    """Too many failed attempts from this address; `retry_after` is in seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed attempts: come again in {retry_after} seconds.")
        self.retry_after = retry_after
