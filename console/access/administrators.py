"""Keep administering in the hands of administrators, and the console never without one.

An administrator is an active user marked so, who has a password to log in with.
"""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import QuerySet

from console.access.exceptions import LastAdministrator
from console.access.models import User
from console.core.actor import Actor
from console.core.exceptions import NotAllowed

FOR_ADMINISTRATORS = "Only an administrator may do this."


def administrators() -> QuerySet[User]:
    """Return the users who can administer the console now."""
    return User.objects.filter(is_superuser=True, is_active=True).exclude(
        password__startswith=UNUSABLE_PASSWORD_PREFIX
    )


def check_administrator(actor: Actor, refusal: str = FOR_ADMINISTRATORS) -> None:
    """Raise `NotAllowed` unless the actor is an administrator, or the system itself."""
    if actor.user_id is None:
        return
    if not User.objects.filter(pk=actor.user_id, is_superuser=True, is_active=True).exists():
        raise NotAllowed(refusal)


def lock_administrators() -> None:
    """Make others who change administrators wait until this transaction ends.

    Two administrators who take each other's powers at the same time would both succeed otherwise.
    """
    locked = User.objects.select_for_update().filter(is_superuser=True).order_by("pk")
    list(locked.values_list("pk", flat=True))


def keep_an_administrator() -> None:
    """Raise `LastAdministrator` when nobody is left who can administer."""
    if not administrators().exists():
        raise LastAdministrator
