"""Users and their API tokens: each change with its audit row."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from knox.models import AuthToken
from knox.settings import knox_settings

from console.access.administrators import (
    check_administrator,
    keep_an_administrator,
    lock_administrators,
)
from console.access.exceptions import CredentialsRefused
from console.access.login_attempts import refuse_if_guessing
from console.access.models import Role, User
from console.access.roles import set_user_roles
from console.access.strength import is_no_weaker
from console.audit.services import record_audit_event
from console.core.actor import Actor
from console.core.exceptions import InvalidInput, NotAllowed
from console.core.requests import source_address_of

FIRST_ADMINISTRATOR: Final = "admin"
CHANGEABLE: Final = frozenset(
    {"first_name", "last_name", "email", "time_zone", "is_active", "is_staff", "is_superuser"}
)

# Whoever holds one of these reaches everything, so only an administrator gives or touches them.
_POWERS: Final = frozenset({"is_staff", "is_superuser"})


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new API token. `plain` is shown once: only its digest is kept."""

    plain: str
    expires_at: datetime | None


@transaction.atomic(durable=True)
def ensure_first_administrator(*, password: str, actor: Actor, now: datetime) -> str | None:
    """Make the user `admin` where there is no administrator yet.

    Returns the password when one had to be generated, to be shown once; None when `password` was
    given or an administrator exists, whose password then stays as it is.
    """
    if User.objects.filter(is_superuser=True).exists():
        return None
    generated = None if password else secrets.token_urlsafe(15)
    user = User.objects.create_superuser(
        FIRST_ADMINISTRATOR, email="", password=password or generated
    )
    record_audit_event(actor=actor, action="user.create", subject=user, now=now)
    return generated


@transaction.atomic(durable=True)
def create_user(
    *,
    username: str,
    password: str,
    fields: Mapping[str, Any],
    roles: Iterable[Role] | None = None,
    actor: Actor,
    now: datetime,
) -> User:
    """Make a user. `fields` are of `CHANGEABLE`; `roles` are what they may do.

    Raises `InvalidInput` for a name that is taken or unfit and for a weak password, `NotAllowed`
    when somebody who is no administrator gives powers or roles.
    """
    _check_powers(None, fields, actor)
    user = User(username=username, **_changeable(fields))
    _check_password(password, user)
    user.set_password(password)
    _save(user)
    record_audit_event(
        actor=actor, action="user.create", subject=user, detail=_loggable(fields), now=now
    )
    if roles is not None:
        set_user_roles(user, roles, actor=actor, now=now)
    return user


@transaction.atomic(durable=True)
def change_user(
    user: User,
    *,
    fields: Mapping[str, Any],
    roles: Iterable[Role] | None = None,
    actor: Actor,
    now: datetime,
) -> User:
    """Change a user; one who is no longer active loses every API token.

    Their roles stay where `roles` is None.

    Raises `InvalidInput`, `NotAllowed` when the actor may do less than the user, or
    `LastAdministrator`.
    """
    lock_administrators()
    _check_powers(user, fields, actor)
    _check_not_stronger(user, actor)
    for name, value in _changeable(fields).items():
        setattr(user, name, value)
    _save(user)
    keep_an_administrator()
    record_audit_event(
        actor=actor, action="user.change", subject=user, detail=_loggable(fields), now=now
    )
    if roles is not None:
        set_user_roles(user, roles, actor=actor, now=now)
    return user


@transaction.atomic(durable=True)
def set_password(user: User, *, password: str, actor: Actor, now: datetime) -> None:
    """Give a user another password; every login and API token of theirs ends.

    Raises `InvalidInput` for a weak one, `NotAllowed` when the actor may do less than the user.
    """
    if actor.user_id != user.pk:
        _check_powers(user, {}, actor)
    _check_not_stronger(user, actor)
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit_event(actor=actor, action="user.set_password", subject=user, now=now)


def issue_api_token(
    request: HttpRequest, *, username: str, password: str, now: datetime
) -> IssuedToken:
    """Give whoever knows the password a token for the API.

    A refusal is counted and stands in the audit log with the request's address. Raises
    `CredentialsRefused`, or `TooManyAttempts` before the password is even looked at.
    """
    refuse_if_guessing(request, username, now=now)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise CredentialsRefused("The user name or the password is wrong.")
    with transaction.atomic(durable=True):
        token, plain = AuthToken.objects.create(user, expiry=knox_settings.TOKEN_TTL)
        record_audit_event(
            actor=Actor(user.get_username(), user.pk, source_address_of(request)),
            action="api_token.create",
            subject=user,
            now=now,
        )
    return IssuedToken(plain, token.expiry)


@transaction.atomic(durable=True)
def revoke_api_tokens(user: User, *, digest: str = "", actor: Actor, now: datetime) -> None:
    """End one API token of a user, by its digest, or all of them."""
    tokens = AuthToken.objects.filter(user=user)
    (tokens.filter(digest=digest) if digest else tokens).delete()
    record_audit_event(actor=actor, action="api_token.revoke", subject=user, now=now)


def _check_powers(user: User | None, fields: Mapping[str, Any], actor: Actor) -> None:
    touches_powers = any(fields.get(name) for name in _POWERS) or (
        user is not None and (user.is_superuser or bool(_POWERS & fields.keys()))
    )
    if touches_powers:
        check_administrator(actor, "Only an administrator may do this to an administrator.")


def _check_not_stronger(user: User, actor: Actor) -> None:
    # Whoever gives somebody a password can log in as them.
    if actor.user_id is None or actor.user_id == user.pk:
        return
    acting = User.objects.filter(pk=actor.user_id).first()
    if acting is None or not is_no_weaker(acting, user):
        raise NotAllowed(f"{user} may do what you may not: ask an administrator.")


def _changeable(fields: Mapping[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - CHANGEABLE
    if unknown:
        raise InvalidInput(
            "Some of this cannot be changed here.",
            errors={name: ["This cannot be changed here."] for name in sorted(unknown)},
        )
    return dict(fields)


def _save(user: User) -> None:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise InvalidInput("The user was not saved.", errors=error.message_dict) from error
    user.save()


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            "The password is too weak.", errors={"password": error.messages}
        ) from error


def _loggable(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"changed": {name: fields[name] for name in sorted(fields)}}
