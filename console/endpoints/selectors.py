"""Read endpoints: who may see which, and how they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from console.access.models import User
from console.core.exceptions import NotFound
from console.core.redis import client
from console.endpoints import presence
from console.endpoints.member_sets import reached_members
from console.endpoints.models import Endpoint
from console.endpoints.reach import reach_of

VIEW: Final = "endpoints.view_endpoint"
REVOKE: Final = "endpoints.revoke_endpoint"


@dataclass(frozen=True, slots=True)
class EndpointStanding:
    """An endpoint and whether it is online; `heard_at` is epoch seconds, None when offline."""

    endpoint: Endpoint
    is_online: bool
    heard_at: float | None = None
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """How many endpoints are enrolled and not revoked, and how many of them are online."""

    enrolled: int
    online: int


def endpoints_visible_to(user: User | AnonymousUser) -> QuerySet[Endpoint]:
    """Return the endpoints that this user may see, with their certificates."""
    return reach_of(user, VIEW).endpoints(Endpoint.objects.select_related("certificate"))


def endpoint_visible_to(
    user: User | AnonymousUser, endpoint_id: UUID, *, permission: str = VIEW
) -> Endpoint:
    """Return one endpoint that this user may see, and do there what `permission` names.

    Raises `NotFound`, whether there is none or the user may not.
    """
    allowed = reach_of(user, permission).endpoints(endpoints_visible_to(user))
    endpoint: Endpoint | None = allowed.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("There is no such endpoint.")
    return endpoint


def standings_of(endpoints: Iterable[Endpoint], *, now: datetime) -> list[EndpointStanding]:
    """Return the endpoints in the same order with their presence, asked for all at once."""
    listed = list(endpoints)
    with client() as redis:
        present = presence.presence_of(
            redis, [endpoint.pk for endpoint in listed], now=now.timestamp()
        )
    return [_standing(endpoint, present.get(endpoint.pk)) for endpoint in listed]


def count_endpoints(user: User | AnonymousUser, *, now: datetime) -> EndpointCounts:
    """Count the endpoints that this user may see."""
    members = reached_members(reach_of(user, VIEW))
    with client() as redis:
        online = presence.all_online_ids(redis, now=now.timestamp())
    return EndpointCounts(enrolled=len(members), online=members.count_of(online))


def count_listed(user: User | AnonymousUser) -> int:
    """Count all that `endpoints_visible_to` returns: the revoked, too, for who sees everything."""
    reach = reach_of(user, VIEW)
    return Endpoint.objects.count() if reach.everything else len(reached_members(reach))


def _standing(endpoint: Endpoint, present: presence.Presence | None) -> EndpointStanding:
    if present is None or endpoint.revoked_at is not None:
        return EndpointStanding(endpoint, is_online=False)
    return EndpointStanding(endpoint, True, present.heard_at, present.gateway)
