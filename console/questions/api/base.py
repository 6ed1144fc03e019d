"""What the resources of questions share."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response

from console.access.models import User
from console.core.api.views import ResourceViewSet
from console.questions.api.permissions import AsksOrSeesQuestions
from console.questions.exceptions import QuestionUnreadable
from console.questions.models import Question
from console.questions.selectors import question_for
from sensors.exceptions import BuilderRefused


class QuestionResource(ResourceViewSet):
    """A resource about questions; which ones, the selectors decide."""

    permission_classes = (AsksOrSeesQuestions,)
    lookup_value_converter = "uuid"
    # What needs `questions.ask_question`; all else is for whoever may see questions, too.
    asking_actions: ClassVar[frozenset[str]] = frozenset()
    cut_actions: ClassVar[frozenset[str]] = frozenset()

    def handle_exception(self, exc: Exception) -> Response:
        """Add the place in the text to the problem of what is no question."""
        response = super().handle_exception(exc)
        if isinstance(exc, QuestionUnreadable) and isinstance(response.data, dict):
            response.data.update(place_in_text(exc))
        return response

    def user(self) -> User:
        """Return the user behind the request."""
        return user_of(self)

    def question(self, question_id: UUID) -> Question:
        """Return a question that the user may see. Raises `NotFound`."""
        return question_for(self.user(), question_id)


def user_of(view: ResourceViewSet) -> User:
    """Return the user behind a request that was let in. Raises `NotAuthenticated`."""
    if not isinstance(view.request.user, User):
        raise NotAuthenticated
    return view.request.user


def place_in_text(refusal: QuestionUnreadable) -> dict[str, Any]:
    """Say where a text is no question, and what was expected there."""
    return {
        "reason": refusal.detail,
        "line": refusal.line,
        "column": refusal.column,
        "length": refusal.length,
        "expected": list(refusal.expected),
    }


def place_in_form(refusal: BuilderRefused) -> dict[str, Any]:
    """Say where a form is no question, and what was expected there."""
    return {
        "reason": refusal.message,
        "path": refusal.path,
        "expected": list(refusal.expected),
    }


def checked(serializer: Any) -> dict[str, Any]:
    """Return what was sent, or refuse it."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
