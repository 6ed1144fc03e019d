"""The pages of users, and what they may do."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from console.access.administrators import (
    administrators,
    keep_an_administrator,
    lock_administrators,
)
from console.access.effective import effective_access, explain
from console.access.exceptions import LastAdministrator
from console.access.forms import GuardedUserForm
from console.access.models import Role, User
from console.access.role_pages import AdministratorsOnly, RoleAdmin, number_of
from console.access.roles import set_user_roles
from console.audit.services import record_audit_event
from console.core.admin import page_in_shell
from console.core.instants import show_instant
from console.core.requests import actor_of

admin.site.unregister(Group)
if admin.site.is_registered(AuthToken):
    admin.site.unregister(AuthToken)
admin.site.register(Role, RoleAdmin)


POWERS: Final = {
    "is_active": ("Active", "May use the console and the API at all."),
    "is_staff": ("Web console", "May log in here; without it, the account is for the API alone."),
    "is_superuser": ("Administrator", "May do everything, everywhere, whatever the roles below."),
}


@admin.register(User)
class UserAdmin(AdministratorsOnly, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # Unfold ships no types
    """Who may use the console."""

    form = GuardedUserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "time_zone")}),
        (
            "Access",
            {
                "fields": (
                    "is_active",
                    "is_staff",
                    "is_superuser",
                    "roles",
                    "own_password",
                    "access",
                )
            },
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("access", "last_login", "date_joined")
    filter_horizontal = ()
    list_display = ("username", "email", "active", "role_names", "access", "last_seen")
    list_filter = ("is_active", "is_superuser", "groups")
    search_help_text = "Search user name, name, e-mail address"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Fetch the roles of all users of a page at once."""
        return super().get_queryset(request).prefetch_related("groups")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Let the form know whose password it has to ask for."""
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        return type(made.__name__, (made,), {"request": request})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that say what somebody may do."""
        view = self.admin_site.admin_view
        own = [
            path("own-access/", view(self.own_access_view), name="access_user_own_access"),
            path("<int:user_id>/access/", view(self.access_view), name="access_user_access"),
        ]
        inherited: list[URLPattern] = super().get_urls()
        return own + inherited

    # ------------------------------------------------------------ columns

    @admin.display(description="Active", ordering="is_active", boolean=True)
    def active(self, user: User) -> bool:
        """Show whether the user may log in."""
        return user.is_active

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        """Show what the user may do, in one line."""
        names = ["Administrator"] if user.is_superuser else []
        return ", ".join(names + sorted(group.name for group in user.groups.all())) or "none"

    @admin.display(description="Effective access")
    def access(self, user: User) -> SafeString:
        """Lead to everything that the user may do."""
        address = reverse("admin:access_user_access", args=[user.pk])
        return format_html('<a class="v-link" href="{}">What {} may do</a>', address, user.username)

    @admin.display(description="Last login", ordering="last_login")
    def last_seen(self, user: User) -> SafeString | str:
        """Show when the user logged in last."""
        return show_instant(user.last_login, now=timezone.now())

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Name the powers after what they mean here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in POWERS:
            field.label, field.help_text = POWERS[db_field.name]
        return field

    # ------------------------------------------------------------ changes

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Store the user; a new one may log in, and see what its roles let it see."""
        if not change:
            obj.is_staff = True
        lock_administrators()
        super().save_model(request, obj, form, change)
        keep_an_administrator()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give the user the chosen roles."""
        super().save_related(request, form, formsets, change)
        if "roles" in form.cleaned_data:
            set_user_roles(
                form.instance,
                form.cleaned_data["roles"],
                actor=actor_of(request),
                now=timezone.now(),
            )

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Give a user another password, in one transaction with its audit row."""
        takes_it = request.POST.get("usable_password") == "false"
        if takes_it and not administrators().exclude(pk=number_of(id)).exists():
            messages.error(request, LastAdministrator().detail)
            return HttpResponseRedirect(request.path)
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
        return response

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "user.create", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "user.change", obj, message)
        return super().log_change(request, obj, message)

    # ------------------------------------------------------------ effective access

    def own_access_view(self, request: HttpRequest) -> HttpResponse:
        """Show users what they may do themselves."""
        return _access_page(request, request.user)

    def access_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Show administrators what somebody may do."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = User.objects.filter(pk=user_id).first()
        if user is None:
            raise Http404("There is no such user.")
        return _access_page(request, user)


def _access_page(request: HttpRequest, user: Any) -> HttpResponse:
    words = request.GET.get("q", "")[:200]
    is_own = user.pk == request.user.pk
    may_administer = getattr(request.user, "is_superuser", False)
    context = {
        "title": "Your access" if is_own else f"Access of {user}",
        "access": effective_access(user),
        "is_own": is_own,
        "words": words,
        "explanations": explain(user, words, names_roles=may_administer),
        "may_administer": may_administer,
        "now": timezone.now(),
    }
    return page_in_shell(request, "access/effective.html", context)


def _audit(request: HttpRequest, action: str, user: User, message: Any) -> None:
    powers = ("is_active", "is_staff", "is_superuser")
    detail = {"changes": message, **{name: getattr(user, name) for name in powers}}
    record_audit_event(
        actor=actor_of(request), action=action, subject=user, detail=detail, now=timezone.now()
    )
