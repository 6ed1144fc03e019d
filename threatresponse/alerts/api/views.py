"""Alerts over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from console.core.api.pagination import CursorPages
from console.core.api.views import ResourceViewSet
from threatresponse.alerts.api.filtersets import AlertFilterSet
from threatresponse.alerts.api.serializers import (
    AlertSerializer,
    BulkStateSerializer,
    ChangedSerializer,
    StateSerializer,
)
from threatresponse.alerts.models import Alert
from threatresponse.alerts.selectors import (
    alerts_changeable_by,
    alerts_visible_to,
    count_alerts_by_state,
)
from threatresponse.alerts.services import change_alert_state


class AlertPages(CursorPages):
    """Alerts carry their evidence: a page of hostile ones must stay below 30 MiB."""

    page_size = 50
    max_page_size = 200


class AlertViewSet(ResourceViewSet, ListModelMixin, RetrieveModelMixin):
    """What rules found, newest first."""

    serializer_class = AlertSerializer
    filterset_class = AlertFilterSet
    pagination_class = AlertPages
    lookup_value_converter = "uuid"
    page_order = ("-received_at", "id")
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "alerts.view_alert",
        "retrieve": "alerts.view_alert",
        "counts": "alerts.view_alert",
        "partial_update": "alerts.change_alert",
        "change_state": "alerts.change_alert",
    }

    def get_queryset(self) -> Any:
        """Return what the user may see, or what they may change where that is asked."""
        if self.action in ("partial_update", "change_state"):
            return alerts_changeable_by(self.request.user)
        return alerts_visible_to(self.request.user)

    @extend_schema(request=StateSerializer, responses=AlertSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the state of one alert."""
        alert: Alert = self.get_object()
        state = Alert.State(_checked(StateSerializer(data=request.data))["state"])
        change_alert_state([alert.pk], state, actor=self.actor(), now=timezone.now())
        alert.refresh_from_db(fields=["state"])
        return Response(AlertSerializer(alert).data)

    @extend_schema(request=BulkStateSerializer, responses=ChangedSerializer)
    @action(detail=False, methods=["post"], url_path="change-state")
    def change_state(self, request: Request) -> Response:
        """Change the state of several alerts and tell how many had another one."""
        sent = _checked(BulkStateSerializer(data=request.data))
        visible = self.get_queryset().filter(pk__in=sent["ids"]).values_list("pk", flat=True)
        state = Alert.State(sent["state"])
        changed = change_alert_state(list(visible), state, actor=self.actor(), now=timezone.now())
        return Response({"changed": changed})

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "integer"}}})
    @action(detail=False, pagination_class=None)
    def counts(self, request: Request) -> Response:
        """Count the alerts by state, after the same filters as the list."""
        return Response(count_alerts_by_state(self.filter_queryset(self.get_queryset())))


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
