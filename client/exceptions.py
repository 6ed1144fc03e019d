"""Why a command could not be carried out.

ClientError                 exit code 1, with a sentence for the user
├── WrongUsage              exit code 2: what was given does not fit together
├── ConsoleUnreachable      nobody answers there, or not as a console does
├── ConsoleUntrusted        somebody answers there whose certificate nobody vouches for
└── ConsoleRefused          the console said no; knows its problem document
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """The base of this package's errors. Its text is for the user."""

    exit_code = 1


class WrongUsage(ClientError):
    """What was given does not fit together."""

    exit_code = 2


class ConsoleUnreachable(ClientError):
    """Nobody answers there, or not as a console does."""


class ConsoleUntrusted(ClientError):
    """Nobody whom this computer trusts vouches for the certificate of who answers there."""


class ConsoleRefused(ClientError):
    """The console said no. `problem` is what it sent (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """Keep what the console said."""
        detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
        errors = problem.get("errors")
        reasons = [
            f"{name}: {reason}"
            for name, listed in (errors.items() if isinstance(errors, dict) else ())
            for reason in (listed if isinstance(listed, list) else [listed])
            if str(reason) != detail
        ]
        super().__init__("\n".join([detail, *reasons]))
        self.status = status
        self.problem = dict(problem)
