"""Who may call what of roles: no role gives it, only being an administrator."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class IsAdministrator(BasePermission):
    """Let administrators in, and nobody else whatever their permissions."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the user is an administrator."""
        return request.user.is_active and bool(getattr(request.user, "is_superuser", False))
