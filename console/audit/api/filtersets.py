"""What the audit log can be narrowed by."""

from __future__ import annotations

import django_filters

from console.audit.models import AuditEvent


class AuditEventFilterSet(django_filters.FilterSet):
    """`since` and `until` are instants; the rest must be equal."""

    since = django_filters.IsoDateTimeFilter(field_name="happened_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="happened_at", lookup_expr="lt")

    class Meta:
        model = AuditEvent
        fields = (
            "action",
            "outcome",
            "actor_id",
            "actor_name",
            "source_address",
            "subject_type",
            "subject_id",
        )
