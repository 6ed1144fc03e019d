"""What is refused about users and their tokens.

VedetteError
├── CredentialsRefused      401  user name and password do not fit, or the user is not active
└── TooManyAttempts         429  too many failures from there; `retry_after` is in seconds
"""

from __future__ import annotations

from console.core.exceptions import VedetteError


class CredentialsRefused(VedetteError):
    """User name and password do not fit together, or the user may not log in."""

    status = 401
    title = "Credentials refused"


class TooManyAttempts(VedetteError):
    """Too many failed attempts from this address; `retry_after` is in seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed attempts: come again in {retry_after} seconds.")
        self.retry_after = retry_after
