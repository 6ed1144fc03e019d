"""Audit events over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import mixins

from console.audit.api.filtersets import AuditEventFilterSet
from console.audit.api.serializers import AuditEventSerializer
from console.audit.models import AuditEvent
from console.core.api.views import ResourceViewSet


class AuditEventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Who did what, when and from where; newest first."""

    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventSerializer
    filterset_class = AuditEventFilterSet
    lookup_field = "sequence"
    lookup_value_converter = "int"
    page_order = ("-sequence",)
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": "audit.view_auditevent",
        "retrieve": "audit.view_auditevent",
    }
