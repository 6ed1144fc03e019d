"""Effective access: what a user may do, where, and because of which role; or why not.

Nothing is decided here. It reads the same rows as the checks of routes, reach and content do, and
puts them into the words of the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.contrib.auth.models import Permission

from console.access.catalogue import named_permissions
from console.access.grants import GivenPowers, read_powers
from console.access.models import ContentSet, Role, User
from console.access.reach_notes import ReachedGroup, ReachNote, notes_of
from console.access.selectors import content_permissions
from console.modules import NamedPermission

MOST_ANSWERS: Final = 40


@dataclass(frozen=True, slots=True)
class Held:
    """One permission that a user has: because of which roles, and where it acts.

    `groups` are computer groups, for a permission on endpoints; `content_sets` the names of those
    on which it was granted.
    """

    permission: NamedPermission
    roles: tuple[Role, ...] = ()
    on_all_endpoints: bool = False
    groups: tuple[ReachedGroup, ...] = ()
    content_sets: tuple[str, ...] = ()

    @property
    def is_nowhere(self) -> bool:
        """Tell whether it acts on endpoints, but no role with it reaches any computer group."""
        return self.permission.on_endpoints and not (self.on_all_endpoints or self.groups)


@dataclass(frozen=True, slots=True)
class HeldSection:
    """What a user has of one section."""

    name: str
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class EffectiveAccess:
    """All that a user may do.

    `direct` are Django permissions outside every role, which reach no endpoint and no content.
    """

    user: User
    roles: tuple[Role, ...]
    sections: tuple[HeldSection, ...]
    direct: tuple[str, ...] = ()

    @property
    def may_everything(self) -> bool:
        """Tell whether the user is an administrator."""
        return self.user.is_superuser and self.user.is_active


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a user may, or may not, do one thing.

    `would_give` are roles that would let them, as far as whoever asks may know these;
    `others_would` tells that there are more.
    """

    permission: NamedPermission
    is_allowed: bool
    reason: str
    held: Held | None = None
    would_give: tuple[Role, ...] = ()
    others_would: bool = False


@dataclass(slots=True)
class _Collected:
    roles: list[Role] = field(default_factory=list)
    groups: dict[str, ReachedGroup] = field(default_factory=dict)
    everywhere: bool = False
    content_sets: set[str] = field(default_factory=set)


def effective_access(user: User) -> EffectiveAccess:
    """Say what a user may do now. Somebody who is not active may do nothing."""
    if not user.is_active:
        return EffectiveAccess(user, (), ())
    roles = tuple(Role.objects.filter(user=user).order_by("name"))
    held = _everything() if user.is_superuser else _held_by(roles)
    sections: dict[str, list[Held]] = {}
    for permission in named_permissions():
        if permission.key in held:
            sections.setdefault(permission.section, []).append(held[permission.key])
    return EffectiveAccess(
        user,
        roles,
        tuple(HeldSection(name, tuple(members)) for name, members in sections.items()),
        _direct(user),
    )


def explain(user: User, words: str, *, names_roles: bool) -> list[Explanation]:
    """Explain what a user may or may not do of everything that these words describe.

    The words are looked for in names, sections, meanings and the permissions behind them; all have
    to be found. At most `MOST_ANSWERS` are explained. Without `names_roles` only the seeded roles
    are named, which every console has: how others are called is for administrators.
    """
    wanted = words.casefold().split()
    if not wanted:
        return []
    access = effective_access(user)
    held = {one.permission.key: one for section in access.sections for one in section.held}
    found = [p for p in named_permissions() if all(word in _text_of(p) for word in wanted)]
    roles = list(Role.objects.order_by("name"))
    powers = read_powers(roles)
    return [
        _cut(_explanation(user, permission, held.get(permission.key), roles, powers), names_roles)
        for permission in found[:MOST_ANSWERS]
    ]


def _explanation(
    user: User,
    permission: NamedPermission,
    held: Held | None,
    roles: Iterable[Role],
    powers: Mapping[int, GivenPowers],
) -> Explanation:
    giving = tuple(role for role in roles if permission.key in _keys(powers[role.pk]))
    if not user.is_active:
        return Explanation(permission, False, "The account is not active.", None, giving)
    if held is None:
        names = "No role of theirs gives it." if _has_roles(user) else "They have no role."
        return Explanation(permission, False, names, None, giving)
    if held.is_nowhere:
        reason = "Their role gives it, but reaches no computer group."
        return Explanation(permission, False, reason, held)
    if user.is_superuser:
        return Explanation(permission, True, "Administrators may do everything.", held)
    return Explanation(permission, True, "", held)


def _cut(explanation: Explanation, names_roles: bool) -> Explanation:
    if names_roles:
        return explanation
    known = tuple(role for role in explanation.would_give if role.key is not None)
    has_others = len(known) < len(explanation.would_give)
    return replace(explanation, would_give=known, others_would=has_others)


def _has_roles(user: User) -> bool:
    return user.groups.exists()


def _keys(powers: GivenPowers) -> set[str]:
    return {*powers.permissions, *(key for _, key in powers.content)}


def _held_by(roles: tuple[Role, ...]) -> dict[str, Held]:
    powers = read_powers(roles)
    notes = notes_of([role.pk for role in roles])
    collected: dict[str, _Collected] = {}
    for role in roles:
        note = notes[role.pk]
        for key in powers[role.pk].permissions:
            _collect(collected.setdefault(key, _Collected()), role, note)
        for name, key in powers[role.pk].content:
            one = collected.setdefault(key, _Collected())
            _collect(one, role, note)
            one.content_sets.add(name)
    return {
        permission.key: _held(permission, collected[permission.key])
        for permission in named_permissions()
        if permission.key in collected
    }


def _collect(one: _Collected, role: Role, note: ReachNote) -> None:
    if role not in one.roles:
        one.roles.append(role)
    one.everywhere = one.everywhere or note.everything
    one.groups |= {group.name: group for group in note.groups}


def _held(permission: NamedPermission, one: _Collected) -> Held:
    is_limited = permission.on_endpoints and not one.everywhere
    return Held(
        permission,
        tuple(one.roles),
        on_all_endpoints=permission.on_endpoints and one.everywhere,
        groups=tuple(one.groups[name] for name in sorted(one.groups)) if is_limited else (),
        content_sets=tuple(sorted(one.content_sets)),
    )


def _everything() -> dict[str, Held]:
    names = tuple(ContentSet.objects.order_by("name").values_list("name", flat=True))
    on_content = {permission.key for permission in content_permissions()}
    return {
        permission.key: Held(
            permission,
            on_all_endpoints=permission.on_endpoints,
            content_sets=names if permission.key in on_content else (),
        )
        for permission in named_permissions()
    }


def _direct(user: User) -> tuple[str, ...]:
    rows: Any = Permission.objects.filter(user=user).order_by("content_type__app_label", "codename")
    return tuple(".".join(pair) for pair in rows.values_list("content_type__app_label", "codename"))


def _text_of(permission: NamedPermission) -> str:
    parts = (permission.title, permission.section, permission.meaning, permission.key)
    return " ".join((*parts, permission.reference, *permission.implies)).casefold()
