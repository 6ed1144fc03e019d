"""The pages of alerts: the list that fills by itself, and one alert with its evidence."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from console.core.admin import ReadOnlyAdmin, page_in_shell
from console.core.exceptions import VedetteError
from console.core.instants import how_long_ago
from console.core.requests import actor_of
from console.endpoints.reach import reach_of
from console.endpoints.selectors import endpoints_visible_to
from console.modules import endpoint_operations
from threatresponse.alerts.account import (
    STATES,
    arguments_of,
    chain_of,
    command_line_of,
    facts_of,
    search_for_process,
    sentence_of,
    terms_found,
    visible_text,
)
from threatresponse.alerts.listing import EVERY_STATE, AlertQuestion, part_of
from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import (
    alerts_changeable_by,
    alerts_visible_to,
    count_alerts_by_state,
)
from threatresponse.alerts.services import change_alert_state
from threatresponse.intel.selectors import intel_visible_to

# More would make a list that nobody reads; the search finds the others.
MOST_SIGNALS: Final = 500

FILTERS: Final = ("state", "q", "technique", "endpoint", "intel")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Alerts are raised by endpoints; people change nothing of them but their state."""

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show what the user may see."""
        return alerts_visible_to(request.user)

    def get_urls(self) -> list[URLPattern]:
        """Add the change of state."""
        own = path("state/", self.admin_site.admin_view(self.state_view), name="alerts_alert_state")
        return [own, *super().get_urls()]

    # ------------------------------------------------------------ pages

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the alerts; `?part=rows` only the tabs and rows, for the page's script."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        question = AlertQuestion.of(request.GET.dict())
        narrowed = question.narrow(self.get_queryset(request))
        part = part_of(question.in_state(narrowed), request.GET.get("before", ""))
        now = timezone.now()
        context = {
            "title": "Alerts",
            "opts": self.opts,
            "question": question,
            "query": self._query(request),
            "tabs": self._tabs(request, question, count_alerts_by_state(narrowed)),
            "rows": [_row(alert, now) for alert in part.alerts],
            "next_cursor": part.next_cursor,
            "states": STATES,
            "may_change": self._may_change(request),
            "signals": intel_visible_to(request.user)
            .order_by("name")
            .only("id", "name")[:MOST_SIGNALS],
            "endpoint_name": _name_of(request, question.endpoint),
            "may_write_intel": request.user.has_perm("intel.add_inteldocument"),
            "is_first_part": not request.GET.get("before"),
        }
        wants_part = request.GET.get("part") == "rows"
        return page_in_shell(
            request, "alerts/part.html" if wants_part else "alerts/list.html", context
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one alert with everything that is known of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        alert = self._alert(request, object_id)
        title, tone = STATES[alert.state]
        context = {
            "title": alert.intel_name,
            "opts": self.opts,
            "alert": alert,
            "host_name": visible_text(alert.endpoint.host_name),
            "state_title": title,
            "state_tone": tone,
            "states": STATES,
            "sentence": sentence_of(alert),
            "command_line": command_line_of(alert),
            "ago": how_long_ago(alert.happened_at, now=timezone.now()),
            "terms": terms_found(alert),
            "chain": chain_of(alert),
            "facts": facts_of(alert),
            "arguments": arguments_of(alert),
            # ASCII: what cannot be seen stands as an escape.
            "raw": json.dumps(alert.event, indent=2, ensure_ascii=True),
            "search": search_for_process(alert),
            "operations": _operations(request, alert.endpoint_id),
            "may_change": alerts_changeable_by(request.user).filter(pk=alert.pk).exists(),
            "may_see_endpoints": endpoints_visible_to(request.user)
            .filter(pk=alert.endpoint_id)
            .exists(),
            "may_see_intel": request.user.has_perm("intel.view_inteldocument"),
        }
        return page_in_shell(request, "alerts/alert.html", context)

    def state_view(self, request: HttpRequest) -> HttpResponse:
        """Set the state of the chosen alerts and lead back to where the user was."""
        if request.method != "POST" or not self._may_change(request):
            raise PermissionDenied
        ids = _ids(request.POST.getlist("ids"))
        state = request.POST.get("state", "")
        if not ids or state not in Alert.State.values:
            messages.error(request, "Choose alerts, then the state that they are to have.")
            return self._back(request, ids)
        visible = alerts_changeable_by(request.user).filter(pk__in=ids).values_list("pk", flat=True)
        try:
            changed = change_alert_state(
                list(visible),
                Alert.State(state),
                actor=actor_of(request),
                now=timezone.now(),
            )
        except VedetteError as refusal:
            messages.error(request, refusal.detail)
        else:
            title, _ = STATES[state]
            messages.success(request, f"{changed} alert{'' if changed == 1 else 's'}: {title}.")
        return self._back(request, ids)

    # ------------------------------------------------------------ own

    def _back(self, request: HttpRequest, ids: list[UUID]) -> HttpResponse:
        if request.POST.get("from") == "alert" and len(ids) == 1:
            return HttpResponseRedirect(reverse("admin:alerts_alert_change", args=ids))
        known = QueryDict(request.POST.get("query", ""))
        query = _encode({name: known.get(name, "") for name in FILTERS})
        address = reverse("admin:alerts_alert_changelist")
        return HttpResponseRedirect(f"{address}?{query}" if query else address)

    def _alert(self, request: HttpRequest, object_id: str) -> Alert:
        try:
            alert: Alert = self.get_queryset(request).get(pk=UUID(object_id))
        except (ValueError, Alert.DoesNotExist) as error:
            raise Http404("There is no such alert.") from error
        return alert

    def _may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alerts.change_alert")

    def _query(self, request: HttpRequest) -> str:
        return _encode({name: request.GET.get(name, "") for name in FILTERS})

    def _tabs(
        self, request: HttpRequest, question: AlertQuestion, counts: dict[str, int]
    ) -> list[dict[str, Any]]:
        titles = {**{state: title for state, (title, _) in STATES.items()}, EVERY_STATE: "All"}
        counts = {**counts, EVERY_STATE: sum(counts.values())}
        others = {name: request.GET.get(name, "") for name in FILTERS if name != "state"}
        return [
            {
                "state": state,
                "title": title,
                "count": counts[state],
                "query": _encode({"state": state, **others}),
                "is_current": state == question.state,
            }
            for state, title in titles.items()
        ]


def _row(alert: Alert, now: datetime) -> dict[str, Any]:
    title, tone = STATES[alert.state]
    return {
        "alert": alert,
        "state_title": title,
        "state_tone": tone,
        "host_name": visible_text(alert.endpoint.host_name),
        "process_path": visible_text(alert.process_path),
        "user_name": visible_text(alert.user_name),
        "ago": how_long_ago(alert.happened_at, now=now),
    }


def _name_of(request: HttpRequest, endpoint_id: UUID | None) -> str:
    if endpoint_id is None:
        return ""
    endpoint = endpoints_visible_to(request.user).filter(pk=endpoint_id).first()
    return "one endpoint" if endpoint is None else visible_text(endpoint.host_name)


def _operations(request: HttpRequest, endpoint_id: UUID) -> list[dict[str, str]]:
    return [
        {
            "title": operation.title,
            "icon": operation.icon,
            "url": reverse(operation.url_name, args=[endpoint_id]),
        }
        for operation in endpoint_operations()
        if reach_of(request.user, operation.permission).includes([endpoint_id])
    ]


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in texts]
    except ValueError:
        return []


def _encode(parameters: dict[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in parameters.items() if value})
    return query.urlencode()
