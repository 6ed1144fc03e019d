"""The pages of endpoints: list, one endpoint, add, revoke."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import (
    ALL_VAR,
    ERROR_FLAG,
    ORDER_VAR,
    PAGE_VAR,
    ChangeList,
)
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.certificates.exceptions import EnrolmentTokenRefused
from console.certificates.services import create_enrolment_token
from console.core.admin import ReadOnlyAdmin, page_in_shell, state_label
from console.core.exceptions import InvalidInput, NotFound
from console.core.instants import how_long_ago, show_instant
from console.core.paging import KnownPaginator
from console.core.requests import actor_of
from console.endpoints.addresses import name_for_others
from console.endpoints.exceptions import EndpointRevoked
from console.endpoints.forms import AddEndpointForm, RevokeEndpointForm
from console.endpoints.group_pages import GroupAdmin
from console.endpoints.installer import install_command, install_command_without_curl
from console.endpoints.label_pages import LabelAdmin, ask_for_labels, label_chips
from console.endpoints.labels import CHANGE, labels_visible_to
from console.endpoints.models import ComputerGroup, Endpoint, Label
from console.endpoints.reach import reach_of
from console.endpoints.selectors import (
    REVOKE,
    VIEW,
    count_listed,
    endpoint_visible_to,
    endpoints_visible_to,
    standings_of,
)
from console.endpoints.services import hand_out_installer, revoke_endpoint
from console.endpoints.standing import (
    describe_counters,
    describe_sources,
    health_of,
    instant_of,
)
from console.endpoints.visible_groups import groups_visible_to
from console.modules import endpoint_operations

# Words of the list's address that leave all endpoints in it.
_NOT_NARROWING: Final = frozenset({ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR})

admin.site.register(ComputerGroup, GroupAdmin)
admin.site.register(Label, LabelAdmin)


class LabelFilter(admin.SimpleListFilter):
    """Endpoints with one label, of the labels that the user may see."""

    title = "label"
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the labels by name."""
        labels = labels_visible_to(request.user).order_by("name")
        return [(str(label.pk), label.name) for label in labels]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep those with the chosen label."""
        chosen = {key for key, _ in self.lookup_choices} & {self.value()}
        return queryset.filter(labels__in=chosen) if self.value() else queryset


class GroupFilter(admin.SimpleListFilter):
    """Endpoints of one computer group, of the groups that the user may know."""

    title = "computer group"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the groups by name."""
        groups = groups_visible_to(request.user).order_by("name")
        return [(str(group.pk), group.name) for group in groups]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep the members of the chosen group."""
        chosen = {key for key, _ in self.lookup_choices} & {self.value()}
        return queryset.filter(memberships__group__in=chosen) if self.value() else queryset


class EndpointChangeList(ChangeList):
    """A page of endpoints with their presence, asked for all rows at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then its presence."""
        super().get_results(request)
        standings = standings_of(self.result_list, now=timezone.now())
        for standing in standings:
            # For the column `presence`: the list shows model instances only.
            vars(standing.endpoint)["standing"] = standing
        self.result_list = [standing.endpoint for standing in standings]


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Endpoints are enrolled and revoked, never typed in."""

    empty_title = "No endpoint yet"
    empty_text = "One line on each computer installs the agent and lets it join this console."
    add_title = "Add endpoint"
    list_display = (
        *("name", "presence", "label_list", "system", "network", "health", "intel", "last_seen"),
    )
    list_filter = ("os", LabelFilter, GroupFilter, ("revoked_at", admin.EmptyFieldListFilter))
    actions = ("label_chosen",)
    search_fields = ("host_name", "os_name", "addresses", "machine_id")
    search_help_text = "Search name, operating system, address"
    list_per_page = 50
    ordering = ("host_name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Adding an endpoint means making a token with which it joins."""
        return request.user.has_perm("certificates.add_enrolmenttoken")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may see."""
        return endpoints_visible_to(request.user).prefetch_related("labels")

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Count the list exactly while nothing narrows it; that needs no row."""
        if request.GET.keys() <= _NOT_NARROWING:
            return KnownPaginator(queryset, per_page, length=count_listed(request.user))
        return super().get_paginator(request, queryset, per_page, *args, **kwargs)

    def has_label_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may put labels on endpoints."""
        return request.user.has_perm("endpoints.change_label")

    @admin.action(description="Label …", permissions=["label"])
    def label_chosen(self, request: HttpRequest, chosen: Any) -> HttpResponse:
        """Ask which labels the chosen endpoints get and lose."""
        return ask_for_labels(request, chosen)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows presence."""
        return EndpointChangeList

    def get_urls(self) -> list[URLPattern]:
        """Add the operations of one endpoint, before the catch-all of the admin."""
        own = [
            path(
                "add/installer/",
                self.admin_site.admin_view(self.installer_view),
                name="endpoints_endpoint_installer",
            ),
            path(
                "<uuid:endpoint_id>/status/",
                self.admin_site.admin_view(self.status_view),
                name="endpoints_endpoint_status",
            ),
            path(
                "<uuid:endpoint_id>/revoke/",
                self.admin_site.admin_view(self.revoke_view),
                name="endpoints_endpoint_revoke",
            ),
        ]
        inherited: list[URLPattern] = super().get_urls()
        return own + inherited

    # ------------------------------------------------------------ columns

    @admin.display(description="Name", ordering="host_name")
    def name(self, endpoint: Endpoint) -> SafeString:
        """Show the host name and the agent's version."""
        return format_html(
            '<span class="v-strong">{}</span><br><span class="v-help">agent {}</span>',
            endpoint.host_name,
            endpoint.agent_version or "unknown",
        )

    @admin.display(description="State")
    def presence(self, endpoint: Endpoint) -> SafeString:
        """Show whether it is online."""
        if endpoint.revoked_at is not None:
            return state_label("Revoked", "alarm")
        standing = getattr(endpoint, "standing", None)
        if standing is not None and standing.is_online:
            return state_label("Online", "good")
        return state_label("Offline")

    @admin.display(description="Labels")
    def label_list(self, endpoint: Endpoint) -> SafeString | str:
        """Show the labels."""
        return label_chips(list(endpoint.labels.all())) or "-"

    @admin.display(description="Operating system", ordering="os_name")
    def system(self, endpoint: Endpoint) -> str:
        """Show the operating system with its version."""
        return f"{endpoint.os_name} {endpoint.os_version}".strip() or endpoint.get_os_display()

    @admin.display(description="Addresses")
    def network(self, endpoint: Endpoint) -> SafeString:
        """Show the first addresses."""
        shown = ", ".join(endpoint.addresses[:2])
        more = f" +{len(endpoint.addresses) - 2}" if len(endpoint.addresses) > 2 else ""
        return format_html('<span class="v-mono">{}{}</span>', shown, more)

    @admin.display(description="Health")
    def health(self, endpoint: Endpoint) -> SafeString | str:
        """Show whether recording works; of a revoked endpoint nobody can know."""
        if endpoint.revoked_at is not None:
            return "-"
        health = health_of(endpoint)
        return state_label(health.text, health.tone)

    @admin.display(description="Intel", ordering="intel_revision")
    def intel(self, endpoint: Endpoint) -> str:
        """Show the revision of intel that it evaluates."""
        return f"revision {endpoint.intel_revision}" if endpoint.intel_revision else "none"

    @admin.display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, endpoint: Endpoint) -> SafeString | str:
        """Show when it was heard of last."""
        return show_instant(endpoint.last_seen_at, now=timezone.now())

    # ------------------------------------------------------------ pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make an enrolment token and show, once, how a computer joins with it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AddEndpointForm(request.POST or None)
        context = {
            "title": "Add endpoint",
            "form": form,
            "opts": self.opts,
            "ports": (
                settings.VEDETTE_STATUS_PORT,
                settings.VEDETTE_GATEWAY_PORT,
                settings.VEDETTE_SESSIONS_PORT,
            ),
        }
        if request.method == "POST" and form.is_valid():
            now = timezone.now()
            try:
                created = create_enrolment_token(
                    name=form.cleaned_data["name"],
                    uses=form.cleaned_data["uses"],
                    expires_at=form.expires_at(now=now),
                    actor=actor_of(request),
                    now=now,
                )
            except InvalidInput as refusal:
                form.add_error(None, refusal.detail)
            else:
                name = name_for_others(request)
                context |= {
                    "token": created,
                    "command": install_command(created.plain, name=name),
                    "command_without_curl": install_command_without_curl(created.plain, name=name),
                }
        return page_in_shell(request, "endpoints/add.html", context)

    def installer_view(self, request: HttpRequest) -> HttpResponse:
        """Download the installer for a token that was just shown; the token is not kept here."""
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        try:
            script = hand_out_installer(
                request.POST.get("token", ""),
                name=name_for_others(request),
                actor=actor_of(request),
                now=timezone.now(),
            )
        except EnrolmentTokenRefused as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(reverse("admin:endpoints_endpoint_add"))
        response = HttpResponse(script, content_type="text/x-shellscript")
        response["Content-Disposition"] = 'attachment; filename="vedette-agent-install.sh"'
        response["Cache-Control"] = "no-store"
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one endpoint."""
        endpoint = self._endpoint(request, object_id)
        context = {
            "title": endpoint.host_name,
            "opts": self.opts,
            **self._standing(request, endpoint),
        }
        return page_in_shell(request, "endpoints/endpoint.html", context)

    def status_view(self, request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
        """Return the part of an endpoint's page that changes, for its refresh."""
        endpoint = self._endpoint(request, str(endpoint_id))
        return TemplateResponse(request, "endpoints/status.html", self._standing(request, endpoint))

    def revoke_view(self, request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
        """Ask for the reason and the name, then cut the endpoint off."""
        if not request.user.has_perm(REVOKE):
            raise PermissionDenied
        endpoint = self._endpoint(request, str(endpoint_id), permission=REVOKE)
        form = RevokeEndpointForm(request.POST or None, host_name=endpoint.host_name)
        if request.method == "POST" and form.is_valid():
            try:
                revoke_endpoint(
                    endpoint,
                    reason=form.cleaned_data["reason"],
                    actor=actor_of(request),
                    now=timezone.now(),
                )
            except EndpointRevoked as refusal:
                messages.error(request, refusal.detail)
            else:
                messages.success(
                    request, f"{endpoint.host_name} was revoked; its connections are being closed."
                )
            return HttpResponseRedirect(self._after_revocation(request, endpoint))
        context = {
            "title": f"Revoke {endpoint.host_name}",
            "endpoint": endpoint,
            "form": form,
            "opts": self.opts,
        }
        return page_in_shell(request, "endpoints/revoke.html", context)

    # ------------------------------------------------------------ shared

    def _after_revocation(self, request: HttpRequest, endpoint: Endpoint) -> str:
        # It has left every group: only who reaches everything still sees it.
        if endpoints_visible_to(request.user).filter(pk=endpoint.pk).exists():
            return reverse("admin:endpoints_endpoint_change", args=[endpoint.pk])
        return reverse("admin:endpoints_endpoint_changelist")

    def _endpoint(
        self, request: HttpRequest, object_id: str, *, permission: str = VIEW
    ) -> Endpoint:
        try:
            return endpoint_visible_to(request.user, UUID(object_id), permission=permission)
        except (ValueError, NotFound) as error:
            raise Http404("There is no such endpoint.") from error

    def _standing(self, request: HttpRequest, endpoint: Endpoint) -> dict[str, Any]:
        now = timezone.now()
        [standing] = standings_of([endpoint], now=now)
        return {
            "endpoint": endpoint,
            "standing": standing,
            "labels": list(endpoint.labels.all()),
            "groups": list(groups_of(request, endpoint)),
            "may_label": bool(reach_of(request.user, CHANGE).includes([endpoint.pk])),
            "now": now,
            "operations": _operations(request, endpoint),
            "may_revoke": bool(reach_of(request.user, REVOKE).includes([endpoint.pk])),
            "health": health_of(endpoint),
            "sources": describe_sources(endpoint),
            "counters": describe_counters(endpoint),
            "reported": how_long_ago(endpoint.status_at, now=now) if endpoint.status_at else "",
            "heard": how_long_ago(endpoint.last_seen_at, now=now) if endpoint.last_seen_at else "",
            "report": endpoint.status,
            "agent_started_at": instant_of(endpoint.status.get("started_at")),
            "oldest_event_at": instant_of(endpoint.status.get("store_oldest_at")),
        }


def groups_of(request: HttpRequest, endpoint: Endpoint) -> Any:
    """List the groups of an endpoint that the user may know, by name."""
    groups = groups_visible_to(request.user).filter(memberships__endpoint=endpoint)
    return groups.order_by("name")


def _operations(request: HttpRequest, endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "title": operation.title,
            "icon": operation.icon,
            "url": reverse(operation.url_name, args=[endpoint.pk]),
            "needs_online": operation.needs_online,
        }
        for operation in endpoint_operations()
        if reach_of(request.user, operation.permission).includes([endpoint.pk])
    ]
