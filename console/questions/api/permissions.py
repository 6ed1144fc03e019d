"""Who may call what of questions: whoever may ask, or see what others asked; of which, rows say."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from console.access.models import User
from console.questions.selectors import VIEW
from console.questions.services import ASK

READS: Final = (ASK, VIEW)


class AsksOrSeesQuestions(BasePermission):
    """Let in who may ask questions, and for reading also who may see those of others.

    A view names in `asking_actions` for what one must be allowed to ask, and in `cut_actions` what
    answers everybody who is logged in with as much as they may see, be it nothing.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the user may call this action at all."""
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return False
        action = getattr(view, "action", None)
        if action is None or action == "metadata" or action in view.cut_actions:
            return True
        needed = (ASK,) if action in view.asking_actions else READS
        return any(user.has_perm(permission) for permission in needed)
