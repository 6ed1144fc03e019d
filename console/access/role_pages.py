"""The pages of roles: the list, one role with its matrix, all roles side by side.

Whatever changes what others may do asks for the administrator's own password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.access.exceptions import RoleIsSeeded
from console.access.forms import ConfirmedForm, NewRoleForm, RoleForm
from console.access.grants import GivenPowers
from console.access.models import ContentSet, Role, User
from console.access.reach_notes import ReachNote, pane_of
from console.access.roles import (
    change_role,
    copy_role,
    create_role,
    delete_role,
    is_administrator,
    members_of,
    set_role_members,
)
from console.access.selectors import (
    content_matrix_of,
    content_permissions,
    matrix_of,
    role_lines,
)
from console.core.admin import ReadOnlyAdmin, page_in_shell, state_label
from console.core.exceptions import VedetteError
from console.core.requests import actor_of


class AdministratorsOnly:
    """Only administrators give powers: whoever may edit a user could become one."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the section to administrators."""
        return request.user.is_active and getattr(request.user, "is_superuser", False)

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Let administrators look."""
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let administrators add."""
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Let administrators change."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody: the audit log and sessions speak of users; they are made inactive instead."""
        return False


class RoleChangeList(ChangeList):
    """A page of roles with what they amount to, asked for all rows at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then members, permissions and reach."""
        super().get_results(request)
        lines = {line.role.pk: line for line in role_lines(self.result_list)}
        self.result_list = list(self.result_list)
        for role in self.result_list:
            # For the columns: the list shows model instances only.
            vars(role)["line"] = lines[role.pk]


class RoleAdmin(AdministratorsOnly, ReadOnlyAdmin):
    """Roles are changed on their own page, by services."""

    list_before_template = "access/role_list_head.html"
    list_display = ("title", "origin", "members", "permission_count", "reaches")
    search_fields = ("name", "description")
    search_help_text = "Search name, description"
    ordering = ("name",)
    list_per_page = 100

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows what roles amount to."""
        return RoleChangeList

    def get_urls(self) -> list[URLPattern]:
        """Add the matrix of all roles, before the catch-all of the admin."""
        matrix = path(
            "matrix/", self.admin_site.admin_view(self.matrix_view), name="access_role_matrix"
        )
        inherited: list[URLPattern] = super().get_urls()
        return [matrix, *inherited]

    # ------------------------------------------------------------ columns

    @admin.display(description="Role", ordering="name")
    def title(self, role: Role) -> SafeString:
        """Show the name, and what the role is for."""
        return format_html(
            '<span class="v-strong">{}</span><br><span class="v-help">{}</span>',
            role.name,
            role.description,
        )

    @admin.display(description="Kind", ordering="key")
    def origin(self, role: Role) -> SafeString:
        """Show whether it comes with the console."""
        return state_label("Seeded") if role.key else state_label("Own", "good")

    @admin.display(description="Members")
    def members(self, role: Role) -> str:
        """Show how many users have it."""
        return f"{vars(role)['line'].members:,}"

    @admin.display(description="Permissions")
    def permission_count(self, role: Role) -> str:
        """Show how many named permissions it has."""
        return f"{vars(role)['line'].permissions:,}"

    @admin.display(description="Reaches")
    def reaches(self, role: Role) -> str:
        """Show how many computers it reaches."""
        return reach_text(vars(role)["line"].reach)

    # ------------------------------------------------------------ pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make a role, empty or as a copy of another."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        source = Role.objects.filter(pk=number_of(request.GET.get("copy_of", ""))).first()
        initial = {} if source is None else {"copy_of": source.pk, "name": f"{source.name} (copy)"}
        form = NewRoleForm(request.POST or None, request=request, initial=initial)
        if request.method == "POST" and form.is_valid():
            made = _try(form, lambda: _made(request, form))
            if made is not None:
                messages.success(
                    request, f"{made.name} is there; it has no members and reaches no endpoint yet."
                )
                return HttpResponseRedirect(_address(made))
        context = {"title": "Add role", "form": form, "opts": self.opts}
        return page_in_shell(request, "access/role_add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a role, or change what was posted of it: its powers or its members."""
        role = self._role(request, object_id)
        if request.method != "POST":
            return self._page(request, role)
        if request.POST.get("part") == "members":
            return self._change_members(request, role)
        return self._change_powers(request, role)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask for the password, then delete a role of a user's own."""
        role = self._role(request, object_id)
        form = ConfirmedForm(request.POST or None, request=request)
        if request.method == "POST" and form.is_valid():
            actor, now = actor_of(request), timezone.now()
            if _try(form, lambda: (delete_role(role, actor=actor, now=now), True)):
                messages.success(request, f"{role.name} was deleted.")
                return HttpResponseRedirect(reverse("admin:access_role_changelist"))
        context = {
            "title": f"Delete {role.name}",
            "role": role,
            "members": members_of(role),
            "form": form,
            "opts": self.opts,
        }
        return page_in_shell(request, "access/role_delete.html", context)

    def matrix_view(self, request: HttpRequest) -> HttpResponse:
        """Show all roles side by side."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        roles = list(Role.objects.order_by("pk"))
        # Administrator first, then roles of the users' own, then seeded ones as the guides do.
        roles.sort(key=lambda role: (not is_administrator(role), role.key is not None))
        context = {
            "title": "All roles",
            "opts": self.opts,
            "roles": roles,
            "sections": matrix_of(roles),
            "is_fullwidth": True,
        }
        return page_in_shell(request, "access/role_matrix.html", context)

    # ------------------------------------------------------------ own

    def _role(self, request: HttpRequest, object_id: str) -> Role:
        if not self.has_view_permission(request):
            raise PermissionDenied
        role = Role.objects.filter(pk=number_of(object_id)).first()
        if role is None:
            raise Http404("There is no such role.")
        return role

    def _change_powers(self, request: HttpRequest, role: Role) -> HttpResponse:
        if role.key is not None:
            messages.error(request, RoleIsSeeded(role.name).detail)
            return HttpResponseRedirect(_address(role))
        form = RoleForm(request.POST, request=request)
        powers = _posted_powers(request.POST)
        if form.is_valid():
            changed = _try(
                form,
                lambda: change_role(
                    role,
                    name=form.cleaned_data["name"],
                    description=form.cleaned_data["description"],
                    powers=powers,
                    actor=actor_of(request),
                    now=timezone.now(),
                ),
            )
            if changed is not None:
                messages.success(request, f"{changed.name} was changed. It acts at once.")
                return HttpResponseRedirect(_address(role))
        return self._page(request, role, form=form, wished=powers)

    def _change_members(self, request: HttpRequest, role: Role) -> HttpResponse:
        form = ConfirmedForm(request.POST, request=request, prefix="members")
        chosen = {number_of(text) for text in request.POST.getlist("members")}
        actor, now = actor_of(request), timezone.now()
        if form.is_valid():
            users = list(User.objects.filter(pk__in=chosen))
            if _try(form, lambda: (set_role_members(role, users, actor=actor, now=now), True)):
                messages.success(request, f"The members of {role.name} were changed.")
                return HttpResponseRedirect(f"{_address(role)}#members")
        return self._page(request, role, members_form=form, chosen=chosen)

    def _page(
        self,
        request: HttpRequest,
        role: Role,
        *,
        form: RoleForm | None = None,
        wished: GivenPowers | None = None,
        members_form: ConfirmedForm | None = None,
        chosen: Iterable[int | None] | None = None,
    ) -> HttpResponse:
        [line] = role_lines([role])
        stored = {user.pk for user in members_of(role)}
        context = {
            "title": role.name,
            "opts": self.opts,
            "role": role,
            "line": line,
            "reach": reach_text(line.reach),
            "form": form
            or RoleForm(
                request=request, initial={"name": role.name, "description": role.description}
            ),
            "is_editable": role.key is None,
            "sections": matrix_of([role], wished),
            "content_columns": content_permissions(),
            "content_lines": content_matrix_of(role, wished),
            "members_form": members_form or ConfirmedForm(request=request, prefix="members"),
            "users": User.objects.order_by("-is_active", "username"),
            "chosen": stored if chosen is None else set(chosen),
            "pane": None if line.is_administrator else pane_of(request, role),
            "is_fullwidth": True,
        }
        return page_in_shell(request, "access/role.html", context)


def reach_text(note: ReachNote) -> str:
    """Say in a few words which endpoints a role reaches."""
    if note.everything:
        return "all computers"
    if not note.groups:
        return "no computers"
    return f"{note.endpoints:,} computer{'' if note.endpoints == 1 else 's'}"


def _made(request: HttpRequest, form: NewRoleForm) -> Role:
    fields, actor, now = form.cleaned_data, actor_of(request), timezone.now()
    if fields["copy_of"] is None:
        return create_role(
            name=fields["name"],
            description=fields["description"],
            powers=GivenPowers(),
            actor=actor,
            now=now,
        )
    return copy_role(
        fields["copy_of"],
        name=fields["name"],
        description=fields["description"] or None,
        actor=actor,
        now=now,
    )


def _try(form: ConfirmedForm, change: Callable[[], Any]) -> Any:
    """Return what the change returns, or None when it was refused: the form then says why."""
    try:
        return change()
    except VedetteError as refusal:
        known = {name: texts for name, texts in refusal.errors.items() if name in form.fields}
        for name, texts in known.items():
            form.add_error(name, texts)
        if not known:
            others = [text for texts in refusal.errors.values() for text in texts]
            form.add_error(None, others or refusal.detail)
        return None


def _posted_powers(posted: QueryDict) -> GivenPowers:
    names = dict(ContentSet.objects.values_list("pk", "name"))
    pairs = (text.partition(":") for text in posted.getlist("content"))
    return GivenPowers(
        frozenset(posted.getlist("permissions")),
        frozenset((names.get(number_of(number), number), key) for number, _, key in pairs),
    )


def number_of(text: str) -> int:
    """Read a number of a row; what is no number is the number of nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _address(role: Role) -> str:
    return reverse("admin:access_role_change", args=[role.pk])
