"""Roles: who may do what, with which content. Each change with its audit row.

Only administrators change roles, so that nobody gives away what they have not. Which endpoints a
role reaches belongs to `console.endpoints`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from console.access.administrators import (
    check_administrator,
    keep_an_administrator,
    lock_administrators,
)
from console.access.catalogue import ADMINISTRATOR, permissions_by_key
from console.access.exceptions import RoleIsSeeded
from console.access.grants import GivenPowers, read_powers, write_powers
from console.access.models import ContentSet, Role, User
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput


@transaction.atomic(durable=True)
def create_role(
    *, name: str, description: str, powers: GivenPowers, actor: Actor, now: datetime
) -> Role:
    """Make a role; it has no members and reaches no endpoint yet.

    Raises `InvalidInput` for a name that is taken and for powers that do not exist, `NotAllowed`
    for whoever is no administrator.
    """
    check_administrator(actor)
    role = _saved(Role(name=name, description=description))
    _give(role, powers)
    record_audit_event(
        actor=actor, action="role.create", subject=role, detail=_loggable(powers), now=now
    )
    return role


@transaction.atomic(durable=True)
def copy_role(
    role: Role, *, name: str, description: str | None = None, actor: Actor, now: datetime
) -> Role:
    """Make a role with the permissions and the content of another, seeded or not.

    Members and endpoints are not copied: whoever gets the copy is chosen anew. Raises as
    `create_role` does, and `InvalidInput` for Administrator, whose powers no other role has.
    """
    check_administrator(actor)
    if is_administrator(role):
        raise InvalidInput("What administrators may do, no other role can be given.")
    powers = read_powers([role])[role.pk]
    made = _saved(
        Role(name=name, description=role.description if description is None else description)
    )
    _give(made, powers)
    record_audit_event(
        actor=actor,
        action="role.create",
        subject=made,
        detail={"copy_of": role.name, **_loggable(powers)},
        now=now,
    )
    return made


@transaction.atomic(durable=True)
def change_role(
    role: Role,
    *,
    name: str | None = None,
    description: str | None = None,
    powers: GivenPowers | None = None,
    actor: Actor,
    now: datetime,
) -> Role:
    """Change a role of a user's own; what is None stays as it is.

    Raises `RoleIsSeeded`, `InvalidInput` or `NotAllowed`.
    """
    check_administrator(actor)
    _check_own(role)
    detail: dict[str, Any] = {}
    for field, value in (("name", name), ("description", description)):
        if value is not None and value != getattr(role, field):
            detail[field] = {"from": getattr(role, field), "to": value}
            setattr(role, field, value)
    _saved(role)
    if powers is not None:
        before = read_powers([role])[role.pk]
        _give(role, powers)
        detail |= _difference(before, read_powers([role])[role.pk])
    record_audit_event(actor=actor, action="role.change", subject=role, detail=detail, now=now)
    return role


@transaction.atomic(durable=True)
def delete_role(role: Role, *, actor: Actor, now: datetime) -> None:
    """Delete a role of a user's own; its members lose what it gave them at once.

    Raises `RoleIsSeeded` or `NotAllowed`.
    """
    check_administrator(actor)
    _check_own(role)
    members = sorted(role.user_set.values_list("username", flat=True))
    record_audit_event(
        actor=actor, action="role.delete", subject=role, detail={"members": members}, now=now
    )
    role.delete()


@transaction.atomic(durable=True)
def set_role_members(role: Role, users: Iterable[User], *, actor: Actor, now: datetime) -> None:
    """Make exactly these users the members of a role; of Administrator, too.

    Raises `NotAllowed` for whoever is no administrator, `LastAdministrator` when Administrator
    would have no active member left.
    """
    check_administrator(actor)
    wanted = {user.pk: user for user in users}
    stored = {user.pk: user for user in members_of(role)}
    joining = [wanted[pk] for pk in wanted.keys() - stored.keys()]
    leaving = [stored[pk] for pk in stored.keys() - wanted.keys()]
    if is_administrator(role):
        _mark_administrators(joining, leaving)
    else:
        role.user_set.add(*joining)
        role.user_set.remove(*leaving)
    detail = {
        "added": sorted(user.username for user in joining),
        "removed": sorted(user.username for user in leaving),
    }
    record_audit_event(actor=actor, action="role.set_members", subject=role, detail=detail, now=now)


@transaction.atomic
def set_user_roles(user: User, roles: Iterable[Role], *, actor: Actor, now: datetime) -> None:
    """Give a user exactly these roles; being an administrator is not among them.

    It joins the caller's transaction, as the pages of users save in one of their own. Raises
    `NotAllowed` for whoever is no administrator, `InvalidInput` for Administrator.
    """
    check_administrator(actor)
    wanted = {role.pk: role.name for role in roles}
    if any(is_administrator(role) for role in roles):
        raise InvalidInput(
            "Mark the user as administrator instead.",
            errors={"roles": ["Administrator is no role among others: set is_superuser."]},
        )
    stored = dict(user.groups.values_list("pk", "name"))
    if wanted.keys() == stored.keys():
        return
    user.groups.set(wanted)
    detail = {
        "added": sorted(wanted[pk] for pk in wanted.keys() - stored.keys()),
        "removed": sorted(stored[pk] for pk in stored.keys() - wanted.keys()),
    }
    record_audit_event(actor=actor, action="user.set_roles", subject=user, detail=detail, now=now)


def is_administrator(role: Role) -> bool:
    """Tell whether this is the reserved role that may do everything."""
    return role.key == ADMINISTRATOR.key


def members_of(role: Role) -> list[User]:
    """List the users who have a role, by name."""
    members = (
        User.objects.filter(is_superuser=True)
        if is_administrator(role)
        else User.objects.filter(groups=role.pk)
    )
    return list(members.order_by("username"))


def _mark_administrators(joining: Iterable[User], leaving: Iterable[User]) -> None:
    lock_administrators()
    for users, is_marked in ((joining, True), (leaving, False)):
        User.objects.filter(pk__in=[user.pk for user in users]).update(is_superuser=is_marked)
    keep_an_administrator()


def _check_own(role: Role) -> None:
    if role.key is not None:
        raise RoleIsSeeded(role.name)


def _saved(role: Role) -> Role:
    try:
        role.full_clean()
    except ValidationError as error:
        raise InvalidInput("The role was not saved.", errors=error.message_dict) from error
    role.save()
    return role


def _give(role: Role, powers: GivenPowers) -> None:
    known = permissions_by_key()
    errors: dict[str, list[str]] = {}
    unknown = {key for key in powers.permissions if key not in known or known[key].per_content_set}
    if unknown:
        errors["permissions"] = [f"There is no permission {key}." for key in sorted(unknown)]
    keys = {key for _, key in powers.content}
    content_sets = set(ContentSet.objects.values_list("name", flat=True))
    lacking = [
        f"There is no content set {name}."
        for name in sorted({name for name, _ in powers.content} - content_sets)
    ]
    lacking += [
        f"{key} is no permission on content sets."
        for key in sorted(keys)
        if key not in known or not known[key].per_content_set
    ]
    if lacking:
        errors["content"] = lacking
    if errors:
        raise InvalidInput("The role was not saved.", errors=errors)
    write_powers({role: powers})


def _loggable(powers: GivenPowers) -> dict[str, Any]:
    return {"permissions": sorted(powers.permissions), "content": _names(powers.content)}


def _difference(before: GivenPowers, after: GivenPowers) -> dict[str, Any]:
    found = {
        "permissions_added": sorted(after.permissions - before.permissions),
        "permissions_removed": sorted(before.permissions - after.permissions),
        "content_added": _names(after.content - before.content),
        "content_removed": _names(before.content - after.content),
    }
    return {name: values for name, values in found.items() if values}


def _names(content: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{name}: {key}" for name, key in content)
