"""Write who is in which computer group: only what differs from what stands there.

Nothing else writes `Membership`. Each function takes part in its caller's transaction, and leaves
`ComputerGroup.member_count` and `members_version` right for every group that it touched.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from console.core.commits import after_commit
from console.endpoints.hooks import membership_changed
from console.endpoints.models import ComputerGroup, Endpoint, Membership

_AT_ONCE: Final = 500
_LARGEST_VERSION: Final = 2**63 - 1


@transaction.atomic
def write_group(group_id: int, wanted: Collection[UUID], *, now: datetime) -> None:
    """Let a group have exactly these endpoints, and note when that was found out."""
    present = set(Membership.objects.filter(group=group_id).values_list("endpoint_id", flat=True))
    wanted = set(wanted)
    _write(
        joins=[(group_id, endpoint_id) for endpoint_id in wanted - present],
        leaves=[(group_id, endpoint_id) for endpoint_id in present - wanted],
    )
    ComputerGroup.objects.filter(pk=group_id).update(evaluated_at=now)


@transaction.atomic
def write_endpoints(
    found: Mapping[UUID, Collection[int]], *, evaluated: Collection[int]
) -> set[int]:
    """Put each endpoint into the groups that were found for it; return the groups that changed.

    Only the groups in `evaluated` are written: an endpoint stays in its others.
    """
    if not found or not evaluated:
        return set()
    present: dict[UUID, set[int]] = {endpoint_id: set() for endpoint_id in found}
    for endpoint_id, group_id in _memberships_of(list(found)):
        present[endpoint_id].add(group_id)
    asked = set(evaluated)
    joins, leaves = [], []
    for endpoint_id, group_ids in found.items():
        was, is_now = present[endpoint_id] & asked, asked.intersection(group_ids)
        joins += [(group_id, endpoint_id) for group_id in is_now - was]
        leaves += [(group_id, endpoint_id) for group_id in was - is_now]
    return _write(joins=joins, leaves=leaves)


@transaction.atomic
def add_members(group_id: int, endpoint_ids: Iterable[UUID]) -> None:
    """Put endpoints into a group; who is in it stays there once."""
    _write(joins=[(group_id, endpoint_id) for endpoint_id in set(endpoint_ids)])


@transaction.atomic
def remove_members(group_id: int, endpoint_ids: Iterable[UUID]) -> None:
    """Take endpoints out of a group."""
    _write(leaves=[(group_id, endpoint_id) for endpoint_id in set(endpoint_ids)])


def follow_newcomer(endpoint_id: UUID) -> None:
    """Put an endpoint that has just enrolled into All Computers."""
    add_members(ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL).pk, [endpoint_id])


@transaction.atomic
def remove_from_all(endpoint_id: UUID) -> None:
    """Take an endpoint out of every group, as one that was cut off."""
    memberships = Membership.objects.filter(endpoint=endpoint_id)
    groups = list(memberships.values_list("group_id", flat=True))
    memberships.delete()
    recount(groups)


@transaction.atomic
def follow_enrolment(*, now: datetime) -> None:
    """Let All Computers have every endpoint that enrolled and was not revoked."""
    group = ComputerGroup.objects.get(kind=ComputerGroup.Kind.ALL)
    members = Membership.objects.filter(group=group)
    gone = members.exclude(endpoint__revoked_at=None)
    missing = Endpoint.objects.filter(revoked_at=None).exclude(
        Exists(members.filter(endpoint=OuterRef("pk")))
    )
    newcomers = list(missing.values_list("pk", flat=True))
    if not newcomers and not gone.exists():
        return
    gone.delete()
    _put_in([(group.pk, endpoint_id) for endpoint_id in newcomers])
    recount([group.pk])
    ComputerGroup.objects.filter(pk=group.pk).update(evaluated_at=now)


def recount(group_ids: Collection[int]) -> None:
    """Bring `member_count` in line with the memberships, which have changed."""
    members = (
        Membership.objects.filter(group=OuterRef("pk"))
        .order_by()
        .values("group")
        .annotate(number=Count("pk"))
        .values("number")
    )
    counted = Coalesce(Subquery(members, output_field=IntegerField()), 0)
    ComputerGroup.objects.filter(pk__in=set(group_ids)).update(
        member_count=counted, members_version=1 + secrets.randbelow(_LARGEST_VERSION)
    )


def _write(
    *, joins: Collection[tuple[int, UUID]] = (), leaves: Collection[tuple[int, UUID]] = ()
) -> set[int]:
    """Write pairs of group and endpoint, tell of them after the commit, return the groups."""
    _take_out(leaves)
    _put_in(joins)
    touched = {group_id for group_id, _ in (*joins, *leaves)}
    recount(touched)
    if touched:
        changed = tuple({endpoint_id for _, endpoint_id in (*joins, *leaves)})
        # What is written stays written, whatever becomes of those who hear of it.
        after_commit(membership_changed.send, sender=Membership, endpoint_ids=changed)
    return touched


def _memberships_of(endpoint_ids: list[UUID]) -> Iterable[tuple[UUID, int]]:
    for start in range(0, len(endpoint_ids), _AT_ONCE):
        yield from Membership.objects.filter(
            endpoint__in=endpoint_ids[start : start + _AT_ONCE]
        ).values_list("endpoint_id", "group_id")


def _put_in(pairs: Collection[tuple[int, UUID]]) -> None:
    # Another writer may have put the same endpoint in meanwhile: that is what was wanted.
    Membership.objects.bulk_create(
        (Membership(group_id=group_id, endpoint_id=endpoint_id) for group_id, endpoint_id in pairs),
        batch_size=_AT_ONCE,
        ignore_conflicts=True,
    )


def _take_out(pairs: Collection[tuple[int, UUID]]) -> None:
    by_group: dict[int, list[UUID]] = {}
    for group_id, endpoint_id in pairs:
        by_group.setdefault(group_id, []).append(endpoint_id)
    for group_id, endpoint_ids in by_group.items():
        for start in range(0, len(endpoint_ids), _AT_ONCE):
            Membership.objects.filter(
                group=group_id, endpoint__in=endpoint_ids[start : start + _AT_ONCE]
            ).delete()
