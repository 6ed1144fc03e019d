"""JSON between the pages of questions and the console: bodies in, refusals out.

Whoever may not do something is refused before the body is looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from console.access.models import User
from console.core.exceptions import InvalidInput, VedetteError
from console.core.problems import MEDIA_TYPE, problem_of, problem_response
from console.questions.exceptions import QuestionUnreadable

Body = TypeVar("Body")
P = ParamSpec("P")
JsonView = Callable[Concatenate[HttpRequest, P], Any]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def json_view(permission: str = "") -> Callable[[JsonView[P]], View[P]]:
    """Answer with the JSON that the view returns, or with a problem document for its refusal.

    Without `permission` (`app.codename`) everybody who is logged in may; the view decides on what
    it shows.
    """

    def decorate(view: JsonView[P]) -> View[P]:
        @functools.wraps(view)
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if permission and not request.user.has_perm(permission):
                return problem_response(403, "Your roles do not let you do this.")
            try:
                content = view(request, *args, **kwargs)
            except VedetteError as refusal:
                return refusal_with_place(refusal)
            response = JsonResponse(content)
            response["Cache-Control"] = "no-store"
            return response

        return answer

    return decorate


def user_of(request: HttpRequest) -> User:
    """Return who is logged in; pages let nobody else through. Raises `PermissionDenied`."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def refusal_with_place(refusal: VedetteError) -> HttpResponse:
    """Answer with a refusal; one of a text says where in the text, too."""
    document = problem_of(refusal)
    if isinstance(refusal, QuestionUnreadable):
        document |= place_of(refusal)
    return JsonResponse(document, status=refusal.status, content_type=MEDIA_TYPE)


def place_of(refusal: QuestionUnreadable) -> dict[str, Any]:
    """Return where a text is wrong, and what could have stood there."""
    return {
        "message": refusal.detail,
        "line": refusal.line,
        "column": refusal.column,
        "length": refusal.length,
        "expected": list(refusal.expected),
    }


def body_of(request: HttpRequest, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Read the body of a request. Raises `InvalidInput`."""
    try:
        return decoder.decode(request.body)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The request cannot be read: {error}") from error
