"""Who may call what: each view has one table from action to permission, and no table means no."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class ActionPermissions(BasePermission):
    """Ask for the permission that the view's `required_permissions` names for its action.

    It maps an action's name to `app_label.codename`. An action that is not in it is refused, so
    that a new one cannot be open by being forgotten. OPTIONS needs a login only.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the user may call this action at all."""
        user = request.user
        if isinstance(user, AnonymousUser) or not user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action == "metadata":
            return True
        if action is None:
            # The method does not exist here: DRF answers 405 after this.
            return True
        required = getattr(view, "required_permissions", {}).get(action)
        return required is not None and user.has_perm(required)
