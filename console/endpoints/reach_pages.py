"""The computer groups of a role: what pages of roles show of them, and where they are chosen.

Choosing asks for the administrator's own password (AC-05): it decides what others may see.
"""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from console.access.forms import ConfirmedForm
from console.access.models import Role
from console.access.reach_notes import ReachedGroup, ReachNote, ReachPane
from console.core.exceptions import VedetteError
from console.core.requests import actor_of
from console.endpoints.models import ComputerGroup, ComputerGroupGrant, Endpoint
from console.endpoints.reach import REACH, Reach
from console.endpoints.role_reach import set_role_reach

TEMPLATE = "endpoints/role_reach.html"


def notes_of_roles(roles: Collection[int]) -> dict[int, ReachNote]:
    """Say of each role which groups, and how many endpoints, it reaches."""
    grants = ComputerGroupGrant.objects.filter(
        group__in=roles, permission__codename=REACH
    ).select_related("content_object")
    groups: dict[int, list[ComputerGroup]] = {}
    for grant in grants.order_by("content_object__name"):
        groups.setdefault(grant.group_id, []).append(grant.content_object)
    return {role: _note(granted) for role, granted in groups.items()}


def pane_of_role(request: HttpRequest, role: Role) -> ReachPane:
    """Return the pane in which the groups of a role are chosen."""
    granted = set(
        ComputerGroupGrant.objects.filter(group=role, permission__codename=REACH).values_list(
            "content_object_id", flat=True
        )
    )
    context = {
        "groups": ComputerGroup.objects.order_by("name"),
        "chosen": granted,
        "action": reverse("endpoints-role-reach", args=[role.pk]),
        "form": ConfirmedForm(request=request, prefix="reach"),
    }
    return ReachPane(TEMPLATE, context)


def save_role_reach(request: HttpRequest, role_id: int) -> HttpResponse:
    """Let a role reach the chosen groups, the administrator's password given."""
    if request.method != "POST" or not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
    role = Role.objects.filter(pk=role_id).first()
    if role is None:
        raise Http404("There is no such role.")
    form = ConfirmedForm(request.POST, request=request, prefix="reach")
    chosen = [int(text) for text in request.POST.getlist("groups") if text.isdecimal()]
    if not form.is_valid():
        messages.error(request, "The groups were not changed: this is not your password.")
    else:
        try:
            groups = set_role_reach(role, chosen, actor=actor_of(request), now=timezone.now())
        except VedetteError as refusal:
            messages.error(request, refusal.detail)
        else:
            names = ", ".join(group.name for group in groups) or "no computers"
            messages.success(request, f"“{role.name}” reaches {names}.")
    address = reverse("admin:access_role_change", args=[role.pk])
    return HttpResponseRedirect(f"{address}#reach")


def _note(groups: list[ComputerGroup]) -> ReachNote:
    if any(group.kind == ComputerGroup.Kind.ALL for group in groups):
        enrolled = Endpoint.objects.filter(revoked_at=None).count()
        return ReachNote(everything=True, endpoints=enrolled, groups=_listed(groups))
    reach = Reach(group_ids=frozenset(group.pk for group in groups))
    counted = reach.endpoints(Endpoint.objects.all()).aggregate(number=Count("pk"))["number"]
    return ReachNote(endpoints=counted, groups=_listed(groups))


def _listed(groups: list[ComputerGroup]) -> tuple[ReachedGroup, ...]:
    return tuple(
        ReachedGroup(
            name=group.name,
            endpoints=group.member_count,
            url=reverse("admin:endpoints_computergroup_change", args=[group.pk]),
        )
        for group in groups
    )
