"""Every permission, role and content set that this console knows: its own and its modules'.

A named permission is what an administrator gives; behind it stand the Django permissions that
routes check, and the further permissions that come with it. This is the one place that knows how
the two belong together. No I/O: `console.access.seeding` writes it into the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from console.access.console_permissions import (
    CONSOLE_PERMISSIONS,
    CONTENT_PERMISSIONS,
    MICRO_ADMIN_PERMISSIONS,
)
from console.modules import NamedPermission, SeededContentSet, SeededRole, modules

ADMINISTRATOR: Final = SeededRole(
    key="administrator",
    name="Administrator",
    description="Everything, on every endpoint. Its members are the users marked administrator.",
    reference="RB-21",
)
DEFAULT_CONTENT_SET: Final = "Default"
OWN_CONTENT_SETS: Final = (
    SeededContentSet("Reserved", "What the console itself needs to work."),
    SeededContentSet(
        "Base", "Sensors that every question may start from: names, addresses, users."
    ),
    SeededContentSet(
        DEFAULT_CONTENT_SET, "Content of your own that belongs nowhere else.", reserved=False
    ),
)

# (content set, key of a permission that is granted on content sets)
ContentGrant = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Powers:
    """All that some named permissions amount to: with what they provide and imply."""

    permissions: frozenset[str]
    content: frozenset[ContentGrant]
    implied: frozenset[str]


def named_permissions() -> tuple[NamedPermission, ...]:
    """List every permission, section by section: the modules', then the console's."""
    contributed = (permission for module in modules() for permission in module.permissions)
    return (
        *contributed,
        *MICRO_ADMIN_PERMISSIONS,
        *CONSOLE_PERMISSIONS,
        *CONTENT_PERMISSIONS,
    )


def permissions_by_key() -> dict[str, NamedPermission]:
    """Map every key to its permission."""
    return {permission.key: permission for permission in named_permissions()}


def seeded_roles() -> tuple[SeededRole, ...]:
    """List every seeded role, Administrator first."""
    return (ADMINISTRATOR, *(role for module in modules() for role in module.roles))


def seeded_content_sets() -> tuple[SeededContentSet, ...]:
    """List every seeded content set."""
    return (
        *OWN_CONTENT_SETS,
        *(content_set for module in modules() for content_set in module.content_sets),
    )


def powers_of(keys: Iterable[str], content: Iterable[ContentGrant]) -> Powers:
    """Add to permissions and grants what comes with them.

    Raises KeyError for a key that does not exist.
    """
    known = permissions_by_key()
    given = _closure(keys, known)
    granted = {*content, *(grant for key in given for grant in known[key].content)}
    granted |= {
        (content_set, provided)
        for content_set, key in granted
        for provided in _closure([key], known)
    }
    reasons = given | {key for _, key in granted}
    implied = {name for key in reasons for name in known[key].implies}
    return Powers(frozenset(given), frozenset(granted), frozenset(implied))


def provided_keys(keys: Iterable[str]) -> frozenset[str]:
    """Tell which of these come with another of them anyway."""
    known = permissions_by_key()
    held = set(keys) & known.keys()
    return frozenset(
        provided for key in held for provided in _closure([key], known) - {key} if provided in held
    )


def provided_grants(
    keys: Iterable[str], content: Iterable[ContentGrant]
) -> frozenset[ContentGrant]:
    """Tell which of these grants come with one of the permissions, or with another grant."""
    known = permissions_by_key()
    granted = {grant for grant in content if grant[1] in known}
    by_permission = {grant for key in set(keys) & known.keys() for grant in known[key].content}
    by_grant = {
        (content_set, provided)
        for content_set, key in granted | by_permission
        for provided in _closure([key], known) - {key}
    }
    return frozenset(granted & (by_permission | by_grant))


def _closure(keys: Iterable[str], known: dict[str, NamedPermission]) -> set[str]:
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(known[key].provides)
    return found
