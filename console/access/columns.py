"""Read the tables of the guides: one row for each permission, one column for each role.

`Y` is given, `p` is provided by another permission of the same column, `N` is not given. The code
keeps the tables in this form, so that a reader can lay them beside the guides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from console.modules import NamedPermission, SeededRole

GIVEN: Final = "Yp"

# A permission and its marks, one for each role.
Row = tuple[NamedPermission, str]
# (key of a content-set permission, content set, marks)
ContentRow = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class RoleHead:
    """What stands above a column."""

    key: str
    name: str
    description: str
    reference: str = ""


def permissions_of(rows: Sequence[Row]) -> tuple[NamedPermission, ...]:
    """List the permissions of a table in its order."""
    return tuple(permission for permission, _ in rows)


def roles_of(
    heads: Sequence[RoleHead],
    rows: Sequence[tuple[str, str]],
    content: Sequence[ContentRow],
) -> tuple[SeededRole, ...]:
    """Make the role of each column; `rows` are (key, marks)."""
    return tuple(
        SeededRole(
            key=head.key,
            name=head.name,
            description=head.description,
            reference=head.reference,
            permissions=frozenset(key for key, marks in rows if marks[number] in GIVEN),
            content=frozenset(
                (content_set, key) for key, content_set, marks in content if marks[number] in GIVEN
            ),
        )
        for number, head in enumerate(heads)
    )


def marks_of(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """List (key, marks) of a table."""
    return tuple((permission.key, marks) for permission, marks in rows)
