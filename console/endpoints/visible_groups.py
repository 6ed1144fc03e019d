"""Read computer groups: which a user may see, with whom in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from console.access.models import User
from console.core.exceptions import NotFound
from console.endpoints.exceptions import GroupsInCircle
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint, Membership
from console.endpoints.reach import REACH, Reach, reach_of

VIEW = "endpoints.view_computergroup"


def groups_visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[ComputerGroup]:
    """List the groups that this user may know of, with `reached_count` of the members in reach.

    Whoever does not reach every endpoint knows the groups that their roles reach, the two that
    every console has, and those that they made themselves.
    """
    reach = reach_of(user, VIEW)
    if not reach:
        return ComputerGroup.objects.none()
    if reach.everything:
        return ComputerGroup.objects.annotate(reached_count=F("member_count"))
    known = Q(pk__in=reach.group_ids) | Q(created_by=user.pk)
    known |= Q(kind__in=(ComputerGroup.Kind.ALL, ComputerGroup.Kind.NONE))
    members = reach.endpoints(Membership.objects.filter(group=OuterRef("pk")), field="endpoint")
    counted = members.order_by().values("group").annotate(number=Count("pk")).values("number")
    return ComputerGroup.objects.filter(known).annotate(
        reached_count=Coalesce(Subquery(counted, output_field=IntegerField()), 0)
    )


def group_visible_to(user: AbstractBaseUser | AnonymousUser, group_id: int) -> ComputerGroup:
    """Return one group. Raises `NotFound` when there is none or the user may not know of it."""
    group: ComputerGroup | None = groups_visible_to(user).filter(pk=group_id).first()
    if group is None:
        raise NotFound("There is no such computer group.")
    return group


def members_visible_to(
    user: AbstractBaseUser | AnonymousUser, group: ComputerGroup
) -> QuerySet[Endpoint]:
    """List the members of a group that this user reaches."""
    members = Endpoint.objects.filter(memberships__group=group)
    return reach_of(user, VIEW).endpoints(members)


def roles_by_group(user: AbstractBaseUser | AnonymousUser | None) -> dict[int, list[str]]:
    """Name, by group, the roles that reach it: all of them for who may see roles, else the own.

    None is the console itself.
    """
    grants = ComputerGroupGrant.objects.filter(permission__codename=REACH)
    if user is not None and not (isinstance(user, User) and user.has_perm("access.view_role")):
        grants = grants.filter(group__user=user.pk)
    found: dict[int, list[str]] = {}
    pairs = grants.order_by("group__name").values_list("content_object_id", "group__name")
    for group_id, name in pairs.distinct():
        found.setdefault(group_id, []).append(name)
    return found


@contextmanager
def naming_known_groups_only(user: User | None, own: str) -> Iterator[None]:
    """Refuse a circle of groups without the names that are hidden from this user.

    `own` is the group that is being written; None is the console itself, which knows them all.
    """
    try:
        yield
    except GroupsInCircle as refusal:
        if user is None:
            raise
        known = set(groups_visible_to(user).values_list("name", flat=True))
        raise GroupsInCircle(refusal.names, known | {own}) from refusal


def reached_ids(reach: Reach) -> set[object] | None:
    """Return the ids of all endpoints in reach; None for everything."""
    if reach.everything:
        return None
    return set(reach.endpoints(Endpoint.objects.all()).values_list("pk", flat=True))
