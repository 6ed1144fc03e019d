"""The pages of users and groups, in the console's looks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from console.access.models import User
from console.audit.services import record_audit_event
from console.core.requests import actor_of

admin.site.unregister(Group)
if admin.site.is_registered(AuthToken):
    admin.site.unregister(AuthToken)


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


@admin.register(User)
class UserAdmin(AdministratorsOnly, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # Unfold ships no types
    """Who may use the console."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "user.create", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "user.change", obj)
        return super().log_change(request, obj, message)


@admin.register(Group)
class GroupAdmin(AdministratorsOnly, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # Unfold ships no types
    """Sets of permissions that users share."""

    def log_addition(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "group.create", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        """Write the audit log as well as Django's own."""
        _audit(request, "group.change", obj)
        return super().log_change(request, obj, message)


def _audit(request: HttpRequest, action: str, subject: User | Group) -> None:
    record_audit_event(actor=actor_of(request), action=action, subject=subject, now=timezone.now())
