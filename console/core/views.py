"""The health page, for supervisors, load balancers and scripts. It needs no login."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.core.health import program_states


@require_safe
@never_cache
def show_health(request: HttpRequest) -> JsonResponse:
    """Answer 200 with one entry per program when all are up, else 503 with the reasons."""
    states = program_states()
    is_up = all(state.is_up for state in states)
    content = {
        "state": "up" if is_up else "down",
        "programs": {
            state.name: {"state": "up"}
            if state.is_up
            else {"state": "down", "reason": state.reason}
            for state in states
        },
    }
    return JsonResponse(content, status=HTTPStatus.OK if is_up else HTTPStatus.SERVICE_UNAVAILABLE)
