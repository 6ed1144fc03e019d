"""Every error of the HTTP interfaces is a problem document (RFC 9457).

`type` is a URN that never changes, `title` its name, `detail` a sentence about this case, and
`errors` maps each wrong field to what is wrong with it.
"""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any, Final

from django.http import JsonResponse

from console.core.exceptions import VedetteError

MEDIA_TYPE: Final = "application/problem+json"


def problem(
    status: int, title: str, detail: str, *, errors: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """Return a problem document."""
    document: dict[str, Any] = {
        "type": f"urn:vedette:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        document["errors"] = dict(errors)
    return document


def problem_of(refusal: VedetteError) -> dict[str, Any]:
    """Return the problem document of a refusal."""
    return problem(refusal.status, refusal.title, refusal.detail, errors=refusal.errors)


def problem_response(
    status: int, detail: str, *, title: str = "", headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """Answer a plain Django request with a problem; the title is the status' own by default."""
    title = title or http.HTTPStatus(status).phrase.capitalize()
    return JsonResponse(
        problem(status, title, detail), status=status, content_type=MEDIA_TYPE, headers=headers
    )


def refusal_response(refusal: VedetteError) -> JsonResponse:
    """Answer a plain Django request with a refusal."""
    return JsonResponse(problem_of(refusal), status=refusal.status, content_type=MEDIA_TYPE)
