"""Pages that belong to no app: health, the search of the navigation, the addresses of apps."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.core.health import program_states


@require_safe
@never_cache
def show_health(request: HttpRequest) -> JsonResponse:
    """Tell supervisors, load balancers and scripts, without a login, how the programs are.

    Answer 200 with one entry per program when all are up, else 503 with the reasons.
    """
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


@require_safe
def search_navigation(request: HttpRequest) -> HttpResponse:
    """Search as Unfold does; a page that is no number, or is not there, is not found."""
    # Unfold ships no types.
    site: Any = admin.site
    try:
        found: HttpResponse = site.search(request)
    except InvalidPage as error:
        raise Http404("There is no such page of results.") from error
    return found


@require_safe
def show_first_list(request: HttpRequest, app_label: str) -> HttpResponse:
    """Lead from an app's bare address, as `/alerts/`, to the list of that name, or to another.

    Only to what the user may see: the first of the app's lists where the one so named is hidden.
    """
    site: Any = admin.site
    for app in site.get_app_list(request, app_label):
        for model in sorted(app["models"], key=lambda model: model["name"].lower() != app_label):
            if model["admin_url"]:
                return HttpResponseRedirect(model["admin_url"])
    raise Http404("There is no page here that you may see.")
