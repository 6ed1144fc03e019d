"""What this app refuses.

IntelError
├── DefinitionRefused    400  the text is not a usable rule; line, column, expected
├── IntelChanged         412  somebody else changed the document meanwhile
├── NameTaken            409  another document has this name
└── StillDeployed        409  a deployed document is withdrawn before it is deleted
"""

from __future__ import annotations

from typing import Any

from console.core.exceptions import Conflict, InvalidInput, VedetteError
from detection.exceptions import SignalError


class IntelError(VedetteError):
    """The base of this app's refusals."""


class DefinitionRefused(IntelError, InvalidInput):
    """The definition is not a usable rule.

    `place` holds what an editor needs: `line` and `column` (both count from 1), `reason`, and
    `expected`, the words that could have stood there.
    """

    def __init__(self, problem: SignalError) -> None:
        super().__init__(str(problem), errors={"definition": [str(problem)]})
        self.place: dict[str, Any] = describe_problem(problem)


class IntelChanged(IntelError, Conflict):
    """Somebody else changed the document after the caller read it."""

    status = 412
    title = "Changed meanwhile"


class NameTaken(IntelError, Conflict):
    """Another document has this name."""


class StillDeployed(IntelError, Conflict):
    """A deployed document must be withdrawn before it is deleted."""


def describe_problem(problem: SignalError) -> dict[str, Any]:
    """Say where and why a text is refused, in the form in which editors and clients read it."""
    return {
        "line": problem.line,
        "column": problem.column,
        "reason": problem.reason,
        "expected": list(problem.expected),
    }
