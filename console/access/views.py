"""The page on which users change their own password."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils import timezone
from unfold.forms import AdminOwnPasswordChangeForm

from console.access.models import User
from console.access.services import set_password
from console.core.requests import actor_of


class OwnPasswordView(PasswordChangeView):
    """Ask for the old password and the new one; every other login and API token ends."""

    form_class = AdminOwnPasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what every page of the console shows."""
        return {**admin.site.each_context(self.request), **super().get_context_data(**context)}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Change the password through the service; this very login goes on."""
        user = self.request.user
        if not isinstance(user, User):
            raise PermissionDenied
        password = form.cleaned_data["new_password1"]
        set_password(user, password=password, actor=actor_of(self.request), now=timezone.now())
        update_session_auth_hash(self.request, user)
        return HttpResponseRedirect(str(self.get_success_url()))
