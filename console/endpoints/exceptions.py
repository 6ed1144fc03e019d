"""What is refused about endpoints.

(Conflict)
├── EndpointRevoked     409  the endpoint was revoked before
├── GroupInUse          409  roles or other groups depend on the group
└── ReservedGroup       409  All Computers and No Computers stay as they are
(InvalidInput)
└── RuleRefused         400  the rule of a group cannot be read; it knows the place
    └── GroupsInCircle  400  the group would depend on itself
(NotAllowed)
└── EnrolmentRefused    403  the computer may not join; the reason is for its administrator
(Unavailable)
└── BundleIncomplete    503  a part of the agent is missing on this console's machine
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Self

from console.core.exceptions import Conflict, InvalidInput, Unavailable
from sensors.exceptions import BuilderRefused, QuestionRefused


class EndpointRevoked(Conflict):
    """The endpoint was revoked before."""

    title = "Endpoint revoked"


class BundleIncomplete(Unavailable):
    """The agent's bundle cannot be made: a part of it is missing on this machine."""

    title = "Agent bundle incomplete"


class RuleRefused(InvalidInput):
    """A rule that cannot be read; `place` or `path` leads to what is wrong.

    `place` is (line, column, length), counted as `QuestionRefused` does; `path` as `BuilderRefused`
    does. `expected` names what could stand there.
    """

    title = "Rule refused"

    def __init__(
        self,
        detail: str,
        *,
        place: tuple[int, int, int] | None = None,
        path: str = "",
        expected: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail, errors={"rule": [detail]})
        self.place = place
        self.path = path
        self.expected = expected

    @classmethod
    def at_place(cls, refusal: QuestionRefused) -> Self:
        """Refuse a text as its language does."""
        place = (refusal.line, refusal.column, refusal.length)
        return cls(refusal.message, place=place, expected=refusal.expected)

    @classmethod
    def at_path(cls, refusal: BuilderRefused) -> Self:
        """Refuse a form as its language does."""
        return cls(refusal.message, path=refusal.path, expected=refusal.expected)


class GroupsInCircle(RuleRefused):
    """Groups that ask about each other in a circle: nobody could tell who is in them.

    Where some are `known`, the others are not named to whoever reads it.
    """

    title = "Groups in a circle"

    def __init__(self, names: Sequence[str], known: Container[str] | None = None) -> None:
        shown = " → ".join(f"“{name}”" if known is None or name in known else "…" for name in names)
        super().__init__(f"This group would depend on itself: {shown}.")
        self.names = tuple(names)


class GroupInUse(Conflict):
    """Roles, or the rules of other groups, depend on the group."""

    title = "Computer group in use"


class ReservedGroup(Conflict):
    """All Computers and No Computers are as they are."""

    title = "Reserved computer group"
