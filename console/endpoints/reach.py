"""Say which endpoints a user's roles let them work with, for one permission at a time.

What may be done stands in a role's permissions, where in the computer groups that are granted to
it. Whatever shows, counts, orders, exports or changes something of an endpoint takes its rows
through `Reach.endpoints`, so that what is out of reach is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, Func, Model, OuterRef, QuerySet
from django.db.models.lookups import In

from console.access.models import User
from console.certificates.models import Certificate
from console.certificates.visibility import PERMISSION
from console.core.actor import Actor
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Membership

REACH: Final = "reach_computergroup"

Row = TypeVar("Row", bound=Model)

# Beside Django's own caches of permissions, which live as long.
_CACHE: Final = "_reach_by_permission"
_ASKED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Reach:
    """The computer groups in which a user may do something; `everything` needs no group."""

    everything: bool = False
    group_ids: frozenset[int] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        """Tell whether it reaches any group at all; its groups may be empty."""
        return self.everything or bool(self.group_ids)

    def endpoints(self, queryset: QuerySet[Row, Any], field: str = "pk") -> QuerySet[Row, Any]:
        """Return the rows whose endpoint is reached; `field` leads from a row to its id."""
        if self.everything:
            return queryset
        if not self.group_ids:
            return queryset.none()
        return queryset.filter(Exists(self._members().filter(endpoint=OuterRef(field))))

    def includes(self, endpoint_ids: Iterable[UUID]) -> set[UUID]:
        """Return those of these endpoints that are reached."""
        wanted = list(dict.fromkeys(endpoint_ids))
        if self.everything:
            return set(wanted)
        if not self.group_ids:
            return set()
        members = self._members()
        return {
            endpoint_id
            for start in range(0, len(wanted), _ASKED_AT_ONCE)
            for endpoint_id in members.filter(
                endpoint__in=wanted[start : start + _ASKED_AT_ONCE]
            ).values_list("endpoint_id", flat=True)
        }

    def _members(self) -> QuerySet[Membership]:
        """Select the memberships of the granted groups, for a query that names endpoints."""
        return Membership.objects.filter(In(_Looked("group"), self.group_ids))


class _Looked(Func):
    """A column that is looked at in the rows at hand, and not looked up.

    SQLite would look up each endpoint once for each granted group; it has few groups itself.
    """

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """Write the unary plus, which SQLite documents for this (its query planner, section 6)."""
        return super().as_sql(compiler, connection, template="+%(expressions)s", **context)


EVERYTHING: Final = Reach(everything=True)
NOTHING: Final = Reach()


def reach_of(user: AbstractBaseUser | AnonymousUser, permission: str) -> Reach:
    """Return where this user may do what `permission` (`app_label.codename`) names.

    It is the union of the groups that are granted to those of the user's roles that hold the
    permission. A permission of the user's own, outside a role, reaches nothing. Asked once for
    each user object: who keeps one longer than a request fetches it anew.
    """
    if not isinstance(user, User) or not user.is_active:
        return NOTHING
    if user.is_superuser:
        return EVERYTHING
    known: dict[str, Reach] = user.__dict__.setdefault(_CACHE, {})
    if permission not in known:
        known[permission] = _granted(user, permission)
    return known[permission]


def reach_of_actor(actor: Actor, permission: str) -> Reach:
    """Return where whoever acts may do that: the console itself, everywhere."""
    if actor.user_id is None:
        return EVERYTHING
    user = User.objects.filter(pk=actor.user_id).first()
    return NOTHING if user is None else reach_of(user, permission)


def _granted(user: User, permission: str) -> Reach:
    app_label, codename = permission.split(".")
    grants = ComputerGroupGrant.objects.filter(
        permission__codename=REACH,
        group__in=user.groups.filter(
            permissions__codename=codename, permissions__content_type__app_label=app_label
        ),
    ).values_list("content_object_id", "content_object__kind")
    granted = dict(grants)
    if ComputerGroup.Kind.ALL in granted.values():
        return EVERYTHING
    return Reach(group_ids=frozenset(granted))


def certificates_reached_by(
    user: AbstractBaseUser | AnonymousUser, certificates: QuerySet[Certificate]
) -> QuerySet[Certificate]:
    """Leave the certificates of the endpoints of which this user may see them."""
    return reach_of(user, PERMISSION).endpoints(certificates, field="subject_id")
