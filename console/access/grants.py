"""What stands in the database for the powers of a role.

Its named permissions and the Django permissions that they imply are permissions of the group; its
permissions on content sets are rows of `ContentSetGrant`. Only differences are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from console.access.catalogue import ContentGrant, named_permissions, powers_of
from console.access.models import ContentSet, ContentSetGrant, Role


@dataclass(frozen=True, slots=True)
class GivenPowers:
    """Named permissions by key, and grants on content sets as (name of the content set, key)."""

    permissions: frozenset[str] = frozenset()
    content: frozenset[ContentGrant] = frozenset()


def read_powers(roles: Iterable[Role]) -> dict[int, GivenPowers]:
    """Read the powers of roles by their number, in two queries."""
    numbers = [role.pk for role in roles]
    keys: dict[int, set[str]] = defaultdict(set)
    content: dict[int, set[ContentGrant]] = defaultdict(set)
    known = {p.key for p in named_permissions() if not p.per_content_set}
    stored = Permission.objects.filter(
        content_type=ContentType.objects.get_for_model(Role), group__in=numbers
    )
    for number, key in stored.values_list("group", "codename"):
        if key in known:
            keys[number].add(key)
    grants = ContentSetGrant.objects.filter(group__in=numbers)
    for number, name, key in grants.values_list(
        "group_id", "content_object__name", "permission__codename"
    ):
        content[number].add((name, key))
    return {
        number: GivenPowers(frozenset(keys[number]), frozenset(content[number]))
        for number in numbers
    }


def write_powers(wanted: Mapping[Role, GivenPowers]) -> None:
    """Give roles exactly these powers, with what comes with them.

    Raises KeyError for a key that does not exist. Call it inside a transaction.
    """
    permissions = _permission_numbers()
    content_sets = dict(ContentSet.objects.values_list("name", "pk"))
    role_label = Role._meta.app_label
    held: set[tuple[int, int]] = set()
    granted: set[tuple[int, int, int]] = set()
    for role, given in wanted.items():
        powers = powers_of(given.permissions, given.content)
        names = {f"{role_label}.{key}" for key in powers.permissions} | powers.implied
        held |= {(role.pk, permissions[name]) for name in names}
        granted |= {
            (role.pk, permissions[f"{role_label}.{key}"], content_sets[name])
            for name, key in powers.content
        }
    numbers = [role.pk for role in wanted]
    _write_permissions(numbers, held)
    _write_grants(numbers, granted)


def _permission_numbers() -> dict[str, int]:
    rows = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    return {f"{label}.{codename}": number for label, codename, number in rows}


def _write_permissions(roles: list[int], wanted: set[tuple[int, int]]) -> None:
    link: Any = Group.permissions.through
    stored = {
        (group, permission): pk
        for group, permission, pk in link.objects.filter(group__in=roles).values_list(
            "group_id", "permission_id", "pk"
        )
    }
    link.objects.filter(pk__in=[stored[pair] for pair in stored.keys() - wanted]).delete()
    link.objects.bulk_create(
        link(group_id=group, permission_id=permission)
        for group, permission in sorted(wanted - stored.keys())
    )


def _write_grants(roles: list[int], wanted: set[tuple[int, int, int]]) -> None:
    stored = {
        (group, permission, content_set): pk
        for group, permission, content_set, pk in ContentSetGrant.objects.filter(
            group__in=roles
        ).values_list("group_id", "permission_id", "content_object_id", "pk")
    }
    ContentSetGrant.objects.filter(
        pk__in=[stored[grant] for grant in stored.keys() - wanted]
    ).delete()
    ContentSetGrant.objects.bulk_create(
        ContentSetGrant(group_id=group, permission_id=permission, content_object_id=content_set)
        for group, permission, content_set in sorted(wanted - stored.keys())
    )
