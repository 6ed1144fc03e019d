"""Fill a console with endpoints in groups, and read those of one role in two ways."""

from __future__ import annotations

import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()

# Models are there only from here on.
from django.contrib.auth.models import Permission  # noqa: E402
from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.db import connection  # noqa: E402
from guardian.models import GroupObjectPermission  # noqa: E402
from guardian.shortcuts import get_objects_for_user  # noqa: E402

from console.access.models import Role, User  # noqa: E402
from console.certificates.models import Authority, Certificate  # noqa: E402
from console.core.actor import Actor  # noqa: E402
from console.core.paging import BoundedPaginator  # noqa: E402
from console.endpoints.membership import recount  # noqa: E402
from console.endpoints.models import ComputerGroup, Endpoint, Membership  # noqa: E402
from console.endpoints.reach import reach_of  # noqa: E402
from console.endpoints.role_reach import set_role_reach  # noqa: E402
from console.endpoints.selectors import count_listed  # noqa: E402

GROUPS, GRANTED, GROUPS_EACH, ROLES, PAGE, BATCH = 200, 50, 3, 20, 50, 2000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
VIEW = "endpoints.view_endpoint"


def main() -> None:
    """Print both sides and their ratio."""
    total, rounds = int(sys.argv[1]), int(sys.argv[2])
    user = fill(total)

    # A fresh user for each: who was asked before has their reach at hand.
    def fresh() -> User:
        return User.objects.get(pk=user.pk)

    def ours() -> Any:
        return reach_of(fresh(), VIEW).endpoints(Endpoint.objects.all())

    def theirs() -> Any:
        return get_objects_for_user(fresh(), VIEW, accept_global_perms=False)

    first = _milliseconds(lambda: count_listed(fresh()))
    assert ours().count() == theirs().count() == count_listed(fresh())
    print(f"  {ours().count():,} of {total:,} endpoints in {GRANTED} of {GROUPS} groups")
    print(f"  the first count of a program: {first:.0f} ms")
    granted = sorted(reach_of(fresh(), VIEW).group_ids)
    reads: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "page of 50": (lambda: _page(ours()), lambda: _page(theirs())),
        "count of the list": (lambda: count_listed(fresh()), lambda: theirs().count()),
        "count of the list with a condition, up to 10,000": (
            lambda: BoundedPaginator(_linux(ours()), PAGE).count,
            lambda: _linux(theirs()).count(),
        ),
        "count in the database alone": (lambda: ours().count(), lambda: theirs().count()),
    }
    for what, (read, rivals_read) in reads.items():
        mine, rival = [], []
        for _ in range(rounds):
            mine.append(_milliseconds(read))
            rival.append(_milliseconds(rivals_read))
        ratio = statistics.median(rival) / statistics.median(mine)
        print(
            f"  {what}: {statistics.median(mine):.1f} ms, guardian "
            f"{statistics.median(rival):.1f} ms: 1/{ratio:.1f}",
            flush=True,
        )

    changed = []
    for group_id in granted[:rounds]:
        recount([group_id])
        changed.append(_milliseconds(lambda: count_listed(fresh())))
    print(
        f"  count of the list after one of its groups changed: {statistics.median(changed):.1f} ms"
    )


def _page(rows: Any) -> list[Any]:
    return list(rows.order_by("host_name", "pk")[:PAGE])


def _linux(rows: Any) -> Any:
    return rows.filter(os="linux").order_by("host_name", "pk")


def fill(total: int) -> User:
    """Make endpoints, groups and grants, and return the user who holds fifty of them."""
    chance = random.Random(8)  # noqa: S311 - no secret comes of it
    authority = Authority.objects.create(
        name="bench", certificate="", fingerprint="", not_before=NOW,
        not_after=NOW + timedelta(days=1), created_at=NOW,
    )  # fmt: skip
    groups = ComputerGroup.objects.bulk_create(
        ComputerGroup(name=f"Group {number}", kind="manual", created_at=NOW)
        for number in range(GROUPS)
    )
    members: dict[int, list[uuid.UUID]] = {group.pk: [] for group in groups}
    for start in range(0, total, BATCH):
        ids = [uuid.UUID(int=chance.getrandbits(128)) for _ in range(min(BATCH, total - start))]
        Certificate.objects.bulk_create(
            Certificate(
                authority=authority, purpose="ENDPOINT", subject_id=pk, serial_number=pk.hex,
                fingerprint=pk.hex, certificate="", not_before=NOW,
                not_after=NOW + timedelta(days=1), issued_at=NOW,
            )
            for pk in ids
        )  # fmt: skip
        certificates = {
            certificate.subject_id: certificate
            for certificate in Certificate.objects.filter(subject_id__in=ids)
        }
        Endpoint.objects.bulk_create(
            Endpoint(
                id=pk, host_name=f"host-{chance.randrange(10**6):06}-{start}", os="linux",
                certificate=certificates[pk], enrolled_at=NOW,
            )
            for pk in ids
        )  # fmt: skip
        for pk in ids:
            for group in chance.sample(groups, GROUPS_EACH):
                members[group.pk].append(pk)
    for group_id, ids in members.items():
        Membership.objects.bulk_create(
            (Membership(group_id=group_id, endpoint_id=pk) for pk in ids), batch_size=BATCH
        )
    recount(list(members))
    user = _grant(groups, members, chance)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return user


def _grant(
    groups: list[ComputerGroup], members: dict[int, list[uuid.UUID]], chance: random.Random
) -> User:
    permission = Permission.objects.get(
        content_type__app_label="endpoints", codename="view_endpoint"
    )
    content_type = ContentType.objects.get_for_model(Endpoint)
    user = User.objects.create_user("ada")
    for number in range(ROLES):
        role = Role.objects.create(name=f"Role {number}")
        role.permissions.add(permission)
        granted = chance.sample(groups, GRANTED if number == 0 else 5)
        set_role_reach(role, [group.pk for group in granted], actor=Actor("bench"), now=NOW)
        reached = set().union(*(members[group.pk] for group in granted))
        GroupObjectPermission.objects.bulk_create(
            (
                GroupObjectPermission(
                    group=role, permission=permission, content_type=content_type, object_pk=str(pk)
                )
                for pk in reached
            ),
            batch_size=BATCH,
        )
        if number == 0:
            user.groups.add(role)
    return user


def _milliseconds(read: Callable[[], Any]) -> float:
    began = time.perf_counter()
    read()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
