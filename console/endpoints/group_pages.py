"""The pages of computer groups: list, editor, members, explanation, delete."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.core.admin import ReadOnlyAdmin, page_in_shell, state_label
from console.core.exceptions import InvalidInput, NotFound, VedetteError
from console.core.requests import actor_of
from console.endpoints.evaluation import current_rules
from console.endpoints.explanation import Reason, explain
from console.endpoints.forms import GroupForm
from console.endpoints.groups import (
    GroupDraft,
    change_group,
    create_group,
    delete_group,
    may_change,
    uses_of,
)
from console.endpoints.models import ComputerGroup, Endpoint
from console.endpoints.selectors import endpoint_visible_to, endpoints_visible_to
from console.endpoints.trial import choices_for, read_rule_of
from console.endpoints.visible_groups import (
    VIEW,
    group_visible_to,
    groups_visible_to,
    members_visible_to,
    roles_by_group,
)
from sensors.exceptions import SensorsError
from sensors.language import filter_to_json

MEMBERS_SHOWN = 200

LEADS: dict[str, str] = {
    ComputerGroup.Kind.ALL: "Every endpoint that is enrolled, those that come later included.",
    ComputerGroup.Kind.NONE: "No endpoint, ever: for a role that is to reach nothing.",
    ComputerGroup.Kind.FILTER: "Endpoints join and leave by themselves, as the rule says.",
    ComputerGroup.Kind.MANUAL: "Endpoints stay in it until somebody takes them out.",
}


class GroupChangeList(ChangeList):
    """A page of groups with the roles that reach them, asked for all rows at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then roles and what is wrong with rules."""
        super().get_results(request)
        roles, problems = roles_by_group(request.user), current_rules().problems
        self.result_list = list(self.result_list)
        for group in self.result_list:
            # For the columns: the list shows model instances only.
            vars(group)["roles"] = roles.get(group.pk, [])
            vars(group)["problem"] = problems.get(group.pk, "")


class GroupAdmin(ReadOnlyAdmin):
    """Groups are changed in their own editor, by services."""

    list_display = ("title", "sort", "rule_text", "members", "used_by")
    list_filter = ("kind",)
    search_fields = ("name", "description", "rule")
    search_help_text = "Search name, description, rule"
    ordering = ("name",)
    list_per_page = 100
    add_title = "New group"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to add."""
        return request.user.has_perm("endpoints.add_computergroup")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may know of."""
        return groups_visible_to(request.user)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows roles."""
        return GroupChangeList

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of one group, before the catch-all of the admin."""
        view = self.admin_site.admin_view
        own = [
            path(
                "<int:group_id>/explain/",
                view(self.explain_view),
                name="endpoints_computergroup_explain",
            ),
        ]
        inherited: list[URLPattern] = super().get_urls()
        return own + inherited

    # ------------------------------------------------------------ columns

    @admin.display(description="Name", ordering="name")
    def title(self, group: ComputerGroup) -> SafeString:
        """Show the name, and what the group is for."""
        return format_html(
            '<span class="v-strong">{}</span><br><span class="v-help">{}</span>',
            group.name,
            group.description,
        )

    @admin.display(description="Kind", ordering="kind")
    def sort(self, group: ComputerGroup) -> SafeString:
        """Show how endpoints come into it."""
        return state_label(group.get_kind_display())

    @admin.display(description="Rule")
    def rule_text(self, group: ComputerGroup) -> SafeString | str:
        """Show the beginning of the rule, and that it cannot be read."""
        if group.kind != ComputerGroup.Kind.FILTER:
            return "-"
        shown = group.rule if len(group.rule) <= 120 else f"{group.rule[:120]}…"
        text = format_html('<span class="v-mono">{}</span>', shown)
        if vars(group).get("problem"):
            return format_html("{}<br>{}", text, state_label("Not evaluated", "alarm"))
        return text

    @admin.display(description="Members", ordering="reached_count")
    def members(self, group: ComputerGroup) -> SafeString | str:
        """Show how many members the user reaches."""
        if group.evaluated_at is None and group.kind == ComputerGroup.Kind.FILTER:
            return state_label("Finding members", "warn")
        return f"{vars(group).get('reached_count', 0):,}"

    @admin.display(description="Reached by")
    def used_by(self, group: ComputerGroup) -> SafeString | str:
        """Name the roles that reach it."""
        roles = vars(group).get("roles", [])
        return format_html_join(" ", '<span class="v-chip">{}</span>', ((r,) for r in roles)) or "-"

    # ------------------------------------------------------------ pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make a group."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = request.POST.get("kind", request.GET.get("kind", ComputerGroup.Kind.FILTER))
        form = GroupForm(request.POST or None, initial={"kind": kind})
        if request.method == "POST" and form.is_valid():
            saved = self._save(request, form, None)
            if saved is not None:
                return self._saved(request, saved)
        return self._editor(request, form, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a group with its members; change it, for who may."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        group = self._group(request, object_id)
        if request.method != "POST":
            if request.GET.get("part") == "members":
                context = {"group": group, **_shown_members(request, group)}
                return TemplateResponse(request, "endpoints/group_members.html", context)
            return self._editor(request, GroupForm(initial=_fields_of(request, group)), group)
        if not request.user.has_perm("endpoints.change_computergroup"):
            raise PermissionDenied
        sent = request.POST.copy()
        sent["kind"] = group.kind
        form = GroupForm(sent)
        if form.is_valid():
            saved = self._save(request, form, group)
            if saved is not None:
                return self._saved(request, saved)
        return self._editor(request, form, group)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, then delete a group that nothing uses."""
        if not self._may(request, "view", "delete"):
            raise PermissionDenied
        group = self._group(request, object_id)
        if request.method == "POST":
            try:
                delete_group(group, actor=actor_of(request), now=timezone.now())
            except VedetteError as refusal:
                messages.error(request, refusal.detail)
            else:
                messages.success(request, f"The group “{group.name}” was deleted.")
                return HttpResponseRedirect(reverse("admin:endpoints_computergroup_changelist"))
        context = {
            "title": f"Delete {group.name}",
            "opts": self.opts,
            "group": group,
            "members": vars(group)["reached_count"],
            "uses": uses_of(group, request.user),  # type: ignore[arg-type]  # admin pages have users
        }
        return page_in_shell(request, "endpoints/group_delete.html", context)

    def explain_view(self, request: HttpRequest, group_id: int) -> HttpResponse:
        """Say why an endpoint (`?endpoint=`) is, or is not, in a group."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        group = self._group(request, str(group_id))
        wanted = request.GET.get("endpoint", "").strip()
        endpoint, problem = _endpoint_called(request, wanted) if wanted else (None, "")
        context = {
            "title": f"Why in {group.name}?",
            "opts": self.opts,
            "group": group,
            "wanted": endpoint.host_name if endpoint else wanted,
            "endpoint": endpoint,
            "problem": problem,
            "is_member": endpoint is not None
            and members_visible_to(request.user, group).filter(pk=endpoint.pk).exists(),
            "lines": _lines(explain(group, endpoint, user=request.user)) if endpoint else [],  # type: ignore[arg-type]  # admin pages have users
        }
        return page_in_shell(request, "endpoints/group_explain.html", context)

    # ------------------------------------------------------------ own

    def _may(self, request: HttpRequest, *verbs: str) -> bool:
        return all(request.user.has_perm(f"endpoints.{verb}_computergroup") for verb in verbs)

    def _group(self, request: HttpRequest, object_id: str) -> ComputerGroup:
        try:
            return group_visible_to(request.user, int(object_id))
        except (ValueError, NotFound) as error:
            raise Http404("There is no such computer group.") from error

    def _save(
        self, request: HttpRequest, form: GroupForm, group: ComputerGroup | None
    ) -> ComputerGroup | None:
        actor, now = actor_of(request), timezone.now()
        try:
            draft = _draft(request, form)
            if group is None:
                return create_group(draft, actor=actor, now=now)
            return change_group(group, draft, actor=actor, now=now)
        except InvalidInput as refusal:
            form.refuse(refusal)
        except VedetteError as refusal:
            form.add_error(None, refusal.detail)
        return None

    def _saved(self, request: HttpRequest, group: ComputerGroup) -> HttpResponse:
        waits = group.evaluated_at is None
        messages.success(
            request,
            f"“{group.name}” was saved{'; its members are being found' if waits else ''}.",
        )
        if not self.has_view_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        return HttpResponseRedirect(
            reverse("admin:endpoints_computergroup_change", args=[group.pk])
        )

    def _editor(
        self, request: HttpRequest, form: GroupForm, group: ComputerGroup | None
    ) -> HttpResponse:
        is_new = group is None
        kind = form["kind"].value() if group is None else group.kind
        context = {
            "title": "New group" if group is None else group.name,
            "opts": self.opts,
            "form": form,
            "group": group,
            "kind": kind,
            "lead": LEADS.get(kind, ""),
            **({} if group is None else _shown_members(request, group)),
            "roles": [] if group is None else roles_by_group(request.user).get(group.pk, []),
            "problem": "" if group is None else current_rules().problems.get(group.pk, ""),
            "may_change": is_new
            or (self._may(request, "change") and may_change(group, request.user)),  # type: ignore[arg-type]  # not new, logged in
            "may_delete": not is_new and self._may(request, "delete") and kind in _OWN_KINDS,
            "members_json": {} if group is None else _names_of(request, group),
            "rule_form": _form_of(request, form),
            "choices": choices_for(request.user)  # type: ignore[arg-type]  # admin pages have users
            if kind == ComputerGroup.Kind.FILTER
            else [],
        }
        response = page_in_shell(request, "endpoints/group.html", context)
        if form.errors:
            response.status_code = HTTPStatus.BAD_REQUEST
        return response


_OWN_KINDS = (ComputerGroup.Kind.FILTER, ComputerGroup.Kind.MANUAL)


def _fields_of(request: HttpRequest, group: ComputerGroup) -> dict[str, Any]:
    members = members_visible_to(request.user, group).order_by("host_name")
    is_manual = group.kind == ComputerGroup.Kind.MANUAL
    return {
        "name": group.name,
        "kind": group.kind,
        "description": group.description,
        "rule": group.rule,
        "members": "\n".join(str(pk) for pk in members.values_list("pk", flat=True))
        if is_manual
        else "",
    }


def _shown_members(request: HttpRequest, group: ComputerGroup) -> dict[str, Any]:
    members = members_visible_to(request.user, group).order_by("host_name", "pk")
    shown = members.only("pk", "host_name", "os", "os_name", "os_version")[:MEMBERS_SHOWN]
    return {
        "members": list(shown),
        "member_count": vars(group)["reached_count"],
        "is_waiting": group.evaluated_at is None,
    }


def _names_of(request: HttpRequest, group: ComputerGroup) -> dict[str, str]:
    if group.kind != ComputerGroup.Kind.MANUAL:
        return {}
    members = members_visible_to(request.user, group).values_list("pk", "host_name")
    return {str(pk): name for pk, name in members}


def _draft(request: HttpRequest, form: GroupForm) -> GroupDraft:
    fields = form.cleaned_data
    if fields["kind"] == ComputerGroup.Kind.FILTER:
        # With this user's names: what is hidden from them is refused as unknown.
        read_rule_of(request.user, text=fields["rule"])  # type: ignore[arg-type]  # admin pages have users
    return GroupDraft(
        name=fields["name"],
        kind=fields["kind"],
        description=fields["description"],
        rule=fields["rule"],
        members=_chosen(request, form) if fields["kind"] == ComputerGroup.Kind.MANUAL else (),
    )


def _chosen(request: HttpRequest, form: GroupForm) -> list[UUID]:
    """Find the endpoints that are named, one a line, by name or id."""
    named = [line.strip() for line in form.cleaned_data["members"].splitlines() if line.strip()]
    visible = endpoints_visible_to(request.user).filter(revoked_at=None)
    by_name: dict[str, list[UUID]] = {}
    for pk, name in visible.values_list("pk", "host_name"):
        by_name.setdefault(name.casefold(), []).append(pk)
        by_name[str(pk)] = [pk]
    unknown = [name for name in named if name.casefold() not in by_name]
    if unknown:
        shown = ", ".join(f"“{name[:64]}”" for name in unknown[:10])
        raise InvalidInput(
            "The group was not saved.", errors={"members": [f"There is no endpoint {shown}."]}
        )
    # Names need not be unique: whoever is called so is meant.
    return [pk for name in dict.fromkeys(named) for pk in by_name[name.casefold()]]


def _endpoint_called(request: HttpRequest, name: str) -> tuple[Endpoint | None, str]:
    try:
        return endpoint_visible_to(request.user, UUID(name), permission=VIEW), ""
    except (ValueError, NotFound):
        found = endpoints_visible_to(request.user).filter(host_name__iexact=name)
    endpoint = found.order_by("revoked_at", "pk").first()
    return endpoint, "" if endpoint else f"There is no endpoint “{name[:128]}”."


def _form_of(request: HttpRequest, form: GroupForm) -> dict[str, Any] | None:
    text = form["rule"].value() or ""
    try:
        return filter_to_json(read_rule_of(request.user, text=text))  # type: ignore[arg-type]  # admin pages have users
    except (VedetteError, SensorsError):
        return None


def _lines(reason: Reason, depth: int = 0) -> list[dict[str, Any]]:
    """Lay a tree of reasons out as lines with their depth."""
    words = {True: ("True", "good"), False: ("False", ""), None: ("Not known", "warn")}
    word, tone = words[reason.holds]
    own = {"reason": reason, "depth": depth, "word": word, "tone": tone}
    return [own, *(line for part in reason.parts for line in _lines(part, depth + 1))]
