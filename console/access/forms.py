"""Forms of logins, users and roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.forms import AuthenticationForm, UserChangeForm
from unfold.widgets import UnfoldAdminSelectWidget

from console.access.administrators import administrators
from console.access.catalogue import ADMINISTRATOR
from console.access.exceptions import LastAdministrator
from console.access.models import Role
from console.access.time_zones import zone_names

# What of a user only goes with the administrator's own password.
_CONFIRMED: Final = {"roles", "is_superuser", "is_active"}


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # Unfold ships no types
    """The login, with one answer to every wrong try: it tells nobody which accounts exist."""

    error_messages: dict[str, Any] = {  # noqa: RUF012 - Django's own way
        **AuthenticationForm.error_messages,
        "invalid_login": (
            "The user name or the password is wrong, or this account may not use the console."
        ),
    }


def check_own_password(request: HttpRequest, password: str) -> None:
    """Raise `ValidationError` unless this is the password of whoever is logged in.

    It goes the way of a login: wrong ones are counted, stand in the audit log, and end in a pause.
    """
    user = authenticate(request, username=request.user.get_username(), password=password)
    if user is None or user.pk != request.user.pk:
        raise ValidationError("This is not your password.")


class ConfirmedForm(forms.Form):
    """A form that asks administrators for their own password: they give powers to others."""

    password = forms.CharField(
        label="Your own password, to confirm",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(
            attrs={"class": "v-input", "autocomplete": "current-password"}, render_value=False
        ),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Refuse anything but the password of whoever is logged in."""
        password: str = self.cleaned_data["password"]
        check_own_password(self.request, password)
        return password


class RoleForm(ConfirmedForm):
    """The name and the description of a role; the matrix beside it is read by its page."""

    name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"class": "v-input"}))
    description = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "v-input", "rows": 2}),
    )
    field_order: Sequence[str] = ("name", "description", "password")


class NewRoleForm(RoleForm):
    """A new role: empty, or with the permissions and the content of another."""

    copy_of = forms.ModelChoiceField(
        Role.objects.exclude(key=ADMINISTRATOR.key).order_by("name"),
        required=False,
        label="Start with the permissions of",
        empty_label="Nothing: an empty role",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    field_order = ("name", "copy_of", "description", "password")


class GuardedUserForm(UserChangeForm):  # type: ignore[misc]  # Unfold ships no types
    """Changes a user, but never leaves the console without an administrator."""

    # Set by the page: the form class is made for each request.
    request: HttpRequest

    roles = forms.ModelMultipleChoiceField(
        Role.objects.exclude(key=ADMINISTRATOR.key).order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What they may do is the sum of their roles; where, says each role.",
    )
    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in zone_names()],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Pages show instants in UTC; pointing at one tells it in this zone, too.",
    )
    own_password = forms.CharField(
        label="Your own password",
        required=False,
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(
            attrs={"class": "v-input", "autocomplete": "current-password"}, render_value=False
        ),
        help_text="Needed to change roles, or who is active or administrator.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["roles"].initial = self.instance.groups.values_list("pk", flat=True)

    def clean_time_zone(self) -> str:
        """Keep the zone where none was sent."""
        zone: str = self.cleaned_data["time_zone"] or self.instance.time_zone
        return zone

    def clean(self) -> dict[str, Any]:
        """Refuse to take the powers of the last active administrator, and to give any unasked."""
        fields: dict[str, Any] = super().clean() or self.cleaned_data
        stays = fields.get("is_superuser") and fields.get("is_active")
        if not stays and not administrators().exclude(pk=self.instance.pk).exists():
            raise ValidationError(LastAdministrator().detail)
        if _CONFIRMED & set(self.changed_data):
            try:
                check_own_password(self.request, fields.get("own_password") or "")
            except ValidationError as error:
                self.add_error("own_password", error)
        return fields
