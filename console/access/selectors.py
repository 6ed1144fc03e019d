"""What the pages and the API tell about roles: as a list, one by one, and side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.db.models import Count

from console.access.catalogue import named_permissions, provided_grants, provided_keys
from console.access.grants import GivenPowers, read_powers
from console.access.models import ContentSet, Role, User
from console.access.reach_notes import ReachNote, notes_of
from console.access.roles import is_administrator
from console.modules import NamedPermission

NOT_GIVEN: Final = ""
GIVEN: Final = "given"
PROVIDED: Final = "provided"


@dataclass(frozen=True, slots=True)
class RoleLine:
    """One role in the list."""

    role: Role
    members: int
    permissions: int
    reach: ReachNote

    @property
    def is_administrator(self) -> bool:
        """Tell whether it is the reserved role that may do everything."""
        return is_administrator(self.role)


@dataclass(frozen=True, slots=True)
class PermissionLine:
    """One permission, with its mark in each of some roles: empty, `given` or `provided`."""

    permission: NamedPermission
    marks: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Return the mark in the first role."""
        return self.marks[0]


@dataclass(frozen=True, slots=True)
class Section:
    """The permissions of one section."""

    name: str
    lines: tuple[PermissionLine, ...]

    @property
    def given(self) -> int:
        """Count what the first role has of it."""
        return sum(bool(line.mark) for line in self.lines)


@dataclass(frozen=True, slots=True)
class ContentLine:
    """One content set, with (permission, mark) for each permission on content sets."""

    content_set: ContentSet
    cells: tuple[tuple[NamedPermission, str], ...]

    @property
    def given(self) -> int:
        """Count the permissions that are given on it."""
        return sum(bool(mark) for _, mark in self.cells)


def role_lines(roles: Iterable[Role] | None = None) -> list[RoleLine]:
    """List roles, all of them unless some are given, with what they amount to."""
    counted = Role.objects.annotate(user_count=Count("user", distinct=True)).order_by("name")
    if roles is not None:
        counted = counted.filter(pk__in=[role.pk for role in roles])
    found = list(counted)
    powers = read_powers(found)
    notes = notes_of([role.pk for role in found])
    administrators = User.objects.filter(is_superuser=True).count()
    everything = sum(not permission.per_content_set for permission in named_permissions())
    return [
        RoleLine(role, administrators, everything, ReachNote(everything=True))
        if is_administrator(role)
        else RoleLine(role, role.user_count, len(powers[role.pk].permissions), notes[role.pk])
        for role in found
    ]


def member_ids(roles: Iterable[Role]) -> dict[int, list[int]]:
    """List the numbers of the users who have each of these roles."""
    found: dict[int, list[int]] = {}
    for role in roles:
        found[role.pk] = []
        if is_administrator(role):
            administrators = User.objects.filter(is_superuser=True).order_by("pk")
            found[role.pk] = list(administrators.values_list("pk", flat=True))
    rows = User.objects.filter(groups__in=found).order_by("pk").values_list("groups", "pk")
    for number, user in rows:
        if number in found:
            found[number].append(user)
    return found


def matrix_of(roles: Sequence[Role], wished: GivenPowers | None = None) -> list[Section]:
    """Lay roles side by side: each section of permissions, with a mark for each role.

    With `wished` the one role is shown as if it had been given that.
    """
    powers = read_powers(roles) if wished is None else {roles[0].pk: wished}
    columns = [_marks(role, powers[role.pk]) for role in roles]
    listed = [permission for permission in named_permissions() if not permission.per_content_set]
    # Contributions of two modules to one section stand together.
    order = list(dict.fromkeys(permission.section for permission in listed))
    listed.sort(key=lambda permission: order.index(permission.section))
    return [
        Section(
            name,
            tuple(
                PermissionLine(
                    permission, tuple(column.get(permission.key, NOT_GIVEN) for column in columns)
                )
                for permission in members
            ),
        )
        for name, members in groupby(listed, key=lambda permission: permission.section)
    ]


def content_matrix_of(role: Role, wished: GivenPowers | None = None) -> list[ContentLine]:
    """Show what a role may do with each content set; `wished` as in `matrix_of`."""
    powers = read_powers([role])[role.pk] if wished is None else wished
    provided = provided_grants(powers.permissions, powers.content)
    columns = content_permissions()
    may_all = is_administrator(role)

    def mark(content_set: ContentSet, key: str) -> str:
        grant = (content_set.name, key)
        if grant in provided:
            return PROVIDED
        return GIVEN if may_all or grant in powers.content else NOT_GIVEN

    return [
        ContentLine(
            content_set, tuple((column, mark(content_set, column.key)) for column in columns)
        )
        for content_set in ContentSet.objects.order_by("name")
    ]


def content_permissions() -> list[NamedPermission]:
    """List the permissions that are granted on content sets."""
    return [permission for permission in named_permissions() if permission.per_content_set]


def _marks(role: Role, powers: GivenPowers) -> dict[str, str]:
    if is_administrator(role):
        return {permission.key: GIVEN for permission in named_permissions()}
    provided = provided_keys(powers.permissions)
    return {key: PROVIDED if key in provided else GIVEN for key in powers.permissions}
