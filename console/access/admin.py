"""The pages of users and groups, in the console's looks."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from console.access.models import User
from console.audit.services import record_audit_event
from console.core.instants import show_instant
from console.core.requests import actor_of

admin.site.unregister(Group)
if admin.site.is_registered(AuthToken):
    admin.site.unregister(AuthToken)


POWERS: Final = {
    "is_active": ("Active", "May use the console and the API at all."),
    "is_staff": ("Web console", "May log in here; without it, the account is for the API alone."),
    "is_superuser": ("Administrator", "May do everything, without any permission given below."),
}


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


class GuardedUserForm(UserChangeForm):  # type: ignore[misc]  # Unfold ships no types
    """Changes a user, but never leaves the console without an administrator."""

    def clean(self) -> dict[str, Any]:
        """Refuse to take the powers of the last active administrator."""
        fields: dict[str, Any] = super().clean() or self.cleaned_data
        stays = fields.get("is_superuser") and fields.get("is_active")
        others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=self.instance.pk)
        if not stays and not others.exists():
            raise ValidationError("Nobody could administer the console after this.")
        return fields


@admin.register(User)
class UserAdmin(AdministratorsOnly, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # Unfold ships no types
    """Who may use the console."""

    form = GuardedUserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "active", "administrator", "last_seen")
    list_filter = ("is_active", "is_superuser", "groups")
    search_help_text = "Search user name, name, e-mail address"

    @admin.display(description="Active", ordering="is_active", boolean=True)
    def active(self, user: User) -> bool:
        """Show whether the user may log in."""
        return user.is_active

    @admin.display(description="Administrator", ordering="is_superuser", boolean=True)
    def administrator(self, user: User) -> bool:
        """Show whether the user may do everything."""
        return user.is_superuser

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

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Store the user; a new one may log in, and see what its permissions let it see."""
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Give a user another password, in one transaction with its audit row."""
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


@admin.register(Group)
class GroupAdmin(AdministratorsOnly, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # Unfold ships no types
    """Sets of permissions that users share."""

    def log_addition(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "group.create", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "group.change", obj, message)
        return super().log_change(request, obj, message)


def _audit(request: HttpRequest, action: str, subject: User | Group, message: Any) -> None:
    detail: dict[str, Any] = {"changes": message}
    if isinstance(subject, User):
        powers = {"is_active", "is_staff", "is_superuser"}
        detail |= {name: getattr(subject, name) for name in sorted(powers)}
        detail["groups"] = sorted(subject.groups.values_list("name", flat=True))
        permissions = subject.user_permissions.all()
    else:
        permissions = subject.permissions.all()
    pairs = permissions.values_list("content_type__app_label", "codename")
    detail["permissions"] = sorted(".".join(pair) for pair in pairs)
    record_audit_event(
        actor=actor_of(request), action=action, subject=subject, detail=detail, now=timezone.now()
    )
